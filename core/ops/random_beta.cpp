#include "core/ops/random_beta.h"

#include "core/kernels/beta_numbers.h"
#include "core/kernels/random_functions.h"
#include "core/ops/elementwise.h"

namespace strata {

Type RandomBeta::infer(std::span<const Type> in) const {
  detail::require_inputs(name, 3, in);
  if (in[0] != Type{DType::i64, {2}}) fail_expected(name, "a state i64[2] (seed, step)", to_string(in[0]));
  for (const Type& parameter : in.subspan(1))
    if (parameter != Type{DType::f32, {}})
      fail_expected(name, "parameters " + to_string(Type{DType::f32, {}}), to_string(parameter));
  for (const std::int64_t d : shape)
    if (d < 0) fail_expected(name, "concrete sizes of at least 0", to_string(shape));
  return {DType::f32, shape};
}

void RandomBeta::run(Cpu& cpu, Buffers io) const {
  const philox::Stream s = philox::stream_of(io.in<std::int64_t>(0).data(), stream);
  const float a = io.in<float>(1)[0], b = io.in<float>(2)[0];
  const auto out = io.out<float>(0);
  cpu.parallel_for(
      out.size(),
      [&](std::size_t i) { out[i] = a > 0 && b > 0 ? philox::beta_variable(a, b, i, s) : math::detail::quiet_nan(); },
      256);
}

}  // namespace strata
