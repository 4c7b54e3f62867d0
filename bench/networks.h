#pragma once

#include <strata/strata.h>

#include <functional>
#include <map>
#include <string>

/// Image classifiers with 1000 classes, built layer by layer as their papers and Keras do.
namespace strata::bench {

struct Network {
  std::int64_t size = 0, batch = 0;  ///< of the image's side; of the training rows
  std::function<Model()> make;
};

/// By name: "mobilenet", "resnet50", "vgg16", "xception".
const std::map<std::string, Network>& networks();

}  // namespace strata::bench
