// What networks make of images, against keras.applications: golden.py made outputs.inc. Weights and images follow from
// one formula on both sides.
#include <gtest/gtest.h>
#include <strata/strata.h>

#include <cmath>
#include <map>
#include <sstream>

namespace strata {
namespace {

/// `count` numbers in [-1, 1) that follow from `stream`: the finalizer of MurmurHash3 over a counter.
std::vector<double> uniform(std::int64_t count, std::uint32_t stream) {
  std::vector<double> numbers;
  numbers.reserve(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    std::uint32_t h = static_cast<std::uint32_t>(i) * 2654435761u + (stream + 1) * 2246822519u;
    h = (h ^ (h >> 16)) * 0x85ebca6bu;
    h = (h ^ (h >> 13)) * 0xc2b2ae35u;
    h ^= h >> 16;
    numbers.push_back(h / 2147483648.0 - 1);
  }
  return numbers;
}

/// How a weight's numbers are scaled and shifted.
struct Range {
  double scale, shift;
};

Range range_of(const Layer& layer, const Variable& w, double gain) {
  const std::string& name = w.name();
  if (name.find("kernel") != std::string::npos) {
    const bool depthwise = name == "depthwise_kernel" || layer.class_name() == "DepthwiseConv2D";
    double fan_in = 1;
    for (int axis = 0; axis < (depthwise ? 2 : w.shape().rank() - 1); ++axis)
      fan_in *= static_cast<double>(w.shape()[axis]);
    return {gain * std::sqrt(3 / fan_in), 0};
  }
  if (name == "gamma" || name == "moving_variance" || name == "variance") return {0.3, 1};
  if (name == "count") return {0, 0};
  return {0.1, 0};
}

/// As `fill` of golden.py does it.
void fill(const Model& model, double gain) {
  std::uint32_t stream = 0;
  for (const Layer& layer : model.layers()) {
    Tensors values;
    for (const Variable& w : layer.weights()) {
      std::vector<double> numbers = uniform(w.shape().elements(), stream++);
      const Range range = range_of(layer, w, gain);
      for (double& n : numbers) n = n * range.scale + range.shift;
      values.push_back(cast(Tensor::from(w.shape(), numbers), w.dtype()));
    }
    layer.set_weights(values);
  }
}

Model make(const std::string& name, std::int64_t size) {
  using namespace applications;
  const Options options{.weights = "", .input_shape = {size, size, 3}, .classes = 10};
  if (name == "MobileNet") return MobileNet({.input_shape = options.input_shape, .weights = "", .classes = 10});
  if (name == "MobileNetV2") return MobileNetV2({.input_shape = options.input_shape, .weights = "", .classes = 10});
  static const std::map<std::string, Model (*)(const Options&)> others{{"Xception", Xception},
                                                                       {"VGG16", VGG16},
                                                                       {"VGG19", VGG19},
                                                                       {"ResNet50", ResNet50},
                                                                       {"ResNet50V2", ResNet50V2},
                                                                       {"InceptionV3", InceptionV3},
                                                                       {"DenseNet121", DenseNet121},
                                                                       {"EfficientNetB0", EfficientNetB0}};
  return others.at(name)(options);
}

class Outputs : public ::testing::TestWithParam<std::string> {};

TEST_P(Outputs, AreKeras) {
  std::istringstream golden(GetParam());
  std::string name;
  std::int64_t size = 0;
  double gain = 0;
  golden >> name >> size >> gain;
  Model model = make(name, size);
  fill(model, gain);
  std::vector<double> pixels = uniform(2 * size * size * 3, 1000);
  if (name.starts_with("EfficientNet"))
    for (double& p : pixels) p = (p + 1) * 127.5;
  const Tensor images = cast(Tensor::from({2, size, size, 3}, pixels), DType::f32);
  const Tensor output = model.predict(images);
  ASSERT_EQ(output.shape(), Shape({2, 10}));
  for (const float value : output.data<float>()) {
    double expected = 0;
    ASSERT_TRUE(golden >> expected);
    EXPECT_NEAR(value, expected, 2e-5);
  }
}

std::vector<std::string> golden_lines() {
  std::istringstream in(
#include "tests/models/applications/outputs.inc"
  );
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);)
    if (!line.empty()) lines.push_back(line);
  return lines;
}

std::string name_of(const ::testing::TestParamInfo<std::string>& info) {
  return info.param.substr(0, info.param.find(' '));
}

INSTANTIATE_TEST_SUITE_P(Applications, Outputs, ::testing::ValuesIn(golden_lines()), name_of);

}  // namespace
}  // namespace strata
