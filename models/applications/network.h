#pragma once

#include <optional>
#include <string>

#include "layers/initial_values.h"
#include "models/applications.h"
#include "models/applications/published_weights.h"

namespace strata::applications {

/// Height and width that a network is made for, and the least it works with.
struct ImageSizes {
  std::int64_t usual, least;
};

/// What the layer for Options::pooling is called.
enum class PoolNames {
  automatic,  ///< global_average_pooling2d, ...
  own,        ///< avg_pool, max_pool
};

/// What all networks have in common: arguments are checked when it is made, then the network is built from input() on,
/// and finish() makes the model and loads its weights. Until then layers do not draw numbers that a file will replace.
class Network {
 public:
  /// `function`: for errors. Error for arguments that do not fit, as Keras has them, or that would have no effect.
  Network(const std::string& function, const Options& options, ImageSizes sizes);

  const Options& options() const { return o_; }
  const std::string& function() const { return function_; }
  const Symbol& input() const { return input_; }
  bool pretrained() const { return o_.weights == "imagenet"; }
  /// The last layer of a top.
  Symbol classify(const Symbol& x, const Initializer& kernel_initializer = "glorot_uniform") const;
  /// What Options::pooling says.
  Symbol pool(const Symbol& x, PoolNames names = PoolNames::automatic) const;
  /// A mean over all positions, which is called avg_pool, and classify(); without a top pool().
  Symbol usual_end(const Symbol& x, PoolNames names = PoolNames::automatic) const;
  /// The model of what leads to `output`, with its weights. `name` is Keras's.
  Model finish(const Symbol& output, const std::string& name, const PublishedWeights& published) const;
  [[noreturn]] void fail(const std::string& message) const;

 private:
  void check_weights() const;
  void check_top() const;
  Shape checked_input_shape(ImageSizes sizes) const;
  void check_sizes(const Shape& shape, std::int64_t least) const;

  std::string function_;
  Options o_;
  Symbol input_;
  std::optional<layers::WithoutInitialValues> replaced_by_the_file_;
};

}  // namespace strata::applications
