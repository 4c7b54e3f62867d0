#pragma once

#include <string>
#include <string_view>

#include "core/ops/image.h"
#include "layers/interval.h"
#include "layers/layer.h"

/// What the layers that augment images share. Internal.
namespace strata::layers {

/// A layer that changes images [n, h, w, c] in training only, by random numbers.
class Augmentation : public Definition {
 public:
  explicit Augmentation(std::int64_t seed) : seed_(seed) {}
  void check_inputs(const Shapes& inputs) const override;
  void build(const Shape&) override { state_ = add_seed_state(seed_); }
  Value call(Value x, Mode mode) override;

 protected:
  virtual Value augmented(const Value& images) const = 0;
  /// The same, for layers whose inference is not the identity.
  virtual Value inferred(const Value& images) const { return images; }
  /// Numbers from [0, 1), f32 of this shape, others at each call.
  Value draw(const Shape& shape) const;
  /// One number from the range for each image, f32 [n].
  Value draw(const Value& images, const Interval& range) const;
  const Variable& state() const { return state_; }

 private:
  std::int64_t seed_;
  Variable state_;
};

/// u from [0, 1) as a number of the range.
Value within(const Interval& range, const Value& u);

/// A factor as most layers of Keras take one: f as {-f, f}, cut off at `lowest`. Error for numbers outside of [lowest,
/// highest].
Interval signed_factor(std::string_view where, std::string_view argument, const Interval& given, double lowest,
                       double highest);
/// The two ends in order. Error for one number.
Interval value_range(std::string_view where, const Interval& given);
/// Error in Keras's words for names that image::affine_transform does not know.
void require_transform(std::string_view where, const image::TransformOptions& options);

}  // namespace strata::layers
