#pragma once

#include <cstdint>

#include "core/device/seed.h"
#include "core/ops/elementwise.h"

/// Random numbers from Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11). A generator
/// is a function of its `stream`, of the element's row-major index, and of its last input, the state: i64[2] holding the
/// seed (the key) and the step (its lower 32 bits are the counter's last word). Numbers therefore do not depend on threads,
/// fusing or recomputing; whoever owns the state raises the step. Element i of an f32, f16 or bf16 tensor takes word i % 4
/// of block i / 4 (normal numbers: a pair of words for a pair of elements); f64 takes two words an element. No gradients.
namespace strata {

/// low + u (high - low), u uniform in [0, 1); rounding may yield high itself. Floating types.
struct STRATA_API RandomUniform {
  Shape shape;
  double low = 0, high = 1;
  std::uint32_t stream = 0;
  DType dtype = DType::f32;
  static constexpr std::string_view name = "random_uniform";
  bool operator==(const RandomUniform&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node&, Value) const { return no_gradient(); }
  void run(Cpu&, Buffers) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};

/// mean + stddev z, z standard normal by Box and Muller's method. Floating types.
struct STRATA_API RandomNormal {
  Shape shape;
  double mean = 0, stddev = 1;
  std::uint32_t stream = 0;
  DType dtype = DType::f32;
  static constexpr std::string_view name = "random_normal";
  bool operator==(const RandomNormal&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node&, Value) const { return no_gradient(); }
  void run(Cpu&, Buffers) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};

/// mean + stddev z, z normal within [-2, 2], by the inverse distribution function: the result's own standard deviation is
/// 0.8796 stddev. Floating types.
struct STRATA_API TruncatedNormal {
  Shape shape;
  double mean = 0, stddev = 1;
  std::uint32_t stream = 0;
  DType dtype = DType::f32;
  static constexpr std::string_view name = "truncated_normal";
  bool operator==(const TruncatedNormal&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node&, Value) const { return no_gradient(); }
  void run(Cpu&, Buffers) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};

/// Integers in [low, high), one word each: with d = high - low <= 2^32 numbers, chances differ by at most d / 2^32 of
/// themselves. i32, i64 and u8.
struct STRATA_API RandomInt {
  Shape shape;
  std::int64_t low = 0, high = 2;
  std::uint32_t stream = 0;
  DType dtype = DType::i32;
  static constexpr std::string_view name = "random_int";
  bool operator==(const RandomInt&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node&, Value) const { return no_gradient(); }
  void run(Cpu&, Buffers) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};

/// (x, state) -> u >= rate ? x / (1 - rate) : 0, where u = (word >> 8) 2^-24 of the element's word, compared exactly. With
/// a noise shape (1 or x's size for each axis; open_dim stands for x's size) the word is that of the place in the noise
/// shape, so that elements along an axis of size 1 share a fate. The gradient is the same op with the same state.
/// Error unless 0 <= rate <= 1.
struct STRATA_API Dropout {
  double rate = 0.5;
  std::uint32_t stream = 0;
  Shape noise_shape = {};
  static constexpr std::string_view name = "dropout";
  bool operator==(const Dropout&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node&, Value g) const;
  Kernel prepare(const CpuTarget&, const Signature&) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};

/// `state` is i64[2]: seed, step.
template <ArrayOperand X, ArrayOperand S>
auto dropout(const X& x, const S& state, double rate, std::uint32_t stream = 0, const Shape& noise_shape = {}) {
  return apply(Dropout{rate, stream, noise_shape}, x, state);
}

/// {seed, step} as the state of the generators.
STRATA_API Tensor random_state(std::uint64_t seed, std::int64_t step = 0);

/// Tensors, each drawn with the next seed of the process (utils::set_random_seed makes them reproducible).
namespace random {
STRATA_API Tensor uniform(const Shape&, double low = 0, double high = 1, DType = DType::f32);
STRATA_API Tensor normal(const Shape&, double mean = 0, double stddev = 1, DType = DType::f32);
STRATA_API Tensor truncated_normal(const Shape&, double mean = 0, double stddev = 1, DType = DType::f32);
STRATA_API Tensor randint(const Shape&, std::int64_t low, std::int64_t high, DType = DType::i32);
/// 0, 1, ... count - 1 in random order (i64): what shuffling goes by.
STRATA_API Tensor permutation(std::int64_t count);
STRATA_API Tensor permutation(std::int64_t count, std::uint64_t seed);
}  // namespace random

}  // namespace strata
