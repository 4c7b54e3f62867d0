#include "core/ops/random.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/graph/tile_loops.h"
#include "core/kernels/philox_fill.h"
#include "core/kernels/random_functions.h"
#include "core/ops/dropout_common.h"
#include "core/ops/fill.h"

namespace strata {

namespace {
constexpr std::size_t tile_elements = 1024;
constexpr std::size_t tiles_per_thread = 8;

philox::Stream stream_of(std::span<const std::int64_t> state, std::uint32_t stream) {
  return {philox::key_from_seed(static_cast<philox::Index>(state[0])), stream, static_cast<philox::Word>(state[1])};
}

Type infer_random(std::string_view name, const Type& type, bool types_fit, std::string_view wanted,
                  std::span<const Type> in) {
  detail::require_inputs(name, 1, in);
  if (in[0] != Type{DType::i64, {2}}) fail_expected(name, "a state i64[2] (seed, step)", to_string(in[0]));
  for (std::int64_t d : type.shape)
    if (d < 0) fail_expected(name, "concrete sizes of at least 0", to_string(type.shape));
  if (!types_fit) fail_expected(name, wanted, to_string(type.dtype));
  return type;
}

/// f(first, count) for every tile of [0, elements), on several threads.
template <class F>
void for_tiles(Cpu& cpu, std::size_t elements, F&& f) {
  const std::size_t count = (elements + tile_elements - 1) / tile_elements;
  cpu.parallel_ranges(count, tiles_per_thread, [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t t = begin; t < end; ++t) f(t * tile_elements, std::min(tile_elements, elements - t * tile_elements));
  });
}

/// out[i] = shift + scale * z(i), where fill(buffer, first, count) makes the z in the arithmetic type.
template <class Fill>
void run_affine(Cpu& cpu, const Buffers& io, DType dtype, double shift, double scale, Fill&& fill) {
  const auto run_as = [&]<class T>() {
    using A = tiles::Arithmetic<T>;
    const auto out = io.out<T>(0);
    const A a = static_cast<A>(shift), b = static_cast<A>(scale);
    for_tiles(cpu, out.size(), [&](std::size_t first, std::size_t count) {
      A z[tile_elements];
      fill(z, first, count);
      T* y = out.data() + first;
      for (std::size_t i = 0; i < count; ++i) y[i] = tiles::store<T>(a + b * z[i]);
    });
  };
  switch (dtype) {
    case DType::f64: return run_as.template operator()<double>();
    case DType::f16: return run_as.template operator()<Half>();
    case DType::bf16: return run_as.template operator()<BFloat16>();
    default: return run_as.template operator()<float>();
  }
}

template <class T>
void truncated(T* z, std::size_t first, std::size_t count, philox::Stream s) {
  philox::fill_uniform(z, first, count, s);
  for (std::size_t i = 0; i < count; ++i) z[i] = philox::truncated_normal_from_uniform(z[i]);
}
}  // namespace

Type RandomUniform::infer(std::span<const Type> in) const {
  return infer_random(name, {dtype, shape}, is_floating(dtype), "a floating element type", in);
}
Type RandomNormal::infer(std::span<const Type> in) const {
  return infer_random(name, {dtype, shape}, is_floating(dtype), "a floating element type", in);
}
Type TruncatedNormal::infer(std::span<const Type> in) const {
  return infer_random(name, {dtype, shape}, is_floating(dtype), "a floating element type", in);
}
Type RandomInt::infer(std::span<const Type> in) const {
  const bool integers = dtype == DType::i32 || dtype == DType::i64 || dtype == DType::u8;
  // Unsigned, because the difference of two i64 may not fit one.
  const auto count = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
  if (low >= high || count > (std::uint64_t{1} << 32))
    fail_expected(name, "low < high, at most 2^32 apart", std::to_string(low) + " and " + std::to_string(high));
  return infer_random(name, {dtype, shape}, integers, "i32, i64 or u8", in);
}

void RandomUniform::run(Cpu& cpu, Buffers io) const {
  const auto s = stream_of(io.in<std::int64_t>(0), stream);
  run_affine(cpu, io, dtype, low, high - low,
             [&](auto* z, std::size_t first, std::size_t count) { philox::fill_uniform(z, first, count, s); });
}
void RandomNormal::run(Cpu& cpu, Buffers io) const {
  const auto s = stream_of(io.in<std::int64_t>(0), stream);
  run_affine(cpu, io, dtype, mean, stddev,
             [&](auto* z, std::size_t first, std::size_t count) { philox::fill_normal(z, first, count, s); });
}
void TruncatedNormal::run(Cpu& cpu, Buffers io) const {
  const auto s = stream_of(io.in<std::int64_t>(0), stream);
  run_affine(cpu, io, dtype, mean, stddev,
             [&](auto* z, std::size_t first, std::size_t count) { truncated(z, first, count, s); });
}

void RandomInt::run(Cpu& cpu, Buffers io) const {
  const auto s = stream_of(io.in<std::int64_t>(0), stream);
  const auto range = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
  const auto run_as = [&]<class T>() {
    const auto out = io.out<T>(0);
    for_tiles(cpu, out.size(), [&](std::size_t first, std::size_t count) {
      philox::Word w[tile_elements];
      philox::fill_u32(w, first, count, s);
      for (std::size_t i = 0; i < count; ++i)
        out[first + i] = static_cast<T>(philox::integer_from_word(w[i], low, range));
    });
  };
  if (dtype == DType::i64) return run_as.template operator()<std::int64_t>();
  if (dtype == DType::u8) return run_as.template operator()<std::uint8_t>();
  run_as.template operator()<std::int32_t>();
}

namespace {
/// What decides, computed once.
philox::Keep keep_of(double rate) {
  return {static_cast<int>(std::ceil(rate * 16777216.0)), rate < 1 ? 1 / (1 - rate) : 0};
}

template <class T>
void drop_elements(Cpu& cpu, const Buffers& io, philox::Keep keep, philox::Stream s) {
  using A = tiles::Arithmetic<T>;
  const auto in = io.in<T>(0);
  const auto out = io.out<T>(0);
  const A scale = static_cast<A>(keep.scale);
  for_tiles(cpu, in.size(), [&](std::size_t first, std::size_t count) {
    philox::Word w[tile_elements];
    philox::fill_u32(w, first, count, s);
    const T* x = in.data() + first;
    T* y = out.data() + first;
    STRATA_INDEPENDENT_ITERATIONS
    for (std::size_t i = 0; i < count; ++i) y[i] = philox::kept_or_zero(keep(w[i]), x[i], scale);
  });
}

/// The noise shape with 1s in front, and open sizes taken from x.
Shape resolved(const Shape& noise, const Shape& x, std::string_view name) {
  const auto fail = [&] {
    fail_expected(name, "a noise shape of 1 or x's size for each axis of " + to_string(x), to_string(noise));
  };
  if (noise.rank() != x.rank()) fail();
  Shape out = noise;
  for (int i = 0; i < out.rank(); ++i) {
    if (out[i] == open_dim) out[i] = x[i];
    if (out[i] != 1 && out[i] != x[i]) fail();
  }
  return out;
}

template <class T>
void drop_together(Cpu& cpu, const Buffers& io, philox::Keep keep, philox::Stream s, const Shape& noise) {
  using A = tiles::Arithmetic<T>;
  const Shape& shape = io.in_type(0).shape;
  const auto words = static_cast<std::size_t>(noise.elements());
  philox::Word* const w = io.scratch<philox::Word>();
  for_tiles(cpu, words, [&](std::size_t first, std::size_t count) { philox::fill_u32(w + first, first, count, s); });
  const auto n = static_cast<std::size_t>(shape.back());
  const bool along = noise.back() != 1;
  const auto strides = row_major_strides(noise);
  const A scale = static_cast<A>(keep.scale);
  const T* in = io.in<T>(0).data();
  T* out = io.out<T>(0).data();
  const std::size_t rows = n == 0 ? 0 : static_cast<std::size_t>(shape.elements()) / n;
  cpu.parallel_for(rows, [&](std::size_t r) {
    auto rest = static_cast<std::int64_t>(r);
    std::int64_t at = 0;
    for (int axis = shape.rank() - 2; axis >= 0; --axis) {
      if (noise[axis] != 1) at += rest % shape[axis] * strides[static_cast<std::size_t>(axis)];
      rest /= shape[axis];
    }
    const philox::Word* row = w + at;
    const T* x = in + r * n;
    T* y = out + r * n;
    STRATA_INDEPENDENT_ITERATIONS
    for (std::size_t i = 0; i < n; ++i) y[i] = philox::kept_or_zero(keep(row[along ? i : 0]), x[i], scale);
  }, std::max<std::size_t>(1, 4096 / std::max<std::size_t>(1, n)));
}
}  // namespace

Type Dropout::infer(std::span<const Type> in) const {
  detail::require_inputs(name, 2, in);
  detail::infer_unary(name, Domain::floating, in.first(1));
  if (in[1] != Type{DType::i64, {2}}) fail_expected(name, "a state i64[2] (seed, step)", to_string(in[1]));
  if (!(rate >= 0 && rate <= 1)) fail_expected(name, "a rate in [0, 1]", std::to_string(rate));
  if (!noise_shape.empty()) resolved(noise_shape, in[0].shape, name);
  return in[0];
}

Values Dropout::vjp(const Node& node, Value g) const { return {apply(*this, g, node.input(1)), {}}; }

DropoutPlan dropout_plan(const Dropout& op, const Shape& x) {
  DropoutPlan plan{keep_of(op.rate), {}, false};
  if (op.noise_shape.empty()) return plan;
  plan.noise = resolved(op.noise_shape, x, Dropout::name);
  plan.together = plan.noise != x;
  return plan;
}

Kernel Dropout::prepare(const CpuTarget&, const Signature& s) const {
  Kernel kernel;
  kernel.in_place = {{0, 0}};
  const DropoutPlan plan = dropout_plan(*this, s.inputs[0].shape);
  if (plan.together) kernel.scratch_bytes = static_cast<std::size_t>(plan.noise.elements()) * sizeof(philox::Word);
  kernel.run = [plan, number = stream](Cpu& cpu, const Buffers& io) {
    const auto state = stream_of(io.in<std::int64_t>(1), number);
    const auto run_as = [&]<class T>() {
      return plan.together ? drop_together<T>(cpu, io, plan.keep, state, plan.noise)
                           : drop_elements<T>(cpu, io, plan.keep, state);
    };
    switch (io.in_type(0).dtype) {
      case DType::f64: return run_as.template operator()<double>();
      case DType::f16: return run_as.template operator()<Half>();
      case DType::bf16: return run_as.template operator()<BFloat16>();
      default: return run_as.template operator()<float>();
    }
  };
  return kernel;
}

Tensor random_state(std::uint64_t seed, std::int64_t step) {
  return Tensor::from<std::int64_t>({2}, {static_cast<std::int64_t>(seed), step});
}

namespace random {
Tensor uniform(const Shape& shape, double low, double high, DType dtype) {
  return apply(RandomUniform{shape, low, high, 0, dtype}, random_state(next_process_seed()));
}
Tensor normal(const Shape& shape, double mean, double stddev, DType dtype) {
  return apply(RandomNormal{shape, mean, stddev, 0, dtype}, random_state(next_process_seed()));
}
Tensor truncated_normal(const Shape& shape, double mean, double stddev, DType dtype) {
  return apply(TruncatedNormal{shape, mean, stddev, 0, dtype}, random_state(next_process_seed()));
}
Tensor randint(const Shape& shape, std::int64_t low, std::int64_t high, DType dtype) {
  return apply(RandomInt{shape, low, high, 0, dtype}, random_state(next_process_seed()));
}

Tensor permutation(std::int64_t count) { return permutation(count, next_process_seed()); }

// Fisher and Yates's shuffle; 53-bit numbers keep the bias of the choice below count / 2^53.
Tensor permutation(std::int64_t count, std::uint64_t seed) {
  const Device wanted = current_device();
  const DeviceScope processor(Device{});
  Tensor order = arange(count);
  const auto y = order.mutable_data<std::int64_t>();
  const philox::Stream s{philox::key_from_seed(seed), 0, 0};
  double u[tile_elements];
  for (std::size_t left = y.size(), drawn = 0; left > 1; --left, ++drawn) {
    if (drawn % tile_elements == 0) philox::fill_uniform(u, drawn, tile_elements, s);
    const auto other = static_cast<std::size_t>(u[drawn % tile_elements] * static_cast<double>(left));
    std::swap(y[left - 1], y[std::min(other, left - 1)]);
  }
  return order.to(wanted);
}
}  // namespace random

}  // namespace strata
