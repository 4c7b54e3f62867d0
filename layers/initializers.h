#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/config.h"
#include "core/device/tensor.h"

namespace strata {

/// Fills new weights. Made by the functions below or from Keras's names in either spelling ("glorot_uniform",
/// "GlorotUniform"); an unknown name is an error: "Could not interpret initializer identifier: foo".
class STRATA_API Initializer {
 public:
  /// Values of `shape`; `seed` belongs to this call.
  using Fill = std::function<Tensor(const Shape&, DType, std::uint64_t seed)>;
  Initializer() = default;
  Initializer(const char* identifier);
  Initializer(const std::string& identifier);
  Initializer(std::string class_name, Config config, Fill fill, std::int64_t seed);

  bool defined() const { return fill_ != nullptr; }
  /// New values. With seed -1 each call draws its own seed from the process seed; otherwise all calls give the same.
  Tensor operator()(const Shape&, DType = DType::f32) const;
  const std::string& class_name() const { return class_name_; }
  const Config& config() const { return config_; }

 private:
  std::string class_name_;
  Config config_;
  Fill fill_;
  std::int64_t seed_ = -1;
};

/// As an object in Keras 3's spelling; from any of Keras's spellings, or an error.
STRATA_API ConfigValue to_config(const Initializer&);
STRATA_API void from_config(const ConfigValue&, Initializer&);
/// Makes a class of one's own known to files and to identifiers. `make` gets what Initializer::config() held.
STRATA_API void register_initializer(const std::string& class_name, std::function<Initializer(const Config&)> make);
/// The class names that identifiers and files may use, sorted.
STRATA_API std::vector<std::string> initializer_names();

/// Keras's initializers. `seed` < 0 stands for Keras's None: each call draws from the process seed. Random ones fill
/// floating types, the constants any. Equal seeds and shapes give equal values (core/ops/random.h).
namespace initializers {

/// How many inputs and outputs a weight of this shape connects, as scaled initializers count them: the last two axes, times
/// the sizes before them (a convolution's window). keras/src/initializers/random_initializers.py, compute_fans.
struct Fans {
  double in = 1, out = 1;
};
STRATA_API Fans compute_fans(const Shape& shape);

struct SeedOptions {
  std::int64_t seed = -1;
};
struct NormalOptions {
  double mean = 0.0, stddev = 0.05;
  std::int64_t seed = -1;
};
struct UniformOptions {
  double minval = -0.05, maxval = 0.05;
  std::int64_t seed = -1;
};
struct VarianceScalingOptions {
  double scale = 1.0;
  std::string mode = "fan_in";                    ///< "fan_in", "fan_out", "fan_avg"
  std::string distribution = "truncated_normal";  ///< "truncated_normal", "untruncated_normal", "uniform"
  std::int64_t seed = -1;
};
struct GainOptions {
  double gain = 1.0;
};
struct OrthogonalOptions {
  double gain = 1.0;
  std::int64_t seed = -1;
};

STRATA_API Initializer Zeros();
STRATA_API Initializer Ones();
STRATA_API Initializer Constant(double value = 0.0);
STRATA_API Initializer RandomNormal(const NormalOptions& = {});
STRATA_API Initializer RandomUniform(const UniformOptions& = {});
/// Normal numbers within two standard deviations of the mean; their own standard deviation is 0.88 of `stddev`.
STRATA_API Initializer TruncatedNormal(const NormalOptions& = {});
/// With n = max(1, fan): truncated normal numbers of standard deviation sqrt(scale / n) after truncation, normal ones,
/// or uniform ones within sqrt(3 scale / n). Fans of a weight of shape [..., in, out]: in and out times the product of
/// the leading sizes; of rank 1: its size; of rank 0: 1.
STRATA_API Initializer VarianceScaling(const VarianceScalingOptions& = {});
STRATA_API Initializer GlorotUniform(const SeedOptions& = {});
STRATA_API Initializer GlorotNormal(const SeedOptions& = {});
STRATA_API Initializer LecunUniform(const SeedOptions& = {});
STRATA_API Initializer LecunNormal(const SeedOptions& = {});
STRATA_API Initializer HeUniform(const SeedOptions& = {});
STRATA_API Initializer HeNormal(const SeedOptions& = {});
/// The weight as a matrix [product of all sizes but the last, last] has orthonormal rows or columns, whichever are
/// fewer, times `gain`: the Q of a QR decomposition with positive diagonal of a normal matrix.
STRATA_API Initializer Orthogonal(const OrthogonalOptions& = {});
/// `gain` on the diagonal of a matrix.
STRATA_API Initializer Identity(const GainOptions& = {});

}  // namespace initializers

}  // namespace strata
