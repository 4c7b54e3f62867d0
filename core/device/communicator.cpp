#include "core/device/communicator.h"

#include "core/device/background_calls.h"
#include "core/device/gpu_communicator.h"

namespace strata {

Communicator::Communicator() : background_(std::make_unique<BackgroundCalls>()) {}
Communicator::~Communicator() = default;
GpuCommunicator::~GpuCommunicator() = default;

std::string_view to_string(Reduction r) {
  switch (r) {
    case Reduction::sum:
      return "sum";
    case Reduction::mean:
      return "mean";
    case Reduction::max:
      break;
  }
  return "max";
}

}  // namespace strata
