#include "layers/initializers.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "core/graph/names.h"
#include "core/kernels/philox_fill.h"
#include "core/ops/fill.h"
#include "core/ops/random.h"

namespace strata {

Initializer::Initializer(std::string class_name, Config config, Fill fill, std::int64_t seed)
    : class_name_(std::move(class_name)), config_(std::move(config)), fill_(std::move(fill)), seed_(seed) {}

Initializer::Initializer(const char* identifier) : Initializer(std::string(identifier)) {}

Initializer::Initializer(const std::string& identifier) {
  using namespace initializers;
  using Make = Initializer (*)();
  static const std::map<std::string, Make, std::less<>> known{
      {"zeros", [] { return Zeros(); }},
      {"zero", [] { return Zeros(); }},
      {"ones", [] { return Ones(); }},
      {"one", [] { return Ones(); }},
      {"constant", [] { return Constant(); }},
      {"random_normal", [] { return RandomNormal(); }},
      {"normal", [] { return RandomNormal(); }},
      {"random_uniform", [] { return RandomUniform(); }},
      {"uniform", [] { return RandomUniform(); }},
      {"truncated_normal", [] { return TruncatedNormal(); }},
      {"variance_scaling", [] { return VarianceScaling(); }},
      {"glorot_uniform", [] { return GlorotUniform(); }},
      {"glorot_normal", [] { return GlorotNormal(); }},
      {"lecun_uniform", [] { return LecunUniform(); }},
      {"lecun_normal", [] { return LecunNormal(); }},
      {"he_uniform", [] { return HeUniform(); }},
      {"he_normal", [] { return HeNormal(); }},
      {"orthogonal", [] { return Orthogonal(); }},
      {"orthogonal_initializer", [] { return Orthogonal(); }},
      {"identity", [] { return Identity(); }},
      {"identity_initializer", [] { return Identity(); }},
  };
  const auto found = known.find(snake_case(identifier));
  if (found == known.end()) throw Error("initializer", "Could not interpret initializer identifier: " + identifier);
  *this = found->second();
}

Tensor Initializer::operator()(const Shape& shape, DType dtype) const {
  if (!fill_) throw Error("initializer", "is empty: it stands for no initializer");
  return fill_(shape, dtype, seed_ >= 0 ? static_cast<std::uint64_t>(seed_) : random::next_process_seed());
}

namespace initializers {
namespace {

ConfigValue seed_config(std::int64_t seed) { return seed < 0 ? ConfigValue(nullptr) : ConfigValue(seed); }

philox::Stream stream_of(std::uint64_t seed, philox::Word attempt = 0) {
  return {philox::key_from_seed(seed), 0, attempt};
}

template <class F>
Tensor fill_real(std::string_view name, const Shape& shape, DType dtype, F&& fill) {
  if (dtype != DType::f32 && dtype != DType::f64)
    fail_expected(std::string("initializer ") + std::string(name), "f32 or f64", to_string(dtype));
  Tensor t(dtype, shape);
  if (dtype == DType::f32)
    fill(t.mutable_data<float>());
  else
    fill(t.mutable_data<double>());
  return t;
}

template <class T>
void normal(std::span<T> out, std::uint64_t seed, double mean, double stddev) {
  philox::fill_normal(out.data(), 0, out.size(), stream_of(seed));
  for (T& x : out) x = static_cast<T>(mean + stddev * static_cast<double>(x));
}

template <class T>
void uniform(std::span<T> out, std::uint64_t seed, double low, double high) {
  philox::fill_uniform(out.data(), 0, out.size(), stream_of(seed));
  for (T& x : out) x = static_cast<T>(low + (high - low) * static_cast<double>(x));
}

template <class T>
void truncated_normal(std::span<T> out, std::uint64_t seed, double mean, double stddev) {
  philox::fill_normal(out.data(), 0, out.size(), stream_of(seed));
  for (std::size_t i = 0; i < out.size(); ++i) {
    T x = out[i];
    for (philox::Word attempt = 1; std::fabs(x) > T(2); ++attempt) philox::normal_at(i, stream_of(seed, attempt), x);
    out[i] = static_cast<T>(mean + stddev * static_cast<double>(x));
  }
}

struct Fans {
  double in = 1, out = 1;
};

Fans fans_of(const Shape& shape) {
  if (shape.rank() == 0) return {};
  const auto last = static_cast<double>(shape.back());
  if (shape.rank() == 1) return {last, last};
  const auto receptive = static_cast<double>(shape.slice(0, shape.rank() - 2).elements());
  return {static_cast<double>(shape[-2]) * receptive, last * receptive};
}

double variance_of(const VarianceScalingOptions& o, const Shape& shape) {
  const Fans fans = fans_of(shape);
  const double fan = o.mode == "fan_in" ? fans.in : o.mode == "fan_out" ? fans.out : (fans.in + fans.out) / 2;
  return o.scale / std::max(1.0, fan);
}

void check(const VarianceScalingOptions& o) {
  const std::string where = "initializer VarianceScaling";
  if (!(o.scale > 0))
    throw Error(where, "Argument `scale` must be positive float. Received: scale=" + std::to_string(o.scale));
  if (o.mode != "fan_in" && o.mode != "fan_out" && o.mode != "fan_avg")
    throw Error(where, "Invalid `mode` argument: " + o.mode + ". Please use one of 'fan_in', 'fan_out', 'fan_avg'");
  if (o.distribution != "truncated_normal" && o.distribution != "untruncated_normal" && o.distribution != "uniform")
    throw Error(where, "Invalid `distribution` argument: " + o.distribution +
                           ". Please use one of 'truncated_normal', 'untruncated_normal', 'uniform'");
}

Initializer scaled(std::string class_name, Config config, const VarianceScalingOptions& o) {
  check(o);
  // Standard deviation of a normal distribution that is cut off at two of its standard deviations.
  constexpr double truncated_deviation = 0.87962566103423978;
  const auto fill = [o, class_name](const Shape& shape, DType dtype, std::uint64_t seed) {
    const double variance = variance_of(o, shape);
    return fill_real(class_name, shape, dtype, [&](auto out) {
      if (o.distribution == "uniform")
        uniform(out, seed, -std::sqrt(3 * variance), std::sqrt(3 * variance));
      else if (o.distribution == "truncated_normal")
        truncated_normal(out, seed, 0, std::sqrt(variance) / truncated_deviation);
      else
        normal(out, seed, 0, std::sqrt(variance));
    });
  };
  return Initializer(std::move(class_name), std::move(config), fill, o.seed);
}

Initializer scaled(std::string class_name, double scale, const char* mode, const char* distribution,
                   const SeedOptions& o) {
  return scaled(std::move(class_name), Config{{"seed", seed_config(o.seed)}}, {scale, mode, distribution, o.seed});
}

/// Makes the columns of a row-major matrix orthonormal, rows >= columns, by modified Gram-Schmidt: the Q of the QR
/// decomposition whose R has a positive diagonal.
void orthonormalize(std::vector<double>& a, std::size_t rows, std::size_t columns) {
  std::vector<double> products(columns);
  for (std::size_t k = 0; k < columns; ++k) {
    double norm = 0;
    for (std::size_t i = 0; i < rows; ++i) norm += a[i * columns + k] * a[i * columns + k];
    norm = std::sqrt(norm);
    for (std::size_t i = 0; i < rows; ++i) a[i * columns + k] /= norm;
    std::fill(products.begin(), products.end(), 0.0);
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t j = k + 1; j < columns; ++j) products[j] += a[i * columns + k] * a[i * columns + j];
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t j = k + 1; j < columns; ++j) a[i * columns + j] -= products[j] * a[i * columns + k];
  }
}

template <class T>
void orthogonal(std::span<T> out, const Shape& shape, std::uint64_t seed, double gain) {
  if (out.empty()) return;
  const auto last = static_cast<std::size_t>(shape.back());
  const std::size_t first = out.size() / last;
  const std::size_t rows = std::max(first, last), columns = std::min(first, last);
  std::vector<double> a(rows * columns);
  philox::fill_normal(a.data(), 0, a.size(), stream_of(seed));
  orthonormalize(a, rows, columns);
  for (std::size_t i = 0; i < first; ++i)
    for (std::size_t j = 0; j < last; ++j)
      out[i * last + j] = static_cast<T>(gain * (first >= last ? a[i * columns + j] : a[j * columns + i]));
}
}  // namespace

Initializer Zeros() {
  return Initializer("Zeros", {}, [](const Shape& s, DType d, std::uint64_t) { return full(s, 0, d); }, 0);
}

Initializer Ones() {
  return Initializer("Ones", {}, [](const Shape& s, DType d, std::uint64_t) { return full(s, 1, d); }, 0);
}

Initializer Constant(double value) {
  return Initializer("Constant", {{"value", value}},
                     [value](const Shape& s, DType d, std::uint64_t) { return full(s, value, d); }, 0);
}

Initializer RandomNormal(const NormalOptions& o) {
  const auto fill = [o](const Shape& shape, DType dtype, std::uint64_t seed) {
    return fill_real("RandomNormal", shape, dtype, [&](auto out) { normal(out, seed, o.mean, o.stddev); });
  };
  return Initializer("RandomNormal", {{"seed", seed_config(o.seed)}, {"mean", o.mean}, {"stddev", o.stddev}}, fill, o.seed);
}

Initializer RandomUniform(const UniformOptions& o) {
  const auto fill = [o](const Shape& shape, DType dtype, std::uint64_t seed) {
    return fill_real("RandomUniform", shape, dtype, [&](auto out) { uniform(out, seed, o.minval, o.maxval); });
  };
  return Initializer("RandomUniform", {{"seed", seed_config(o.seed)}, {"minval", o.minval}, {"maxval", o.maxval}}, fill,
                     o.seed);
}

Initializer TruncatedNormal(const NormalOptions& o) {
  const auto fill = [o](const Shape& shape, DType dtype, std::uint64_t seed) {
    return fill_real("TruncatedNormal", shape, dtype, [&](auto out) { truncated_normal(out, seed, o.mean, o.stddev); });
  };
  return Initializer("TruncatedNormal", {{"seed", seed_config(o.seed)}, {"mean", o.mean}, {"stddev", o.stddev}}, fill,
                     o.seed);
}

Initializer VarianceScaling(const VarianceScalingOptions& o) {
  return scaled("VarianceScaling",
                {{"seed", seed_config(o.seed)}, {"scale", o.scale}, {"mode", o.mode}, {"distribution", o.distribution}}, o);
}

Initializer GlorotUniform(const SeedOptions& o) { return scaled("GlorotUniform", 1, "fan_avg", "uniform", o); }
Initializer GlorotNormal(const SeedOptions& o) { return scaled("GlorotNormal", 1, "fan_avg", "truncated_normal", o); }
Initializer LecunUniform(const SeedOptions& o) { return scaled("LecunUniform", 1, "fan_in", "uniform", o); }
Initializer LecunNormal(const SeedOptions& o) { return scaled("LecunNormal", 1, "fan_in", "truncated_normal", o); }
Initializer HeUniform(const SeedOptions& o) { return scaled("HeUniform", 2, "fan_in", "uniform", o); }
Initializer HeNormal(const SeedOptions& o) { return scaled("HeNormal", 2, "fan_in", "truncated_normal", o); }

Initializer Orthogonal(const OrthogonalOptions& o) {
  const auto fill = [gain = o.gain](const Shape& shape, DType dtype, std::uint64_t seed) {
    if (shape.rank() < 2)
      fail_expected("initializer Orthogonal", "a shape of at least two dimensions", to_string(shape));
    return fill_real("Orthogonal", shape, dtype, [&](auto out) { orthogonal(out, shape, seed, gain); });
  };
  return Initializer("Orthogonal", {{"seed", seed_config(o.seed)}, {"gain", o.gain}}, fill, o.seed);
}

Initializer Identity(const GainOptions& o) {
  const auto fill = [gain = o.gain](const Shape& shape, DType dtype, std::uint64_t) {
    if (shape.rank() != 2) fail_expected("initializer Identity", "a shape of two dimensions", to_string(shape));
    return fill_real("Identity", shape, dtype, [&]<class T>(std::span<T> out) {
      std::ranges::fill(out, T(0));
      const auto columns = static_cast<std::size_t>(shape[1]);
      for (std::size_t i = 0; i < std::min(static_cast<std::size_t>(shape[0]), columns); ++i)
        out[i * columns + i] = static_cast<T>(gain);
    });
  };
  return Initializer("Identity", {{"gain", o.gain}}, fill, 0);
}

}  // namespace initializers
}  // namespace strata
