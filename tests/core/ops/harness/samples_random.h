#pragma once

#include <numbers>

#include "core/kernels/philox.h"
#include "tests/core/ops/harness/samples_unary.h"

namespace strata::harness {

// The references take single words of Philox, whose own test holds it against published vectors, and make numbers of
// them with the standard library.

inline Tensor random_state_sample() { return Tensor::from<std::int64_t>({2}, {0x123456789abcdef, 77}); }
inline philox::Stream random_stream_sample(std::uint32_t stream) {
  return {philox::key_from_seed(0x123456789abcdefULL), stream, 77};
}
inline std::uint32_t random_word(std::size_t i, std::uint32_t stream) {
  return philox::word_at(i, random_stream_sample(stream));
}
inline double uniform_24(std::uint32_t word) { return static_cast<double>(word >> 8) * 0x1p-24; }
inline double uniform_53(std::uint32_t first, std::uint32_t second) {
  return (static_cast<double>(first >> 5) * 67108864.0 + static_cast<double>(second >> 6)) * 0x1p-53;
}

/// f(element) over a shape, once in f32 and once in f64; the results are the same on any number of threads.
template <class RandomOp>
Sample random_sample(RandomOp op, const std::function<double(std::size_t)>& f) {
  Sample s{.op = op, .inputs = {random_state_sample()}};
  if constexpr (requires { op.dtype; }) s.label = std::string(to_string(op.dtype)) + to_string(op.shape);
  s.reference = [shape = op.shape, f](const Arrays&) {
    std::size_t i = 0;
    return Arrays{built(shape, [&](const Index&) { return f(i++); })};
  };
  s.same_for_all_threads = true;
  return s;
}
inline Shapes random_shapes() { return {{3, 5}, {}, {0}, {31, 1009}}; }

template <>
struct Samples<RandomUniform> {
  static SampleList make() {
    SampleList list;
    for (const Shape& shape : random_shapes()) {
      list.push_back(random_sample(RandomUniform{shape, -2, 3, 9, DType::f32},
                                   [](std::size_t i) { return -2 + 5 * uniform_24(random_word(i, 9)); }));
      list.push_back(random_sample(RandomUniform{shape, -2, 3, 9, DType::f64}, [](std::size_t i) {
        return -2 + 5 * uniform_53(random_word(2 * i, 9), random_word(2 * i + 1, 9));
      }));
    }
    return list;
  }
};
template <>
struct Samples<RandomNormal> {
  static SampleList make() {
    SampleList list;
    for (const Shape& shape : random_shapes()) {
      Sample s = random_sample(RandomNormal{shape, 1, 2, 4, DType::f32}, [](std::size_t i) {
        const std::size_t first = i / 2 * 2;
        const double u = (static_cast<double>(random_word(first, 4) >> 1) + 0.5) * 0x1p-31;
        const double turn = 2 * std::numbers::pi * uniform_24(random_word(first + 1, 4));
        return 1 + 2 * std::sqrt(-2 * std::log(u)) * (i % 2 == 0 ? std::cos(turn) : std::sin(turn));
      });
      s.tolerance = 5e-6;
      list.push_back(std::move(s));
    }
    return list;
  }
};
template <>
struct Samples<TruncatedNormal> {
  static SampleList make() {
    SampleList list;
    for (const Shape& shape : random_shapes()) {
      // The quantile by bisection of the distribution function.
      Sample s = random_sample(TruncatedNormal{shape, 1, 2, 4, DType::f32}, [](std::size_t i) {
        const double p = (uniform_24(random_word(i, 4)) + 0x1p-25) * std::erf(std::numbers::sqrt2) * 2 -
                         std::erf(std::numbers::sqrt2);
        double low = -2, high = 2;
        for (int step = 0; step < 60; ++step) {
          const double middle = (low + high) / 2;
          (std::erf(middle / std::numbers::sqrt2) < p ? low : high) = middle;
        }
        return 1 + low + high;
      });
      s.tolerance = 1e-5;
      list.push_back(std::move(s));
    }
    return list;
  }
};
template <>
struct Samples<RandomInt> {
  static SampleList make() {
    SampleList list;
    for (const Shape& shape : random_shapes())
      for (const DType dtype : {DType::i32, DType::i64, DType::u8})
        list.push_back(random_sample(RandomInt{shape, 3, 200, 1, dtype}, [](std::size_t i) {
          return 3.0 + static_cast<double>((std::uint64_t{random_word(i, 1)} * 197u) >> 32);
        }));
    return list;
  }
};
template <>
struct Samples<Dropout> {
  static SampleList make() {
    SampleList list;
    const auto add = [&](const Shape& shape, double rate, const Shape& noise) {
      Sample s{.label = to_string(shape) + " rate " + std::to_string(rate), .op = Dropout{rate, 6, noise}};
      s.inputs = {uniform(shape, -2, 2, 1), random_state_sample()};
      s.same_for_all_threads = true;
      s.reference = [=](const Arrays& in) {
        Shape places = noise.rank() == 0 ? shape : noise;
        for (int a = 0; a < places.rank(); ++a)
          if (places[a] == open_dim) places[a] = shape[a];
        Array words{places, {}};
        for (std::size_t i = 0; i < static_cast<std::size_t>(places.elements()); ++i)
          words.data.push_back(uniform_24(random_word(i, 6)));
        return Arrays{built(
            shape, [&](const Index& i) { return words.broadcast_at(i) >= rate ? in[0].at(i) / (1 - rate) : 0.0; })};
      };
      list.push_back(std::move(s));
    };
    add({3, 5}, 0.5, {});
    add({3, 5}, 0, {});
    add({3, 5}, 1, {});
    add({31, 1009}, 0.2, {});
    add({3, 4, 5, 6}, 0.4, {open_dim, 1, 1, open_dim});
    add({0, 5}, 0.5, {});
    return list;
  }
};

}  // namespace strata::harness
