#pragma once

#include <optional>
#include <string>

#include "layers/interval.h"
#include "layers/layer.h"

/// Layers that change images [batch, height, width, channels] in training, each image by numbers of its own, and hand
/// them on unchanged otherwise, in the floating type that the layer computes in. They have no weights.
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

struct RandomGrayscaleOptions {
  std::string data_format = "channels_last";
  std::int64_t seed = -1;
  std::string name = {};
  bool trainable = true;
};
/// Makes images grey, in as many channels, with this chance. One or three channels.
STRATA_API Layer RandomGrayscale(double factor = 0.5, const RandomGrayscaleOptions& = {});

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
