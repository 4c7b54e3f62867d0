#include "core/compile/scatter_gather.h"

#include "core/device/gpu_communicator.h"
#include "core/ops/all_reduce.h"

namespace strata {

namespace {
std::size_t elements(const Type& t) { return static_cast<std::size_t>(t.shape.elements()); }
}  // namespace

Type ReduceScatter::infer(std::span<const Type> in) const {
  const std::int64_t all = in[0].shape.elements();
  if (in[0].shape.rank() != 1 || all % replicas != 0)
    fail_expected(name, "a vector of " + std::to_string(replicas) + " equal parts", to_string(in[0]));
  return {in[0].dtype, {all / replicas}};
}

Kernel ReduceScatter::prepare(const CpuTarget& target, const Signature& s) const {
  require(target.communicator != nullptr, name, "is for plans of several replicas");
  return {.run =
              [communicator = target.communicator, part = s.outputs[0]](Cpu&, const Buffers& io) {
                communicator->reduce_scatter(Reduction::sum, part.dtype, io.in_raw()[0], io.out_raw()[0],
                                             elements(part));
              },
          .in_place = {}};
}

Type AllGather::infer(std::span<const Type> in) const {
  if (in[0].shape.rank() != 1) fail_expected(name, "a vector", to_string(in[0]));
  return {in[0].dtype, {in[0].shape.elements() * replicas}};
}

Kernel AllGather::prepare(const CpuTarget& target, const Signature& s) const {
  require(target.communicator != nullptr, name, "is for plans of several replicas");
  return {.run =
              [communicator = target.communicator, part = s.inputs[0]](Cpu&, const Buffers& io) {
                communicator->all_gather(part.dtype, io.in_raw()[0], io.out_raw()[0], elements(part));
              },
          .in_place = {}};
}

bool is_exchange(const Op& op) {
  return op.as<AllReduce>() != nullptr || op.as<ReduceScatter>() != nullptr || op.as<AllGather>() != nullptr;
}

std::optional<Kernel> exchange_among_gpus(const Op& op, const std::shared_ptr<GpuCommunicator>& others,
                                          const Signature& s) {
  Kernel kernel;
  if (op.as<AllReduce>() != nullptr) {
    kernel.in_place = {{0, 0}};
    kernel.launch = [others, type = s.inputs[0]](Cuda& gpu, const Buffers& io) {
      others->all_reduce(gpu, Reduction::sum, type.dtype, io.in_raw()[0], io.out_raw()[0], elements(type));
    };
  } else if (op.as<ReduceScatter>() != nullptr) {
    kernel.launch = [others, part = s.outputs[0]](Cuda& gpu, const Buffers& io) {
      others->reduce_scatter(gpu, Reduction::sum, part.dtype, io.in_raw()[0], io.out_raw()[0], elements(part));
    };
  } else if (op.as<AllGather>() != nullptr) {
    kernel.launch = [others, part = s.inputs[0]](Cuda& gpu, const Buffers& io) {
      others->all_gather(gpu, part.dtype, io.in_raw()[0], io.out_raw()[0], elements(part));
    };
  } else {
    return std::nullopt;
  }
  return kernel;
}

}  // namespace strata
