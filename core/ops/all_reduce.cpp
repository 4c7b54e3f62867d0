#include "core/ops/all_reduce.h"

#include "core/device/communicator.h"
#include "core/graph/replication.h"

namespace strata {

Type AllReduce::infer(std::span<const Type> in) const {
  if (in[0].dtype == DType::u8 || in[0].dtype == DType::boolean)
    fail_expected(name, "numbers of f32, f64, f16, bf16, i32 or i64", to_string(in[0]));
  return in[0];
}

Values AllReduce::vjp(const Node&, Value g) const { return {apply(AllReduce{}, g)}; }

Kernel AllReduce::prepare(const CpuTarget& target, const Signature& s) const {
  if (!target.communicator) return {.run = {}, .in_place = {}, .view = true};
  const Type type = s.inputs[0];
  return {.run =
              [communicator = target.communicator, type](Cpu&, const Buffers& io) {
                communicator->all_reduce(Reduction::sum, type.dtype, io.in_raw()[0], io.out_raw()[0],
                                         static_cast<std::size_t>(type.shape.elements()));
              },
          .in_place = {{0, 0}}};
}

Value all_reduce(const Value& x, bool deferred) {
  return current_replication().replicas == 1 ? x : apply(AllReduce{deferred}, x);
}

}  // namespace strata
