#pragma once

namespace strata::applications {

/// The 1000 classes of ImageNet's challenge in the order of a network's outputs: for each its number in WordNet and its
/// name, between spaces or line ends. Keras's imagenet_class_index.json says the same.
extern const char* const imagenet_classes;

}  // namespace strata::applications
