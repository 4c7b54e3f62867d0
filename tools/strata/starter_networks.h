#pragma once

#include <strata/strata.h>

#include <cstdint>

/// The networks that `strata new` writes and `strata bench` measures: those of Keras's examples for MNIST.
namespace strata::tools {

/// Two convolutions and a dense layer; 1,199,882 parameters on MNIST.
Sequential starter_cnn(const Shape& sample, std::int64_t classes);
/// Two dense layers of 512.
Sequential starter_mlp(const Shape& sample, std::int64_t classes);
/// None.
Sequential starter_linear(const Shape& sample, std::int64_t classes);

}  // namespace strata::tools
