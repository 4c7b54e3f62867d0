#pragma once

#include <array>
#include <optional>
#include <string>

#include "layers/interval.h"
#include "layers/layer.h"

/// Layers that change images [batch, height, width, channels] in training, each image by numbers of its own, and hand
/// them on unchanged otherwise, in the floating type that the layer computes in, unless something else is said. They
/// have no weights.
///
/// Random numbers come as those of Dropout (layers/dropout.h) do: what happens to image i of a batch depends on the
/// layer's seed, the step and i, not on the other images.
///
/// Factors are one number or the range they are drawn from: `0.2`, `{0.1, 0.3}`. What one number stands for differs
/// between the layers, as it does in Keras 3.15.
namespace strata::layers {

struct RandomFlipOptions {
  std::int64_t seed = -1;
  std::string data_format = "channels_last";
  std::string name = {};
  bool trainable = true;
};
/// Mirrors with a chance of 1/2: "horizontal", "vertical", or both at once.
STRATA_API Layer RandomFlip(const std::string& mode = "horizontal_and_vertical", const RandomFlipOptions& = {});

struct RandomRotationOptions {
  std::string fill_mode = "reflect";       ///< beyond the border; or "constant", "wrap", "nearest"
  std::string interpolation = "bilinear";  ///< or "nearest"
  std::int64_t seed = -1;
  double fill_value = 0.0;  ///< of "constant"
  std::string data_format = "channels_last";
  std::string name = {};
  bool trainable = true;
};
/// Turns around the middle, counter-clockwise by a factor of a full turn; f stands for {-f, f}.
STRATA_API Layer RandomRotation(const Interval& factor, const RandomRotationOptions& = {});

struct RandomZoomOptions {
  std::optional<Interval> width_factor = {};  ///< none: as the height, which keeps the aspect ratio
  std::string fill_mode = "reflect";
  std::string interpolation = "bilinear";
  std::int64_t seed = -1;
  double fill_value = 0.0;
  std::string data_format = "channels_last";
  std::string name = {};
  bool trainable = true;
};
/// Shows 1 + factor times as much of the height: a positive factor zooms out. f stands for {-f, f}.
STRATA_API Layer RandomZoom(const Interval& height_factor, const RandomZoomOptions& = {});

using RandomTranslationOptions = RandomRotationOptions;
/// Moves down and to the right by these shares of the height and of the width. f stands for {-f, f}.
STRATA_API Layer RandomTranslation(const Interval& height_factor, const Interval& width_factor,
                                   const RandomTranslationOptions& = {});

struct RandomShearOptions {
  std::string interpolation = "bilinear";
  std::string fill_mode = "reflect";
  double fill_value = 0.0;
  std::string data_format = "channels_last";
  std::int64_t seed = -1;
  std::string name = {};
  bool trainable = true;
};
/// Shifts rows by up to x_factor of their number, and columns by y_factor, both to the same side. f stands for {-f, f}.
STRATA_API Layer RandomShear(const Interval& x_factor = 0.0, const Interval& y_factor = 0.0,
                             const RandomShearOptions& = {});

struct RandomCropOptions {
  std::int64_t seed = -1;
  std::string data_format = "channels_last";
  std::string name = {};
  bool trainable = true;
};
/// In training a part of this size, at the same place in all images of a batch; images that are not larger in both
/// directions are cut in the middle and resized bilinearly. Otherwise the largest part in the middle with that aspect
/// ratio, resized: what Keras's documentation says, while Keras 3.15 itself then leaves images in the size they have.
STRATA_API Layer RandomCrop(std::int64_t height, std::int64_t width, const RandomCropOptions& = {});

/// Options of the layers that change colours. Results are clipped to the value range.
struct RandomContrastOptions {
  Interval value_range = {0, 255};  ///< of the images
  std::int64_t seed = -1;
  std::string name = {};
  bool trainable = true;
};
/// (x - mean) (1 + f) + mean, with the mean of each channel of each image; f is from [-lower, upper) of {lower, upper},
/// from [0, factor) for one number.
STRATA_API Layer RandomContrast(const Interval& factor, const RandomContrastOptions& = {});

using RandomBrightnessOptions = RandomContrastOptions;
/// Adds a factor times the width of the value range. f stands for {-f, f}.
STRATA_API Layer RandomBrightness(const Interval& factor, const RandomBrightnessOptions& = {});

struct RandomHueOptions {
  Interval value_range = {0, 255};
  std::string data_format = "channels_last";
  std::int64_t seed = -1;
  std::string name = {};
  bool trainable = true;
};
/// Turns the hue by half a factor of a full turn, to either side. f stands for {0, f}. Three channels.
STRATA_API Layer RandomHue(const Interval& factor, const RandomHueOptions& = {});

using RandomSaturationOptions = RandomHueOptions;
/// Multiplies the saturation by f / (1 - f): 0.5 changes nothing, 0 makes grey, 1 as colourful as can be. f stands for
/// {-f, f}. Three channels.
STRATA_API Layer RandomSaturation(const Interval& factor, const RandomSaturationOptions& = {});

using RandomColorDegenerationOptions = RandomHueOptions;
/// Moves colours towards grey by a share. f stands for {-f, f}. Three channels.
STRATA_API Layer RandomColorDegeneration(const Interval& factor, const RandomColorDegenerationOptions& = {});

using RandomSharpnessOptions = RandomHueOptions;
/// Moves pixels towards the mean of their 3 x 3 neighbourhood (the pixel itself counting five times) by the share 1 - 2
/// f: 0 blurs, 0.5 changes nothing, 1 sharpens. f stands for {0, f}.
STRATA_API Layer RandomSharpness(const Interval& factor, const RandomSharpnessOptions& = {});

using RandomPosterizationOptions = RandomHueOptions;
/// Keeps so many bits of eight, having brought the images to whole numbers from 0 to 255: an integer in [1, 8]. n
/// stands for {1, n}; the upper end of a range is not drawn.
STRATA_API Layer RandomPosterization(const Interval& factor, const RandomPosterizationOptions& = {});

struct RandomInvertOptions {
  Interval value_range = {0, 255};
  std::int64_t seed = -1;
  std::string data_format = "channels_last";
  std::string name = {};
  bool trainable = true;
};
/// The upper end of the value range minus the image, with a chance of the factor. f stands for {0, f}.
STRATA_API Layer RandomInvert(const Interval& factor = 1.0, const RandomInvertOptions& = {});

using SolarizationOptions = RandomInvertOptions;
/// Brings images to [0, 255], adds a number, and inverts what is not below a threshold. A factor {l, u} stands for
/// numbers from l to 255 u, as in Keras; f stands for {0, f}.
STRATA_API Layer Solarization(const Interval& addition_factor = 0.0, const Interval& threshold_factor = 0.0,
                              const SolarizationOptions& = {});

struct AutoContrastOptions {
  Interval value_range = {0, 255};
  std::string data_format = "channels_last";
  std::string name = {};
  bool trainable = true;
};
/// Stretches each channel of each image to the whole value range, in inference, too. One of a single number stays as it
/// is.
STRATA_API Layer AutoContrast(const AutoContrastOptions& = {});

struct EqualizationOptions {
  Interval value_range = {0, 255};
  std::int64_t bins = 256;
  std::string data_format = "channels_last";
  std::string name = {};
  bool trainable = true;
};
/// Spreads the levels of each channel evenly, counted in so many bins over the whole batch: equalize_images
/// (core/ops/equalize_images.h). In training only, as Keras does it, whatever its documentation says.
STRATA_API Layer Equalization(const EqualizationOptions& = {});

struct RandomColorJitterOptions {
  Interval value_range = {0, 255};
  std::optional<Interval> brightness_factor = {};  ///< none: this step is left out
  std::optional<Interval> contrast_factor = {};
  std::optional<Interval> saturation_factor = {};
  std::optional<Interval> hue_factor = {};
  std::int64_t seed = -1;
  std::string data_format = "channels_last";
  std::string name = {};
  bool trainable = true;
};
/// RandomBrightness, RandomContrast, RandomSaturation and RandomHue, one after the other.
STRATA_API Layer RandomColorJitter(const RandomColorJitterOptions& = {});

struct RandomGrayscaleOptions {
  std::string data_format = "channels_last";
  std::int64_t seed = -1;
  std::string name = {};
  bool trainable = true;
};
/// Makes images grey, in as many channels, with this chance. One or three channels.
STRATA_API Layer RandomGrayscale(double factor = 0.5, const RandomGrayscaleOptions& = {});

/// One number for all channels of an image, or red, green and blue.
struct FillValue {
  std::array<double, 3> channels{};
  bool single = true;
  constexpr FillValue(double grey = 0) : channels{grey, grey, grey} {}
  constexpr FillValue(double red, double green, double blue) : channels{red, green, blue}, single(false) {}
};
/// In configs: a number or a list of three.
STRATA_API ConfigValue to_config(const FillValue&);
STRATA_API void from_config(const ConfigValue&, FillValue&);

struct RandomErasingOptions {
  Interval factor = 1.0;          ///< the chance; f stands for {0, f}
  Interval scale = {0.02, 0.33};  ///< squares of the rectangle's shares of the height and of the width; s: {0, s}
  std::optional<FillValue> fill_value = {};  ///< none: noise, normal, with the value range's upper end as its deviation
  Interval value_range = {0, 255};           ///< cuts off what is filled in
  std::int64_t seed = -1;
  std::string data_format = "channels_last";
  std::string name = {};
  bool trainable = true;
};
/// Fills a rectangle of an image. Z. Zhong et al., "Random erasing data augmentation", AAAI 2020.
STRATA_API Layer RandomErasing(const RandomErasingOptions& = {});

struct RandAugmentOptions {
  Interval value_range = {0, 255};
  std::int64_t num_ops = 2;
  Interval factor = 0.5;  ///< the strength, in [0, 1]; f stands for {0, f}
  std::string interpolation = "bilinear";
  std::int64_t seed = -1;
  std::string data_format = "channels_last";
  std::string name = {};
  bool trainable = true;
};
/// `num_ops` of eleven layers, one after the other, chosen at random for the whole batch and possibly the same:
/// RandomShear, RandomTranslation, RandomRotation, RandomBrightness, RandomColorDegeneration, RandomContrast,
/// RandomSharpness, RandomPosterization (to at most 8 times the factor bits), Solarization, AutoContrast and
/// Equalization, with the factor as theirs. Three channels. E. Cubuk et al., "RandAugment", NeurIPS 2020.
STRATA_API Layer RandAugment(const RandAugmentOptions& = {});

/// The next two take {images} or {images, labels}, labels being one-hot or otherwise shares, [batch, classes]; the
/// result has as many. Each image is mixed with another of the batch, and its label by the same shares.
struct CutMixOptions {
  Interval factor = 1.0;  ///< a larger one makes patches of more different sizes; f stands for {0, f}
  std::int64_t seed = -1;
  std::string data_format = "channels_last";
  std::string name = {};
  bool trainable = true;
};
/// A rectangle of each image comes from the other one. S. Yun et al., "CutMix", ICCV 2019.
STRATA_API Layer CutMix(const CutMixOptions& = {});

struct MixUpOptions {
  double alpha = 0.2;  ///< above 0; the share is drawn from the beta distribution of (alpha, alpha)
  std::string data_format = "channels_last";
  std::int64_t seed = -1;
  std::string name = {};
  bool trainable = true;
};
/// Weighted means of two images. H. Zhang et al., "mixup", ICLR 2018.
STRATA_API Layer MixUp(const MixUpOptions& = {});

}  // namespace strata::layers
