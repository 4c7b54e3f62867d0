// Layers made of other layers that augment images: all of them in turn, or some of them by chance.
#include <algorithm>

#include "core/ops/ops.h"
#include "layers/augmentation.h"
#include "layers/augmentation_layer.h"
#include "layers/checks.h"
#include "layers/registration.h"

namespace strata::layers {
namespace {

constexpr auto jitter_arguments = [](auto& field, auto& o) {
  field("data_format", o.data_format);
  field("value_range", o.value_range);
  field("brightness_factor", o.brightness_factor);
  field("contrast_factor", o.contrast_factor);
  field("saturation_factor", o.saturation_factor);
  field("hue_factor", o.hue_factor);
  field.seed("seed", o.seed);
};
constexpr auto rand_augment_arguments = [](auto& field, auto& o) {
  field("data_format", o.data_format);
  field("value_range", o.value_range);
  field("num_ops", o.num_ops);
  field("factor", o.factor);
  field("interpolation", o.interpolation);
  field.seed("seed", o.seed);
};

/// Made of layers that are neither built nor called: they say what happens to images, by numbers from this one's state.
template <class Options>
class Policy : public Augmentation {
 public:
  Policy(const Layers& steps, Options options) : Augmentation(options.seed), o_(std::move(options)) {
    for (const Layer& step : steps) steps_.push_back(std::dynamic_pointer_cast<const Augmentation>(step.shared()));
  }

 protected:
  std::vector<Transformation> all_transformations(const Shape& shape, const Draws& draws) const {
    std::vector<Transformation> all;
    for (const auto& step : steps_) all.push_back(step->transformation(shape, draws));
    return all;
  }
  Options o_;

 private:
  std::vector<std::shared_ptr<const Augmentation>> steps_;
};

class RandomColorJitterLayer final : public Policy<RandomColorJitterOptions> {
 public:
  using Policy::Policy;
  Config config() const override { return write_arguments(jitter_arguments, o_); }
  void check_inputs(const Shapes& inputs) const override {
    Augmentation::check_inputs(inputs);
    if (o_.saturation_factor || o_.hue_factor) require_colours(describe(), inputs[0]);
  }
  Transformation transformation(const Shape& shape, const Draws& draws) const override {
    return [steps = all_transformations(shape, draws)](Value images) {
      for (const Transformation& step : steps) images = step(images);
      return images;
    };
  }
};

class RandAugmentLayer final : public Policy<RandAugmentOptions> {
 public:
  using Policy::Policy;
  Config config() const override { return write_arguments(rand_augment_arguments, o_); }
  void check_inputs(const Shapes& inputs) const override {
    Augmentation::check_inputs(inputs);
    require_colours(describe(), inputs[0]);
  }
  // As in Keras, the choice is one for all images, and a step that is chosen twice has the same numbers both times.
  Transformation transformation(const Shape& shape, const Draws& draws) const override {
    const auto steps = all_transformations(shape, draws);
    Values choices;
    for (std::int64_t i = 0; i < o_.num_ops; ++i)
      choices.push_back(draws.integers(Shape{1}, static_cast<std::int64_t>(steps.size())));
    return [=](Value images) {
      for (const Value& choice : choices) {
        const Value before = images;
        for (std::size_t k = 0; k < steps.size(); ++k)
          images = where(equal(choice, static_cast<std::int64_t>(k)), steps[k](before), images);
      }
      return images;
    };
  }
};
}  // namespace

Layer RandomColorJitter(const RandomColorJitterOptions& options) {
  RandomColorJitterOptions o = options;
  const std::string where = place("RandomColorJitter", o.name);
  o.value_range = value_range(where, o.value_range);
  require_channels_last(where, o.data_format);
  Layers steps;
  if (o.brightness_factor) steps.push_back(RandomBrightness(*o.brightness_factor, {.value_range = o.value_range}));
  if (o.contrast_factor) steps.push_back(RandomContrast(*o.contrast_factor, {.value_range = o.value_range}));
  if (o.saturation_factor) steps.push_back(RandomSaturation(*o.saturation_factor, {.value_range = o.value_range}));
  if (o.hue_factor) steps.push_back(RandomHue(*o.hue_factor, {.value_range = o.value_range}));
  return make_named<RandomColorJitterLayer>("RandomColorJitter", o.name, o.trainable, steps, o);
}

Layer RandAugment(const RandAugmentOptions& options) {
  RandAugmentOptions o = options;
  const std::string where = place("RandAugment", o.name);
  if (o.num_ops < 0 || o.num_ops > 100) fail_expected(where, "num_ops from 0 to 100", std::to_string(o.num_ops));
  o.factor = signed_factor(where, "factor", o.factor, 0, 1);
  o.value_range = value_range(where, o.value_range);
  require_transform(where, {.interpolation = o.interpolation, .fill_mode = "reflect"});
  require_channels_last(where, o.data_format);
  const Interval& f = o.factor;
  const Interval& range = o.value_range;
  const auto bits = std::max<std::int64_t>(1, static_cast<std::int64_t>(8 * f.upper));
  const Layers steps{RandomShear(f, f, {.interpolation = o.interpolation}),
                     RandomTranslation(f, f, {.interpolation = o.interpolation}),
                     RandomRotation(f, {.interpolation = o.interpolation}),
                     RandomBrightness(f, {.value_range = range}),
                     RandomColorDegeneration(f, {.value_range = range}),
                     RandomContrast(f, {.value_range = range}),
                     RandomSharpness(f, {.value_range = range}),
                     RandomPosterization(static_cast<double>(bits), {.value_range = range}),
                     Solarization(f, f, {.value_range = range}),
                     AutoContrast({.value_range = range}),
                     Equalization({.value_range = range})};
  return make_named<RandAugmentLayer>("RandAugment", o.name, o.trainable, steps, o);
}

namespace {
const bool registered[] = {
    register_built_in("RandomColorJitter", RandomColorJitter, jitter_arguments),
    register_built_in("RandAugment", RandAugment, rand_augment_arguments),
};
}

}  // namespace strata::layers
