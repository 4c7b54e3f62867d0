#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

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

}  // namespace strata
