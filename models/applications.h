#pragma once

#include <string>

#include "layers/activations.h"
#include "models/applications/imagenet_utils.h"
#include "models/model.h"

/// Known networks for images, after keras.applications 3.15: the same layers, names, order, numbers of parameters and
/// initial distributions, so that weights go to and fro. docs/applications.md has the table.
///
/// `weights`:
///   "imagenet"   what Keras offers for download, from the first of these places that has it: the folder
///   STRATA_WEIGHTS_DIR
///                names; Keras's cache ($KERAS_HOME/models, default ~/.keras/models); ours
///                ($XDG_CACHE_HOME/strata/models, default ~/.cache/strata/models); the network, into our cache, unless
///                STRATA_OFFLINE is set to something other than 0. STRATA_WEIGHTS_URL names a mirror, which holds the
///                files themselves. Files are checked against Keras's MD5 sums where there are any. When no place has a
///                good one, one Error lists every place and why it failed.
///   a path       any weights file that Model::load_weights reads.
///   ""           random numbers, by the layers' initializers (Keras's None).
///
/// Inputs are as each family's preprocess_input makes them. Every argument is checked before anything is made; errors
/// name the function and say what Keras says.
namespace strata::applications {

/// Keras's arguments, in its order.
struct Options {
  bool include_top = true;  ///< with the layers that classify
  std::string weights = "imagenet";
  Symbol input_tensor = {};  ///< what to build upon; its inputs become the model's
  /// [height, width, channels], each of the first two open_dim if there is no top. Empty: the network's own size, or
  /// any size if there is no top.
  Shape input_shape = {};
  std::string pooling = {};                      ///< without a top: "avg" or "max" over all positions; empty: none
  std::int64_t classes = 1000;                   ///< of the top
  Activation classifier_activation = "softmax";  ///< of the top: softmax or linear if there are weights to load
  std::string name = {};                         ///< empty: Keras's name of the network
};

struct MobileNetOptions {
  Shape input_shape = {};
  double alpha = 1.0;                 ///< width: each layer has so many times the filters
  std::int64_t depth_multiplier = 1;  ///< of the depthwise convolutions
  double dropout = 1e-3;
  bool include_top = true;
  std::string weights = "imagenet";  ///< for an alpha of 0.25, 0.5, 0.75 or 1 and a depth_multiplier of 1
  Symbol input_tensor = {};
  std::string pooling = {};
  std::int64_t classes = 1000;
  Activation classifier_activation = "softmax";
  std::string name = {};  ///< empty: mobilenet_<alpha>_<height>
};

struct MobileNetV2Options {
  Shape input_shape = {};
  double alpha = 1.0;  ///< width: each layer but the last has so many times the filters, rounded to 8
  bool include_top = true;
  std::string weights = "imagenet";  ///< for an alpha of 0.35, 0.5, 0.75, 1, 1.3 or 1.4
  Symbol input_tensor = {};
  std::string pooling = {};
  std::int64_t classes = 1000;
  Activation classifier_activation = "softmax";
  std::string name = {};  ///< empty: mobilenetv2_<alpha>_<height>
};

/// Chollet, "Xception: Deep learning with depthwise separable convolutions", 2017. 299 x 299 pixels, at least 71.
STRATA_API Model Xception(const Options& = {});

/// Howard and others, "MobileNets: Efficient convolutional neural networks for mobile vision applications", 2017.
/// 224 x 224 pixels, at least 32.
STRATA_API Model MobileNet(const MobileNetOptions& = {});

/// Sandler and others, "MobileNetV2: Inverted residuals and linear bottlenecks", 2018. 224 x 224 pixels, at least 32.
STRATA_API Model MobileNetV2(const MobileNetV2Options& = {});

/// Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", 2014. 224 x 224
/// pixels, at least 32.
STRATA_API Model VGG16(const Options& = {});
STRATA_API Model VGG19(const Options& = {});

/// He and others, "Deep residual learning for image recognition", 2015. 224 x 224 pixels, at least 32.
STRATA_API Model ResNet50(const Options& = {});
STRATA_API Model ResNet101(const Options& = {});
STRATA_API Model ResNet152(const Options& = {});

/// He and others, "Identity mappings in deep residual networks", 2016. 224 x 224 pixels, at least 32.
STRATA_API Model ResNet50V2(const Options& = {});
STRATA_API Model ResNet101V2(const Options& = {});
STRATA_API Model ResNet152V2(const Options& = {});

/// Szegedy and others, "Rethinking the Inception architecture for computer vision", 2015. 299 x 299 pixels, at
/// least 75.
STRATA_API Model InceptionV3(const Options& = {});

/// Huang and others, "Densely connected convolutional networks", 2017. 224 x 224 pixels, at least 32.
STRATA_API Model DenseNet121(const Options& = {});
STRATA_API Model DenseNet169(const Options& = {});
STRATA_API Model DenseNet201(const Options& = {});

/// Tan and Le, "EfficientNet: Rethinking model scaling for convolutional neural networks", 2019. 224, 240, 260, 300,
/// 380, 456, 528 and 600 pixels, at least 32. They normalize pixels from 0 to 255 themselves; with weights "imagenet"
/// there is one layer more for that, as in Keras.
STRATA_API Model EfficientNetB0(const Options& = {});
STRATA_API Model EfficientNetB1(const Options& = {});
STRATA_API Model EfficientNetB2(const Options& = {});
STRATA_API Model EfficientNetB3(const Options& = {});
STRATA_API Model EfficientNetB4(const Options& = {});
STRATA_API Model EfficientNetB5(const Options& = {});
STRATA_API Model EfficientNetB6(const Options& = {});
STRATA_API Model EfficientNetB7(const Options& = {});

// Keras's modules: what goes with each family.
namespace xception {
using applications::Xception;
using imagenet_utils::decode_predictions;
inline constexpr imagenet_utils::Preprocessing preprocess_input{imagenet_utils::Scaling::tf};
inline constexpr imagenet_utils::Deprocessing deprocess{imagenet_utils::Scaling::tf};
}  // namespace xception

namespace mobilenet {
using applications::MobileNet;
using imagenet_utils::decode_predictions;
inline constexpr imagenet_utils::Preprocessing preprocess_input{imagenet_utils::Scaling::tf};
inline constexpr imagenet_utils::Deprocessing deprocess{imagenet_utils::Scaling::tf};
}  // namespace mobilenet

namespace mobilenet_v2 {
using applications::MobileNetV2;
using imagenet_utils::decode_predictions;
inline constexpr imagenet_utils::Preprocessing preprocess_input{imagenet_utils::Scaling::tf};
inline constexpr imagenet_utils::Deprocessing deprocess{imagenet_utils::Scaling::tf};
}  // namespace mobilenet_v2

namespace vgg16 {
using applications::VGG16;
using imagenet_utils::decode_predictions;
inline constexpr imagenet_utils::Preprocessing preprocess_input{imagenet_utils::Scaling::caffe};
inline constexpr imagenet_utils::Deprocessing deprocess{imagenet_utils::Scaling::caffe};
}  // namespace vgg16

namespace vgg19 {
using applications::VGG19;
using imagenet_utils::decode_predictions;
inline constexpr imagenet_utils::Preprocessing preprocess_input{imagenet_utils::Scaling::caffe};
inline constexpr imagenet_utils::Deprocessing deprocess{imagenet_utils::Scaling::caffe};
}  // namespace vgg19

namespace resnet {
using applications::ResNet101;
using applications::ResNet152;
using applications::ResNet50;
using imagenet_utils::decode_predictions;
inline constexpr imagenet_utils::Preprocessing preprocess_input{imagenet_utils::Scaling::caffe};
inline constexpr imagenet_utils::Deprocessing deprocess{imagenet_utils::Scaling::caffe};
}  // namespace resnet

namespace resnet50 {
using applications::ResNet50;
using imagenet_utils::decode_predictions;
inline constexpr imagenet_utils::Preprocessing preprocess_input{imagenet_utils::Scaling::caffe};
inline constexpr imagenet_utils::Deprocessing deprocess{imagenet_utils::Scaling::caffe};
}  // namespace resnet50

namespace resnet_v2 {
using applications::ResNet101V2;
using applications::ResNet152V2;
using applications::ResNet50V2;
using imagenet_utils::decode_predictions;
inline constexpr imagenet_utils::Preprocessing preprocess_input{imagenet_utils::Scaling::tf};
inline constexpr imagenet_utils::Deprocessing deprocess{imagenet_utils::Scaling::tf};
}  // namespace resnet_v2

namespace inception_v3 {
using applications::InceptionV3;
using imagenet_utils::decode_predictions;
inline constexpr imagenet_utils::Preprocessing preprocess_input{imagenet_utils::Scaling::tf};
inline constexpr imagenet_utils::Deprocessing deprocess{imagenet_utils::Scaling::tf};
}  // namespace inception_v3

namespace densenet {
using applications::DenseNet121;
using applications::DenseNet169;
using applications::DenseNet201;
using imagenet_utils::decode_predictions;
inline constexpr imagenet_utils::Preprocessing preprocess_input{imagenet_utils::Scaling::torch};
inline constexpr imagenet_utils::Deprocessing deprocess{imagenet_utils::Scaling::torch};
}  // namespace densenet

namespace efficientnet {
using applications::EfficientNetB0;
using applications::EfficientNetB1;
using applications::EfficientNetB2;
using applications::EfficientNetB3;
using applications::EfficientNetB4;
using applications::EfficientNetB5;
using applications::EfficientNetB6;
using applications::EfficientNetB7;
using imagenet_utils::decode_predictions;
inline constexpr imagenet_utils::Preprocessing preprocess_input{imagenet_utils::Scaling::none};
inline constexpr imagenet_utils::Deprocessing deprocess{imagenet_utils::Scaling::none};
}  // namespace efficientnet

}  // namespace strata::applications
