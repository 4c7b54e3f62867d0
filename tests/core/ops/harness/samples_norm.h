#pragma once

#include <tuple>

#include "tests/core/ops/harness/samples_unary.h"

namespace strata::harness {

/// Rows of the last axis; enough of them for several blocks and threads.
inline Shapes norm_shapes() { return {{7, 5}, {2, 3, 4, 6}, {1, 3}, {2, 1}, {3, 4, 130}, {2000, 17}}; }
inline constexpr double norm_epsilon = 1e-3;

/// Mean and biased variance of the numbers that f(i) gives for i in [0, n).
inline std::pair<double, double> moments(std::size_t n, const std::function<double(std::size_t)>& f) {
  double mean = 0, variance = 0;
  for (std::size_t i = 0; i < n; ++i) mean += f(i) / static_cast<double>(n);
  for (std::size_t i = 0; i < n; ++i) variance += (f(i) - mean) * (f(i) - mean) / static_cast<double>(n);
  return {mean, variance};
}

template <>
struct Samples<BatchNormTrain> {
  static SampleList make() {
    SampleList list;
    for (const Shape& shape : norm_shapes()) {
      const Shape channels{shape.back()};
      Sample s{.label = to_string(shape), .op = BatchNormTrain{norm_epsilon}};
      s.inputs = {uniform(shape, -2, 3, 1), uniform(channels, 0.5, 2, 2), uniform(channels, -1, 1, 3)};
      s.reference = [](const Arrays& in) {
        const auto c = static_cast<std::size_t>(in[0].shape.back()), rows = in[0].data.size() / c;
        Array y = in[0], mean = in[1], variance = in[1];
        for (std::size_t j = 0; j < c; ++j) {
          std::tie(mean.data[j], variance.data[j]) =
              moments(rows, [&](std::size_t i) { return in[0].data[i * c + j]; });
          for (std::size_t i = 0; i < rows; ++i)
            y.data[i * c + j] =
                (in[0].data[i * c + j] - mean.data[j]) * in[1].data[j] / std::sqrt(variance.data[j] + norm_epsilon) +
                in[2].data[j];
        }
        return Arrays{y, mean, variance};
      };
      s.tolerance = 1e-5;  // deviations over a small variance
      s.double_tolerance = 1e-11;
      s.slope_tolerance = 1e-5;
      s.differentiable = 1;  // the statistics are not
      list.push_back(s);
      const Reference plain = s.reference;
      s.label += " with relu";
      s.op = BatchNormTrain{norm_epsilon, true, 1.5};
      s.reference = [plain](const Arrays& in) {
        Arrays out = plain(in);
        for (double& y : out[0].data) y = std::clamp(y, 0.0, 1.5);
        return out;
      };
      s.slope = Slope::refused;
      list.push_back(s);
      s.label += " and a sum";
      s.op = BatchNormTrain{.epsilon = norm_epsilon, .relu = true, .adds = true};
      s.inputs.push_back(uniform(shape, -2, 2, 4));
      s.reference = [plain](Arrays in) {
        Arrays out = plain(in);
        for (std::size_t i = 0; i < out[0].data.size(); ++i)
          out[0].data[i] = std::max(0.0, out[0].data[i] + in[3].data[i]);
        return out;
      };
      list.push_back(std::move(s));
    }
    return list;
  }
};

/// What both gradients share: over one set of n elements with these gradients and normalized values, the gradient of
/// element i before the factor 1 / sqrt(variance + epsilon); `scaled` is g times gamma.
inline double centered(const std::vector<double>& scaled, const std::vector<double>& normal, std::size_t i) {
  double mean = 0, projection = 0;
  for (std::size_t k = 0; k < scaled.size(); ++k) {
    mean += scaled[k] / static_cast<double>(scaled.size());
    projection += scaled[k] * normal[k] / static_cast<double>(scaled.size());
  }
  return scaled[i] - mean - normal[i] * projection;
}

template <>
struct Samples<BatchNormGradient> {
  static SampleList make() {
    SampleList list;
    for (const Shape& shape : norm_shapes()) {
      const Shape channels{shape.back()};
      Sample s{.label = to_string(shape), .op = BatchNormGradient{norm_epsilon}, .slope = Slope::refused};
      s.inputs = {uniform(shape, -1, 1, 1), uniform(shape, -2, 3, 2), uniform(channels, 0.5, 2, 3),
                  uniform(channels, 0, 1, 4), uniform(channels, 1, 3, 5)};
      s.reference = [](const Arrays& in) {
        const auto c = static_cast<std::size_t>(in[0].shape.back()), rows = in[0].data.size() / c;
        Array dx = in[1], dgamma = in[2], dbeta = in[2];
        for (std::size_t j = 0; j < c; ++j) {
          const double scale = 1 / std::sqrt(in[4].data[j] + norm_epsilon);
          std::vector<double> scaled, normal;
          dgamma.data[j] = dbeta.data[j] = 0;
          for (std::size_t i = j; i < in[0].data.size(); i += c) {
            normal.push_back((in[1].data[i] - in[3].data[j]) * scale);
            scaled.push_back(in[0].data[i] * in[2].data[j]);
            dgamma.data[j] += in[0].data[i] * normal.back();
            dbeta.data[j] += in[0].data[i];
          }
          for (std::size_t i = 0; i < rows; ++i) dx.data[i * c + j] = scale * centered(scaled, normal, i);
        }
        return Arrays{dx, dgamma, dbeta};
      };
      s.tolerance = 1e-5;
      s.double_tolerance = 1e-11;
      s.floor = shape.elements() > 10000 ? 10 : 1;  // sums of 2,000 products
      list.push_back(s);
      s.label += " with relu";
      s.op = BatchNormGradient{norm_epsilon, true, 1.0};
      s.inputs.push_back(uniform(channels, -1, 1, 6));
      s.reference = [plain = s.reference](Arrays in) {
        const std::size_t c = in[2].data.size();
        for (std::size_t i = 0; i < in[0].data.size(); ++i) {
          const double scale = in[2].data[i % c] / std::sqrt(in[4].data[i % c] + norm_epsilon);
          const double y = (in[1].data[i] - in[3].data[i % c]) * scale + in[5].data[i % c];
          if (y <= 0 || y > 1) in[0].data[i] = 0;
        }
        return plain(in);
      };
      list.push_back(std::move(s));
    }
    return list;
  }
};

template <>
struct Samples<LayerNorm> {
  static SampleList make() {
    SampleList list;
    for (const Shape& shape : norm_shapes()) {
      const Shape channels{shape.back()};
      Sample s{.label = to_string(shape), .op = LayerNorm{norm_epsilon}};
      s.inputs = {uniform(shape, -2, 3, 1), uniform(channels, 0.5, 2, 2), uniform(channels, -1, 1, 3)};
      s.reference = [](const Arrays& in) {
        const auto c = static_cast<std::size_t>(in[0].shape.back());
        Array y = in[0];
        for (std::size_t first = 0; first < y.data.size(); first += c) {
          const auto [mean, variance] = moments(c, [&](std::size_t j) { return in[0].data[first + j]; });
          for (std::size_t j = 0; j < c; ++j)
            y.data[first + j] =
                (in[0].data[first + j] - mean) * in[1].data[j] / std::sqrt(variance + norm_epsilon) + in[2].data[j];
        }
        return Arrays{y};
      };
      s.tolerance = 1e-5;
      s.double_tolerance = 1e-11;
      s.slope_tolerance = 1e-5;
      list.push_back(std::move(s));
    }
    return list;
  }
};

template <>
struct Samples<LayerNormGradient> {
  static SampleList make() {
    SampleList list;
    for (const Shape& shape : norm_shapes()) {
      const Shape channels{shape.back()};
      Sample s{.label = to_string(shape), .op = LayerNormGradient{norm_epsilon}, .slope = Slope::refused};
      s.inputs = {uniform(shape, -1, 1, 1), uniform(shape, -2, 3, 2), uniform(channels, 0.5, 2, 3)};
      s.reference = [](const Arrays& in) {
        const auto c = static_cast<std::size_t>(in[0].shape.back());
        Array dx = in[1], dgamma = built(in[2].shape, [](const Index&) { return 0.0; }), dbeta = dgamma;
        for (std::size_t first = 0; first < dx.data.size(); first += c) {
          const auto [mean, variance] = moments(c, [&](std::size_t j) { return in[1].data[first + j]; });
          const double scale = 1 / std::sqrt(variance + norm_epsilon);
          std::vector<double> scaled, normal;
          for (std::size_t j = 0; j < c; ++j) {
            normal.push_back((in[1].data[first + j] - mean) * scale);
            scaled.push_back(in[0].data[first + j] * in[2].data[j]);
            dgamma.data[j] += in[0].data[first + j] * normal[j];
            dbeta.data[j] += in[0].data[first + j];
          }
          for (std::size_t j = 0; j < c; ++j) dx.data[first + j] = scale * centered(scaled, normal, j);
        }
        return Arrays{dx, dgamma, dbeta};
      };
      s.tolerance = 1e-5;
      s.double_tolerance = 1e-11;
      s.floor = 10;  // rows of nearly equal elements are stretched by up to 30
      list.push_back(std::move(s));
    }
    return list;
  }
};

}  // namespace strata::harness
