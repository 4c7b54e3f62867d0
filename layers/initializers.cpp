#include "layers/initializers.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/device/seed.h"
#include "core/graph/class_registry.h"
#include "core/ops/binary.h"
#include "core/ops/fill.h"
#include "core/ops/random.h"
#include "core/ops/transpose.h"
#include "layers/checks.h"

namespace strata {

Initializer::Initializer(std::string class_name, Config config, Fill fill, std::int64_t seed)
    : class_name_(std::move(class_name)), config_(std::move(config)), fill_(std::move(fill)), seed_(seed) {}

Initializer::Initializer(const char* identifier) : Initializer(std::string(identifier)) {}

Tensor Initializer::operator()(const Shape& shape, DType dtype) const {
  if (!fill_) throw Error("initializer", "is empty: it stands for no initializer");
  return fill_(shape, dtype, seed_ >= 0 ? static_cast<std::uint64_t>(seed_) : random::next_process_seed());
}

namespace initializers {

Fans compute_fans(const Shape& shape) {
  if (shape.rank() == 0) return {};
  const auto last = static_cast<double>(shape.back());
  if (shape.rank() == 1) return {last, last};
  const auto receptive = static_cast<double>(shape.slice(0, shape.rank() - 2).elements());
  return {static_cast<double>(shape[-2]) * receptive, last * receptive};
}

namespace {

// Each class's arguments, as its config holds them.
constexpr auto no_arguments = [](auto& field, auto&...) { field.ignored("dtype"); };
constexpr auto seed_argument = [](auto& field, auto& o) {
  field.seed("seed", o.seed);
  field.ignored("dtype");
  field.accepted("input_axes", nullptr);
  field.accepted("output_axes", nullptr);
};
constexpr auto constant_arguments = [](auto& field, auto& value) {
  field("value", value);
  field.ignored("dtype");
};
constexpr auto normal_arguments = [](auto& field, auto& o) {
  field("mean", o.mean);
  field("stddev", o.stddev);
  seed_argument(field, o);
};
constexpr auto uniform_arguments = [](auto& field, auto& o) {
  field("minval", o.minval);
  field("maxval", o.maxval);
  seed_argument(field, o);
};
constexpr auto scaling_arguments = [](auto& field, auto& o) {
  field("scale", o.scale);
  field("mode", o.mode);
  field("distribution", o.distribution);
  seed_argument(field, o);
};
constexpr auto gain_argument = [](auto& field, auto& o) {
  field("gain", o.gain);
  field.ignored("dtype");
};
constexpr auto orthogonal_arguments = [](auto& field, auto& o) {
  field("gain", o.gain);
  field.seed("seed", o.seed);
  field.ignored("dtype");
};

Tensor draw(const Op& op, std::uint64_t seed) { return apply_all(op, Tensors{random_state(seed)})[0]; }

double variance_of(const VarianceScalingOptions& o, const Shape& shape) {
  const Fans fans = compute_fans(shape);
  const double fan = o.mode == "fan_in" ? fans.in : o.mode == "fan_out" ? fans.out : (fans.in + fans.out) / 2;
  return o.scale / std::max(1.0, fan);
}

void check(const VarianceScalingOptions& o) {
  const std::string where = "initializer VarianceScaling";
  if (!(o.scale > 0))
    throw Error(where, "Argument `scale` must be positive float. Received: scale=" + layers::to_python(o.scale));
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
  const auto fill = [o](const Shape& shape, DType dtype, std::uint64_t seed) {
    const double deviation = std::sqrt(variance_of(o, shape)), limit = std::sqrt(3.0) * deviation;
    if (o.distribution == "uniform") return draw(strata::RandomUniform{shape, -limit, limit, 0, dtype}, seed);
    if (o.distribution == "untruncated_normal") return draw(strata::RandomNormal{shape, 0, deviation, 0, dtype}, seed);
    return draw(strata::TruncatedNormal{shape, 0, deviation / truncated_deviation, 0, dtype}, seed);
  };
  return Initializer(std::move(class_name), std::move(config), fill, o.seed);
}

Initializer scaled(std::string class_name, double scale, const char* mode, const char* distribution,
                   const SeedOptions& o) {
  return scaled(std::move(class_name), write_arguments(seed_argument, o), {scale, mode, distribution, o.seed});
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

Tensor orthogonal(const Shape& shape, std::uint64_t seed, double gain) {
  const std::int64_t last = shape.back(), first = last == 0 ? 0 : shape.elements() / last;
  const std::int64_t rows = std::max(first, last), columns = std::min(first, last);
  const Tensor drawn = draw(strata::RandomNormal{{rows, columns}, 0, 1, 0, DType::f64}, seed);
  std::vector<double> a(drawn.data<double>().begin(), drawn.data<double>().end());
  orthonormalize(a, static_cast<std::size_t>(rows), static_cast<std::size_t>(columns));
  for (double& x : a) x *= gain;
  const Tensor q = Tensor::from({rows, columns}, a);
  return (first >= last ? q : transpose(q)).with_shape(shape);
}
}  // namespace

Initializer Zeros() {
  return Initializer(
      "Zeros", {}, [](const Shape& s, DType d, std::uint64_t) { return full(s, 0, d); }, 0);
}

Initializer Ones() {
  return Initializer(
      "Ones", {}, [](const Shape& s, DType d, std::uint64_t) { return full(s, 1, d); }, 0);
}

Initializer Constant(double value) {
  return Initializer(
      "Constant", write_arguments(constant_arguments, value), [value](const Shape& s, DType d, std::uint64_t) { return full(s, value, d); }, 0);
}

Initializer RandomNormal(const NormalOptions& o) {
  const auto fill = [o](const Shape& shape, DType dtype, std::uint64_t seed) {
    return draw(strata::RandomNormal{shape, o.mean, o.stddev, 0, dtype}, seed);
  };
  return Initializer("RandomNormal", write_arguments(normal_arguments, o), fill, o.seed);
}

Initializer RandomUniform(const UniformOptions& o) {
  const auto fill = [o](const Shape& shape, DType dtype, std::uint64_t seed) {
    return draw(strata::RandomUniform{shape, o.minval, o.maxval, 0, dtype}, seed);
  };
  return Initializer("RandomUniform", write_arguments(uniform_arguments, o), fill, o.seed);
}

Initializer TruncatedNormal(const NormalOptions& o) {
  const auto fill = [o](const Shape& shape, DType dtype, std::uint64_t seed) {
    return draw(strata::TruncatedNormal{shape, o.mean, o.stddev, 0, dtype}, seed);
  };
  return Initializer("TruncatedNormal", write_arguments(normal_arguments, o), fill, o.seed);
}

Initializer VarianceScaling(const VarianceScalingOptions& o) {
  return scaled("VarianceScaling", write_arguments(scaling_arguments, o), o);
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
    return cast(orthogonal(shape, seed, gain), dtype);
  };
  return Initializer("Orthogonal", write_arguments(orthogonal_arguments, o), fill, o.seed);
}

Initializer Identity(const GainOptions& o) {
  const auto fill = [gain = o.gain](const Shape& shape, DType dtype, std::uint64_t) {
    if (shape.rank() != 2) fail_expected("initializer Identity", "a shape of two dimensions", to_string(shape));
    return cast(eye(shape[0], shape[1], DType::f64) * gain, dtype);
  };
  return Initializer("Identity", write_arguments(gain_argument, o), fill, 0);
}

}  // namespace initializers

namespace {
ClassRegistry<Initializer>& registry() {
  namespace make = initializers;
  const auto entry = [](const char* name, auto factory, auto arguments, std::vector<std::string> aliases = {}) {
    return ClassRegistry<Initializer>::Entry{
        .class_name = name,
        .make = from_arguments<Initializer>(std::string("initializer ") + name, factory, arguments),
        .aliases = std::move(aliases)};
  };
  static ClassRegistry<Initializer> all(
      "initializer", "register_initializer(\"Name\", ...)", "keras.initializers",
      {entry("Zeros", make::Zeros, make::no_arguments, {"zero"}), entry("Ones", make::Ones, make::no_arguments, {"one"}),
       entry("Constant", make::Constant, make::constant_arguments),
       entry("RandomNormal", make::RandomNormal, make::normal_arguments, {"normal"}),
       entry("RandomUniform", make::RandomUniform, make::uniform_arguments, {"uniform"}),
       entry("TruncatedNormal", make::TruncatedNormal, make::normal_arguments),
       entry("VarianceScaling", make::VarianceScaling, make::scaling_arguments),
       entry("GlorotUniform", make::GlorotUniform, make::seed_argument),
       entry("GlorotNormal", make::GlorotNormal, make::seed_argument),
       entry("LecunUniform", make::LecunUniform, make::seed_argument),
       entry("LecunNormal", make::LecunNormal, make::seed_argument),
       entry("HeUniform", make::HeUniform, make::seed_argument),
       entry("HeNormal", make::HeNormal, make::seed_argument),
       entry("Orthogonal", make::Orthogonal, make::orthogonal_arguments,
             {"OrthogonalInitializer", "orthogonal_initializer"}),
       entry("Identity", make::Identity, make::gain_argument, {"IdentityInitializer", "identity_initializer"})});
  return all;
}
}  // namespace

Initializer::Initializer(const std::string& identifier) : Initializer(registry().from_identifier(identifier)) {}

ConfigValue to_config(const Initializer& i) { return registry().to_config(i.class_name(), i.config()); }
void from_config(const ConfigValue& c, Initializer& i) { i = registry().from_config(c); }
void register_initializer(const std::string& class_name, std::function<Initializer(const Config&)> make) {
  registry().add({.class_name = class_name, .make = std::move(make), .registered_name = "Custom>" + class_name});
}
std::vector<std::string> initializer_names() { return registry().class_names(); }

}  // namespace strata
