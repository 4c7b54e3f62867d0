#pragma once

#include <map>

#include "core/ops/equalize_images.h"
#include "core/ops/image_transform.h"
#include "core/ops/random_beta.h"
#include "tests/core/ops/harness/samples_random.h"

namespace strata::harness {

template <>
struct Samples<FlipImages> {
  static SampleList make() {
    SampleList list;
    for (const Shape& shape : Shapes{{3, 4, 5, 3}, {2, 1, 1, 1}, {0, 2, 2, 1}, {5, 50, 41, 1}})
      for (const FlipImages how : {FlipImages{true, false}, FlipImages{false, true}, FlipImages{true, true}}) {
        std::vector<bool> chosen;
        for (std::int64_t i = 0; i < shape[0]; ++i) chosen.push_back(i % 2 == 0);
        Tensor choice(DType::boolean, {shape[0]});
        for (std::size_t i = 0; i < chosen.size(); ++i) choice.mutable_data<bool>()[i] = chosen[i];
        list.push_back(
            {.label = to_string(shape) + (how.left_right ? " left right" : "") + (how.up_down ? " up down" : ""),
             .op = how,
             .inputs = {uniform(shape, -1, 1, 5), choice},
             .reference =
                 [=](const Arrays& in) {
                   return Arrays{built(shape, [&](const Index& to) {
                     Index from = to;
                     if (chosen[static_cast<std::size_t>(to[0])]) {
                       if (how.up_down) from[1] = shape[1] - 1 - to[1];
                       if (how.left_right) from[2] = shape[2] - 1 - to[2];
                     }
                     return in[0].at(from);
                   })};
                 },
             .tolerance = 0,
             .double_tolerance = 0,
             .same_for_all_threads = true});
      }
    return list;
  }
};

/// Position `at` outside of [0, size) by the fill mode, as TensorFlow counts; by walking instead of by a formula where
/// it can.
inline double reference_folded(FillMode mode, double at, double size) {
  if (mode == FillMode::nearest) return std::clamp(at, 0.0, size - 1);
  if (size <= 1) return 0;
  if (mode == FillMode::reflect)
    while (at < -0.5 || at > size - 0.5) at = at < 0 ? -at - 1 : 2 * size - 1 - at;
  if (mode == FillMode::wrap && at < 0)
    at += size * (std::floor(-at / (size - 1)) + 1);
  else if (mode == FillMode::wrap && at > size - 1)
    at -= size * std::floor(at / (size - 1));
  return std::clamp(at, 0.0, size - 1);
}

/// f(pixel as (row, column), its share) for the pixels behind a place; those outside have a row of -1.
inline void reference_taps(const AffineTransform& op, const Shape& shape, double x, double y,
                           const std::function<void(std::int64_t, std::int64_t, double)>& f) {
  const auto height = static_cast<double>(shape[1]), width = static_cast<double>(shape[2]);
  if (op.fill_mode != FillMode::constant) {
    x = reference_folded(op.fill_mode, x, width);
    y = reference_folded(op.fill_mode, y, height);
  }
  const auto pixel = [&](double row, double column, double share) {
    const bool inside = row >= 0 && row < height && column >= 0 && column < width;
    if (share != 0) f(inside ? static_cast<std::int64_t>(row) : -1, static_cast<std::int64_t>(column), share);
  };
  if (!op.bilinear) return pixel(std::round(y), std::round(x), 1);
  const double top = std::floor(y), left = std::floor(x);
  for (const double down : {0.0, 1.0})
    for (const double right : {0.0, 1.0})
      pixel(top + down, left + right, (1 - std::abs(y - top - down)) * (1 - std::abs(x - left - right)));
}

/// f(result's index, row and column of a pixel of the same image and channel, its share) for all of them.
inline void for_each_tap(const AffineTransform& op, const Shape& shape, const Array& transforms,
                         const std::function<void(const Index&, std::int64_t, std::int64_t, double)>& f) {
  for_each_index(shape, [&](const Index& to) {
    const auto t = [&](std::int64_t k) { return transforms.at({transforms.shape[0] == 1 ? 0 : to[0], k}); };
    const auto x = static_cast<double>(to[2]), y = static_cast<double>(to[1]);
    const double k = t(6) * x + t(7) * y + 1;
    reference_taps(op, shape, (t(0) * x + t(1) * y + t(2)) / k, (t(3) * x + t(4) * y + t(5)) / k,
                   [&](std::int64_t row, std::int64_t column, double share) { f(to, row, column, share); });
  });
}

/// Numbers of eight bits, so that f32, f64 and the reference see the same transforms; places are no halves by far,
/// where the nearest pixel would be a matter of rounding.
inline Tensor transform_samples(std::int64_t count) {
  const std::vector<double> all{0.8125, -0.59375, 1.796875, 0.609375, 0.78125, -1.203125, 0,        0,
                                1.25,   0.0625,   -2.71875, -0.125,   0.6875,  0.859375,  0,        0,
                                1.0625, 0.25,     -5.15625, 0.1875,   0.9375,  7.28125,   0.015625, -0.03125};
  return Tensor::from({count, 8}, std::vector<double>(all.begin(), all.begin() + 8 * count));
}

inline std::vector<AffineTransform> transform_ops() {
  std::vector<AffineTransform> ops;
  for (const FillMode mode : {FillMode::constant, FillMode::reflect, FillMode::wrap, FillMode::nearest})
    for (const bool bilinear : {true, false}) ops.push_back({bilinear, mode, mode == FillMode::constant ? 0.75 : 0.0});
  return ops;
}

struct TransformCase {
  Shape images;
  std::int64_t transforms;
};
/// One of several ranges for threads, for one op.
inline std::vector<TransformCase> transform_cases(const AffineTransform& op) {
  std::vector<TransformCase> cases{{{3, 4, 5, 3}, 3}, {{2, 5, 4, 2}, 1}, {{1, 1, 6, 1}, 1}, {{0, 3, 3, 1}, 1}};
  if (op.bilinear && op.fill_mode == FillMode::reflect) cases.push_back({{2, 64, 33, 3}, 2});
  return cases;
}

template <class TransformOp>
Sample transform_sample(const TransformOp& op, const AffineTransform& how, const TransformCase& c,
                        const Reference& reference) {
  return {.label = to_string(c.images) + (how.bilinear ? " bilinear, fill mode " : " nearest, fill mode ") +
                   std::to_string(static_cast<int>(how.fill_mode)),
          .op = op,
          .inputs = {uniform(c.images, -1, 1, 7), transform_samples(c.transforms)},
          .reference = reference,
          .tolerance = 2e-5,  // places are computed in f32
          .slope_tolerance = 1e-5,
          .constants = {1}};
}

template <>
struct Samples<AffineTransform> {
  static SampleList make() {
    SampleList list;
    for (const AffineTransform& op : transform_ops())
      for (const TransformCase& c : transform_cases(op))
        list.push_back(transform_sample(op, op, c, [op, c](const Arrays& in) {
          Array out = built(c.images, [](const Index&) { return 0.0; });
          for_each_tap(op, c.images, in[1], [&](const Index& to, std::int64_t row, std::int64_t column, double share) {
            out.at(to) += share * (row < 0 ? op.fill_value : in[0].at({to[0], row, column, to[3]}));
          });
          return Arrays{out};
        }));
    return list;
  }
};
template <>
struct Samples<AffineTransformGradient> {
  static SampleList make() {
    SampleList list;
    for (const AffineTransform& op : transform_ops())
      for (const TransformCase& c : transform_cases(op))
        list.push_back(
            transform_sample(AffineTransformGradient{op.bilinear, op.fill_mode}, op, c, [op, c](const Arrays& in) {
              Array out = built(c.images, [](const Index&) { return 0.0; });
              for_each_tap(op, c.images, in[1],
                           [&](const Index& from, std::int64_t row, std::int64_t column, double share) {
                             if (row >= 0) out.at({from[0], row, column, from[3]}) += share * in[0].at(from);
                           });
              return Arrays{out};
            }));
    return list;
  }
};

/// A channel of all images, equalized by a list of its bins.
inline void reference_equalize(const Array& images, std::int64_t channel, double bins, Array& out) {
  std::map<double, double> up_to;  // pixels in a bin, then in it or below
  const auto bin = [&](std::size_t i) { return std::floor(std::clamp(images.data[i], 0.0, 255.0) * (bins - 1) / 255); };
  const auto step = static_cast<std::size_t>(images.shape[3]);
  for (auto i = static_cast<std::size_t>(channel); i < images.data.size(); i += step) ++up_to[bin(i)];
  if (up_to.empty()) return;
  const double lowest = up_to.begin()->second;
  double pixels = 0;
  for (auto& [place, count] : up_to) count = pixels += count;
  for (auto i = static_cast<std::size_t>(channel); i < images.data.size(); i += step)
    out.data[i] =
        up_to.size() == 1 ? images.data[i] : std::nearbyint(255 * (up_to[bin(i)] - lowest) / (pixels - lowest));
}

template <>
struct Samples<EqualizeImages> {
  /// Numbers that all element types hold, on no border between 10 bins; some lie outside of [0, 255], and in channel 1
  /// all are the same.
  static Tensor images(const Shape& shape) {
    Tensor x = to_dtype(integers(shape, -2, 36, 11), DType::f64);
    const auto data = x.mutable_data<double>();
    for (std::size_t i = 0; i < data.size(); ++i)
      data[i] = static_cast<std::int64_t>(i) % shape[3] == 1 ? 52 : 8 * data[i] + 4;
    return x;
  }
  static SampleList make() {
    SampleList list;
    for (const Shape& shape : Shapes{{2, 4, 5, 3}, {1, 1, 1, 1}, {0, 2, 2, 1}, {1, 7, 3, 0}, {3, 64, 65, 2}})
      for (const std::int64_t bins : {1, 10, 256}) {
        if (shape[1] == 64 && bins == 1) continue;
        list.push_back({.label = to_string(shape) + " in " + std::to_string(bins) + " bins",
                        .op = EqualizeImages{bins},
                        .inputs = {images(shape)},
                        .reference =
                            [shape, bins](const Arrays& in) {
                              Array out{shape, std::vector<double>(in[0].data.size())};
                              for (std::int64_t c = 0; c < shape[3]; ++c)
                                reference_equalize(in[0], c, static_cast<double>(bins), out);
                              return Arrays{out};
                            },
                        .tolerance = 0,
                        .double_tolerance = 0,
                        .slope = Slope::none,
                        .same_for_all_threads = true});
      }
    return list;
  }
};

/// The logarithm of a gamma variable, by Marsaglia and Tsang's method in double precision.
inline double reference_log_gamma_variable(double shape, std::size_t first_block, std::uint32_t stream) {
  const double whole = shape < 1 ? shape + 1 : shape, d = whole - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (std::size_t block = first_block;; ++block) {
    const auto word = [&](std::size_t k) { return random_word(4 * block + k, stream); };
    const double r = std::sqrt(-2 * std::log((static_cast<double>(word(0) >> 1) + 0.5) * 0x1p-31));
    const double x = r * std::cos(2 * std::numbers::pi * uniform_24(word(1))), v = std::pow(1 + c * x, 3);
    if (v <= 0 || std::log(uniform_24(word(2)) + 0x1p-25) >= x * x / 2 + d - d * v + d * std::log(v)) continue;
    return std::log(d * v) + (shape < 1 ? std::log(uniform_24(word(3)) + 0x1p-25) / shape : 0);
  }
}

template <>
struct Samples<RandomBeta> {
  static SampleList make() {
    SampleList list;
    for (const auto& [a, b] :
         std::vector<std::pair<float, float>>{{0.2f, 0.2f}, {1, 1}, {3.5f, 0.75f}, {1e-4f, 1e-4f}}) {
      Sample s = random_sample(RandomBeta{{41}, 5}, [a = a, b = b](std::size_t i) {
        const double x = reference_log_gamma_variable(a, 128 * i, 5),
                     y = reference_log_gamma_variable(b, 128 * i + 64, 5);
        return 1 / (1 + std::exp(y - x));
      });
      s.label = std::to_string(a) + ", " + std::to_string(b);
      s.inputs = {random_state_sample(), Tensor::scalar(a), Tensor::scalar(b)};
      s.tolerance = 2e-5;
      s.slope = Slope::none;
      s.as_given = true;
      list.push_back(std::move(s));
    }
    return list;
  }
};

}  // namespace strata::harness
