#pragma once

#include <strata/strata.h>

#include <string>

/// Small networks for photographs: images [n, height, width, 3] of any size, RGB from 0 to 255, to [n, classes]. What
/// their last layer gets is the output of the layer "features".
namespace examples {

/// Convolutions of `width`, 2, 4 and 8 times `width` filters, two pairs of them with a way around: what D. Page's
/// ResNet-9 ("How to train your ResNet", 2018; width 64) is. A width of 24 makes 0.93 million parameters and 54 million
/// multiplications for 32 x 32 pixels.
strata::Model resnet(std::int64_t width, std::int64_t classes);

/// Four blocks of two convolutions, as VGG's, with batch normalization and `width`, 2, 4 and 8 times `width` filters.
/// The blocks' features, for style_transfer, come from layers called "block1_relu1" to "block4_relu2".
strata::Model vgg(std::int64_t width, std::int64_t classes);

/// "resnet" or "vgg".
strata::Model small_network(const std::string& kind, std::int64_t width, std::int64_t classes);

}  // namespace examples
