#include "layers/registry.h"

#include <map>

#include "core/base/json.h"
#include "tests/layers/layer_testing.h"

namespace strata {
namespace {

using testing::expect_error;

/// The arguments without which a class cannot be made.
Config required_arguments(const std::string& class_name) {
  static const std::map<std::string, Config> known{
      {"Activation", {{"activation", "relu"}}},
      {"AlphaDropout", {{"rate", 0.25}}},
      {"CategoryEncoding", {{"num_tokens", 4}}},
      {"CenterCrop", {{"height", 2}, {"width", 3}}},
      {"Cropping1D", {{"cropping", 1}}},
      {"Cropping2D", {{"cropping", 1}}},
      {"Cropping3D", {{"cropping", 1}}},
      {"Dense", {{"units", 3}}},
      {"Discretization", {{"num_bins", 4}}},
      {"Dot", {{"axes", -1}}},
      {"Dropout", {{"rate", 0.25}}},
      {"EinsumDense", {{"equation", "ab,bc->ac"}, {"output_shape", 3}}},
      {"Embedding", {{"input_dim", 4}, {"output_dim", 2}}},
      {"GaussianDropout", {{"rate", 0.25}}},
      {"GaussianNoise", {{"stddev", 0.25}}},
      {"Permute", {{"dims", ConfigValue::List{2, 1}}}},
      {"RandomBrightness", {{"factor", 0.25}}},
      {"RandomColorDegeneration", {{"factor", 0.25}}},
      {"RandomContrast", {{"factor", 0.25}}},
      {"RandomCrop", {{"height", 2}, {"width", 3}}},
      {"RandomFlip", {{"mode", "vertical"}}},
      {"RandomGrayscale", {{"factor", 0.25}}},
      {"RandomHue", {{"factor", 0.25}}},
      {"RandomPosterization", {{"factor", 3}}},
      {"RandomRotation", {{"factor", 0.25}}},
      {"RandomSaturation", {{"factor", 0.25}}},
      {"RandomSharpness", {{"factor", 0.25}}},
      {"RandomTranslation", {{"height_factor", 0.25}, {"width_factor", 0.25}}},
      {"RandomZoom", {{"height_factor", 0.25}}},
      {"RepeatVector", {{"n", 2}}},
      {"Rescaling", {{"scale", 0.5}}},
      {"Reshape", {{"target_shape", ConfigValue::List{2, -1}}}},
      {"Resizing", {{"height", 2}, {"width", 3}}},
      {"ReversibleEmbedding", {{"input_dim", 4}, {"output_dim", 2}}},
      {"SpatialDropout1D", {{"rate", 0.25}}},
      {"SpatialDropout2D", {{"rate", 0.25}}},
      {"SpatialDropout3D", {{"rate", 0.25}}},
      {"SpectralNormalization", {{"layer", Config{{"class_name", "Dense"}, {"config", Config{{"name", "inner"}, {"units", 2}}}}}}},
      {"UpSampling1D", {{"size", 2}}},
      {"UpSampling2D", {{"size", 2}}},
      {"UpSampling3D", {{"size", 2}}},
      {"ZeroPadding1D", {{"padding", 1}}},
      {"ZeroPadding2D", {{"padding", 1}}},
      {"ZeroPadding3D", {{"padding", 1}}},
  };
  const auto found = known.find(class_name);
  if (found != known.end()) return found->second;
  if (class_name.starts_with("Depthwise")) return {{"kernel_size", 2}};
  if (class_name.find("Conv") != std::string::npos) return {{"filters", 2}, {"kernel_size", 2}};
  if (class_name.starts_with("Adaptive")) return {{"output_size", 2}};
  if (class_name.find("Pooling") != std::string::npos && !class_name.starts_with("Global")) return {{"pool_size", 2}};
  return {};
}

ConfigValue object_of(const std::string& class_name, const Config& config) {
  return Config{{"class_name", class_name}, {"config", config}};
}

Layer made_of(const ConfigValue& config) {
  Layer layer;
  from_config(config, layer);
  return layer;
}

/// The classes that are known before any test registers one of its own.
class KnownAtStart : public ::testing::Environment {
 public:
  void SetUp() override { names() = layer_names(); }
  static std::vector<std::string>& names() {
    static std::vector<std::string> known;
    return known;
  }
};
const ::testing::Environment* const known_at_start = ::testing::AddGlobalTestEnvironment(new KnownAtStart);

/// The built-in classes that are no models.
std::vector<std::string> class_names() {
  std::vector<std::string> names = KnownAtStart::names();
  std::erase_if(names, [](const std::string& name) { return name == "Functional" || name == "Sequential" || name == "Model"; });
  return names;
}

Config written_by_default(const std::string& class_name) {
  Config config = required_arguments(class_name);
  config.set("name", "it");
  return to_config(made_of(object_of(class_name, config))).as_config();
}

TEST(LayerRegistry, EveryClassComesBackFromItsConfig) {
  EXPECT_GE(class_names().size(), 45u);
  for (const std::string& name : class_names()) {
    const Config first = written_by_default(name);
    EXPECT_EQ(first.at("class_name").as_string(), name);
    EXPECT_EQ(first.at("module").as_string(), "keras.layers");
    const ConfigValue second = to_config(made_of(parse_json(to_json(first), "test")));
    EXPECT_EQ(to_json(second), to_json(first));
  }
}

TEST(LayerRegistry, EveryClassRefusesWhatItDoesNotKnow) {
  for (const std::string& name : class_names()) {
    Config config = written_by_default(name).at("config").as_config();
    config.set("no_such_argument", 1);
    expect_error([&] { made_of(object_of(name, config)); },
                 "[" + name + " 'it'] Unrecognized keyword arguments: {'no_such_argument': 1}");
  }
}

TEST(LayerRegistry, EveryArgumentRefusesAnotherType) {
  for (const std::string& name : class_names()) {
    const Config config = written_by_default(name).at("config").as_config();
    for (const auto& [key, value] : config.items()) {
      if (key == "name" || key == "trainable" || key == "dtype") continue;
      Config wrong = config;
      if (value.is_null() || std::holds_alternative<std::string>(value.variant()))
        wrong.set(key, ConfigValue::List(1, ConfigValue(ConfigValue::List{})));  // [[]]: with braces compilers differ
      else
        wrong.set(key, "no such value");
      expect_error([&] { made_of(object_of(name, wrong)); }, "[" + name + " 'it'] argument `" + key + "`");
    }
  }
}

// Constructors of Keras that would refuse it.
TEST(LayerRegistry, AFewClassesDoNotWriteTrainable) {
  for (const std::string& name : class_names()) {
    const bool lacks = name.starts_with("SpatialDropout") || name == "Discretization";
    EXPECT_EQ(written_by_default(name).at("config").as_config().contains("trainable"), !lacks) << name;
  }
}

TEST(LayerRegistry, ReadsWhatKeras2Wrote) {
  const auto read = [](const char* json) { return made_of(parse_json(json, "test")).config(); };
  EXPECT_EQ(read(R"({"class_name": "LeakyReLU", "config": {"name": "l", "alpha": 0.1}})").at("negative_slope").as_double(), 0.1);
  EXPECT_EQ(read(R"({"class_name": "BatchNormalization", "config": {"axis": [3], "renorm": false, "renorm_clipping": null,
                     "renorm_momentum": 0.99}})").at("axis").as_int(), 3);
  EXPECT_TRUE(read(R"({"class_name": "ReLU", "config": {"max_value": null, "negative_slope": 0.0}})").at("max_value").is_null());
  EXPECT_EQ(read(R"({"class_name": "Embedding", "config": {"batch_input_shape": [null, 3], "input_dim": 4, "output_dim": 2,
                     "mask_zero": false, "input_length": 3}})").at("input_dim").as_int(), 4);
  EXPECT_EQ(read(R"({"class_name": "Dropout", "config": {"rate": 0.5, "noise_shape": [null, 1], "seed": null}})")
                .at("noise_shape").as_list()[1].as_int(), 1);
  expect_error([&] { read(R"({"class_name": "BatchNormalization", "config": {"axis": [1, 2]}})"); }, "expected one axis");
  expect_error([&] { read(R"({"class_name": "BatchNormalization", "config": {"renorm": true}})"); }, "argument `renorm`");
}

}  // namespace
}  // namespace strata
