#include "core/cuda/marks.h"

#include "core/cuda/launch.h"

namespace strata::cuda {

namespace {
struct MarkStep {
  volatile Marks* marks;
  std::int64_t step;
  STRATA_HD void operator()(std::int64_t) const {
    marks->call = -1;
    marks->step = step;
  }
};

struct MarkCall {
  volatile Marks* marks;
  std::int64_t call;
  STRATA_HD void operator()(std::int64_t) const {
    marks->call = call;
    marks->calls = marks->calls + 1;
  }
};
}  // namespace

void mark_step(Cuda& gpu, Marks* marks, std::int64_t step) { for_each(gpu, 1, MarkStep{marks, step}); }
void mark_call(Cuda& gpu, Marks* marks, std::int64_t call) { for_each(gpu, 1, MarkCall{marks, call}); }

}  // namespace strata::cuda
