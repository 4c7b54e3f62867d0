// Layers, arguments, connections, weights and their order against keras.applications: golden.py made architectures.inc.
#include <gtest/gtest.h>
#include <strata/strata.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <functional>
#include <map>
#include <set>
#include <sstream>

#include "layers/initial_values.h"

namespace strata {
namespace {

using applications::MobileNetOptions;
using applications::MobileNetV2Options;
using applications::Options;
using Make = std::function<Model()>;

Make with(Model (*network)(const Options&), Options options = {}) {
  options.weights = "";
  return [=] { return network(options); };
}
Make with(Model (*network)(const MobileNetOptions&), MobileNetOptions options = {}) {
  options.weights = "";
  return [=] { return network(options); };
}
Make with(Model (*network)(const MobileNetV2Options&), MobileNetV2Options options = {}) {
  options.weights = "";
  return [=] { return network(options); };
}

/// NETWORKS and VARIANTS of golden.py.
const std::map<std::string, Make>& networks() {
  using namespace applications;
  static const std::map<std::string, Make> all{
      {"Xception", with(Xception)},
      {"MobileNet", with(MobileNet)},
      {"VGG16", with(VGG16)},
      {"VGG19", with(VGG19)},
      {"ResNet50", with(ResNet50)},
      {"ResNet101", with(ResNet101)},
      {"ResNet152", with(ResNet152)},
      {"ResNet50V2", with(ResNet50V2)},
      {"ResNet101V2", with(ResNet101V2)},
      {"ResNet152V2", with(ResNet152V2)},
      {"InceptionV3", with(InceptionV3)},
      {"MobileNetV2", with(MobileNetV2)},
      {"DenseNet121", with(DenseNet121)},
      {"DenseNet169", with(DenseNet169)},
      {"DenseNet201", with(DenseNet201)},
      {"EfficientNetB0", with(EfficientNetB0)},
      {"EfficientNetB1", with(EfficientNetB1)},
      {"EfficientNetB2", with(EfficientNetB2)},
      {"EfficientNetB3", with(EfficientNetB3)},
      {"EfficientNetB4", with(EfficientNetB4)},
      {"EfficientNetB5", with(EfficientNetB5)},
      {"EfficientNetB6", with(EfficientNetB6)},
      {"EfficientNetB7", with(EfficientNetB7)},
      {"Xception_notop", with(Xception, {.include_top = false})},
      {"MobileNet_small",
       with(MobileNet,
            {.input_shape = {96, 64, 3}, .alpha = 0.3, .depth_multiplier = 2, .dropout = 0.2, .classes = 7})},
      {"MobileNet_open", with(MobileNet, {.include_top = false, .pooling = "avg"})},
      {"VGG16_max", with(VGG16, {.include_top = false, .pooling = "max"})},
      {"ResNet50_avg", with(ResNet50, {.include_top = false, .pooling = "avg"})},
      {"ResNet50V2_max", with(ResNet50V2, {.include_top = false, .input_shape = {40, 56, 1}, .pooling = "max"})},
      {"InceptionV3_avg", with(InceptionV3, {.include_top = false, .pooling = "avg"})},
      {"MobileNetV2_small",
       with(MobileNetV2, {.input_shape = {128, 128, 3}, .alpha = 0.35, .classes = 7, .classifier_activation = {}})},
      {"MobileNetV2_wide", with(MobileNetV2, {.alpha = 1.4, .include_top = false, .pooling = "max"})},
      {"DenseNet121_avg", with(DenseNet121, {.include_top = false, .pooling = "avg"})},
      {"EfficientNetB0_max", with(EfficientNetB0, {.include_top = false, .pooling = "max"})},
      {"EfficientNetB0_odd",
       with(EfficientNetB0, {.input_shape = {61, 45, 3}, .classes = 3, .classifier_activation = "sigmoid"})},
  };
  return all;
}

/// What Keras's configs hold beyond what has a meaning here: all at their defaults.
bool left_out(const std::string& key) {
  static const std::set<std::string> keys{"activity_regularizer", "build_config", "mask", "training"};
  return keys.contains(key);
}

/// As golden.py spells values.
std::string canonical(const ConfigValue& value) {
  const auto number = [](double v) {
    char text[40];
    std::snprintf(text, sizeof text, "%.9g", v);
    return std::string(text);
  };
  const ConfigValue::Variant& v = value.variant();
  if (std::holds_alternative<std::nullptr_t>(v)) return "null";
  if (const auto* flag = std::get_if<bool>(&v)) return *flag ? "true" : "false";
  if (const auto* integer = std::get_if<std::int64_t>(&v)) return number(static_cast<double>(*integer));
  if (const auto* real = std::get_if<double>(&v)) return number(*real);
  if (const auto* text = std::get_if<std::string>(&v)) return *text;
  std::string joined;
  const auto append = [&](const std::string& part) { joined += (joined.empty() ? "" : ",") + part; };
  if (const auto* list = std::get_if<ConfigValue::List>(&v)) {
    for (const ConfigValue& item : *list) append(canonical(item));
    return "[" + joined + "]";
  }
  auto items = std::get<Config>(v).items();
  std::ranges::sort(items, {}, [](const auto& item) { return item.first; });
  for (const auto& [key, item] : items)
    if (!left_out(key)) append(key + ":" + canonical(item));
  return "{" + joined + "}";
}

std::string listing(const Model& model) {
  const Config config = model.get_config();
  std::string text;
  for (const ConfigValue& layer : config.at("layers").as_list()) text += canonical(layer) + "\n";
  Config rest;
  for (const auto& [key, value] : config.items())
    if (key != "layers") rest.set(key, value);
  text += canonical(rest);
  for (const Variable& w : model.weights()) text += "\n" + w.path() + " " + canonical(ConfigValue(w.shape().dims()));
  return text;
}

std::string fnv1a(const std::string& text) {
  std::uint64_t h = 0xcbf29ce484222325;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  char digits[20];
  std::snprintf(digits, sizeof digits, "%016" PRIx64, h);
  return digits;
}

class Architectures : public ::testing::TestWithParam<std::string> {};

TEST_P(Architectures, AreKeras) {
  std::istringstream golden(GetParam());
  std::string name, hash;
  std::int64_t parameters = 0, fixed = 0;
  std::size_t layers = 0;
  golden >> name >> parameters >> fixed >> layers >> hash;
  reset_names();
  const layers::WithoutInitialValues quick;
  const Model model = networks().at(name)();
  EXPECT_EQ(model.count_params(), parameters);
  std::int64_t ours = 0;
  for (const Variable& v : model.non_trainable_weights()) ours += v.shape().elements();
  EXPECT_EQ(ours, fixed);
  EXPECT_EQ(model.layers().size() + 1, layers);  // and Keras's InputLayer
  const std::string text = listing(model);
  EXPECT_EQ(fnv1a(text), hash) << "golden.py list " << name << " prints what Keras has. Here is:\n" << text;
}

std::vector<std::string> golden_lines() {
  std::istringstream in(
#include "tests/models/applications/architectures.inc"
  );
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);)
    if (!line.empty()) lines.push_back(line);
  return lines;
}

std::string name_of(const ::testing::TestParamInfo<std::string>& info) {
  return info.param.substr(0, info.param.find(' '));
}

INSTANTIATE_TEST_SUITE_P(Applications, Architectures, ::testing::ValuesIn(golden_lines()), name_of);

TEST(ArchitecturesGolden, HasAllNetworks) { EXPECT_EQ(golden_lines().size(), networks().size()); }

}  // namespace
}  // namespace strata
