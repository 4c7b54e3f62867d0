#include "tools/strata/bench_networks.h"

#include <algorithm>

#include "tools/strata/commands.h"
#include "tools/strata/starter_networks.h"

namespace strata::tools {

namespace {
template <auto network>
Model for_mnist(const Shape& images) {
  return network(images, 10);
}

/// A network of applications:: with random weights.
template <auto network, class Options>
Model application(const Shape& images) {
  Options options;
  options.weights = "";
  options.input_shape = images;
  return network(options);
}

template <auto network, class Options = applications::Options>
BenchNetwork imagenet(const std::string& name, std::int64_t image_size, std::int64_t batch_size) {
  return {name, image_size, 3, 1000, batch_size, name, application<network, Options>};
}
}  // namespace

const std::vector<BenchNetwork>& bench_networks() {
  using namespace applications;
  static const std::vector<BenchNetwork> all{
      {"mnist_mlp", 28, 1, 10, 128, "mlp", for_mnist<starter_mlp>},
      {"mnist_cnn", 28, 1, 10, 128, "cnn", for_mnist<starter_cnn>},
      imagenet<MobileNet, MobileNetOptions>("mobilenet", 224, 16),
      imagenet<MobileNetV2, MobileNetV2Options>("mobilenet_v2", 224, 16),
      imagenet<Xception>("xception", 299, 4),
      imagenet<VGG16>("vgg16", 224, 4),
      imagenet<VGG19>("vgg19", 224, 4),
      imagenet<ResNet50>("resnet50", 224, 8),
      imagenet<ResNet101>("resnet101", 224, 8),
      imagenet<ResNet152>("resnet152", 224, 8),
      imagenet<ResNet50V2>("resnet50_v2", 224, 8),
      imagenet<ResNet101V2>("resnet101_v2", 224, 8),
      imagenet<ResNet152V2>("resnet152_v2", 224, 8),
      imagenet<InceptionV3>("inception_v3", 299, 8),
      imagenet<DenseNet121>("densenet121", 224, 8),
      imagenet<DenseNet169>("densenet169", 224, 8),
      imagenet<DenseNet201>("densenet201", 224, 8),
      imagenet<EfficientNetB0>("efficientnet_b0", 224, 16),
      imagenet<EfficientNetB1>("efficientnet_b1", 240, 8),
      imagenet<EfficientNetB2>("efficientnet_b2", 260, 8),
      imagenet<EfficientNetB3>("efficientnet_b3", 300, 4),
      imagenet<EfficientNetB4>("efficientnet_b4", 380, 4),
      imagenet<EfficientNetB5>("efficientnet_b5", 456, 2),
      imagenet<EfficientNetB6>("efficientnet_b6", 528, 1),
      imagenet<EfficientNetB7>("efficientnet_b7", 600, 1),
  };
  return all;
}

std::vector<BenchNetwork> bench_networks_named(const std::vector<std::string>& names) {
  const std::vector<BenchNetwork>& all = bench_networks();
  std::vector<BenchNetwork> found;
  for (const std::string& name : names) {
    if (name == "all") {
      found.insert(found.end(), all.begin(), all.end());
      continue;
    }
    const auto it = std::ranges::find(all, name, &BenchNetwork::name);
    if (it == all.end()) {
      std::string known = "all";
      for (const BenchNetwork& network : all) known += ", " + network.name;
      throw UsageError("bench: there is no network '" + name + "'; there are " + known);
    }
    found.push_back(*it);
  }
  return found;
}

}  // namespace strata::tools
