#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/ops/image.h"
#include "layers/interval.h"
#include "layers/layer.h"

/// What the layers that augment images share. Internal.
namespace strata::layers {

/// Where the random numbers of one call come from: streams of the layer's state, others for each draw and each step.
class Draws {
 public:
  /// For the call of `layer` on so many images.
  Draws(const Base& layer, Variable state, std::int64_t images)
      : layer_(&layer), state_(std::move(state)), images_(images) {}
  /// Numbers from [0, 1), f32 of this shape.
  Value uniform(const Shape& shape) const;
  /// One number from the range for each image, f32 [n].
  Value each(const Interval& range) const;
  /// Standard normal numbers, f32.
  Value normal(const Shape& shape) const;
  /// From the beta distribution with both parameters `alpha`, a scalar, for each image: f32 [n].
  Value beta(const Value& alpha) const;
  /// Integers in [0, count), i32.
  Value integers(const Shape& shape, std::int64_t count) const;

 private:
  std::uint32_t next_stream() const;
  const Base* layer_;
  Variable state_;
  std::int64_t images_;
};

/// A layer that changes images [n, h, w, c] in training only.
class Augmentation : public Definition {
 public:
  /// What a call does to images, the numbers being drawn: the same whenever it is asked. Not to outlive its layer.
  using Transformation = std::function<Value(const Value& images)>;

  /// A seed < 0 is drawn from the process seed; none: the layer draws no numbers.
  explicit Augmentation(std::optional<std::int64_t> seed) : seed_(seed) {}
  void check_inputs(const Shapes& inputs) const override;
  void build(const Shape&) override {
    if (seed_) state_ = add_seed_state(*seed_);
  }
  Value call(Value x, Mode mode) override;

  /// Draws the numbers for images of this shape.
  virtual Transformation transformation(const Shape& images, const Draws& draws) const = 0;

 protected:
  /// Outside of training, for layers that do something then, too.
  virtual Value inferred(const Value& images) const { return images; }

 private:
  std::optional<std::int64_t> seed_;
  Variable state_;
};

/// The arguments of layers with a factor and a value range, as Keras orders them.
inline constexpr auto color_arguments = [](auto& field, auto& factor, auto& o) {
  field("data_format", o.data_format);
  field.required("factor", factor);
  field("value_range", o.value_range);
  field.seed("seed", o.seed);
};

/// Numbers [n] of the images' type and in a shape that broadcasts to them.
Value per_image(const Value& numbers, const Value& images);
/// Which of the `size` positions along an axis of images lie in an interval at a random place, `lengths` (f32 [n])
/// long: bool, [n, size, 1, 1] for axis 1.
Value in_random_interval(const Draws& draws, const Value& lengths, std::int64_t size, int axis);

/// u from [0, 1) as a number of the range.
Value within(const Interval& range, const Value& u);

/// A factor as most layers of Keras take one: f as {-f, f}, cut off at `lowest`. Error for numbers outside of [lowest,
/// highest].
Interval signed_factor(std::string_view where, std::string_view argument, const Interval& given, double lowest,
                       double highest);
/// The two ends in order. Error for one number.
Interval value_range(std::string_view where, const Interval& given);
/// Those of three channels, said with the layer's name.
void require_colours(std::string_view where, const Shape& images);
/// Error in Keras's words for names that image::affine_transform does not know.
void require_transform(std::string_view where, const image::TransformOptions& options);

}  // namespace strata::layers
