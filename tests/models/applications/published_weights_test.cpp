#include "models/applications/published_weights.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <strata/strata.h>

#include <filesystem>
#include <functional>
#include <map>
#include <optional>

#include "models/saving/legacy_layout.h"
#include "tests/data/flaky_server.h"
#include "tests/models/saving/saving_testing.h"
#include "tests/support/messages.h"

namespace strata::applications {
namespace {

const std::string name = "mobilenet_2_5_128_tf_no_top.h5";

/// With a folder in the place of all caches, and the environment as it was afterwards.
class PublishedWeightsTest : public testing::TemporaryFolder {
 protected:
  void SetUp() override {
    TemporaryFolder::SetUp();
    for (const char* variable :
         {"STRATA_WEIGHTS_DIR", "STRATA_WEIGHTS_URL", "STRATA_OFFLINE", "KERAS_HOME", "XDG_CACHE_HOME", "no_proxy"}) {
      const char* value = getenv(variable);
      before_[variable] = value ? std::optional<std::string>(value) : std::nullopt;
      unsetenv(variable);
    }
    setenv("KERAS_HOME", file("keras").c_str(), 1);
    setenv("XDG_CACHE_HOME", file("cache").c_str(), 1);
    setenv("STRATA_OFFLINE", "1", 1);
    setenv("no_proxy", "127.0.0.1", 1);
  }
  void TearDown() override {
    for (const auto& [variable, value] : before_)
      value ? setenv(variable.c_str(), value->c_str(), 1) : unsetenv(variable.c_str());
    TemporaryFolder::TearDown();
  }

  /// A small network that Keras offers weights for without a sum.
  static Model network(const std::string& weights) {
    return MobileNet({.input_shape = {128, 128, 3}, .alpha = 0.25, .include_top = false, .weights = weights});
  }

  /// Its weights in the layout of Keras's files.
  static void write(const std::string& path, const Model& model) {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    const auto out = Hdf5File::create(path);
    write_legacy_weights(*out, "", model.definition());
    out->close();
  }

 private:
  std::map<std::string, std::optional<std::string>> before_;
};

TEST_F(PublishedWeightsTest, ComeFromTheFirstPlaceThatHasThem) {
  const Model ours = network(""), in_keras = network(""), given = network("");
  write(file("cache/strata/models/" + name), ours);
  testing::expect_equal(network("imagenet").get_weights(), ours.get_weights());
  write(file("keras/models/" + name), in_keras);
  testing::expect_equal(network("imagenet").get_weights(), in_keras.get_weights());
  setenv("STRATA_WEIGHTS_DIR", file("given").c_str(), 1);
  write(file("given/" + name), given);
  testing::expect_equal(network("imagenet").get_weights(), given.get_weights());
  testing::write_bytes(file("given/" + name), "not HDF5");  // the search goes on
  testing::expect_equal(network("imagenet").get_weights(), in_keras.get_weights());
}

TEST_F(PublishedWeightsTest, AreDownloadedIntoTheCache) {
  const Model there = network("");
  write(file("there.h5"), there);
  const FlakyServer server({{.body = "an error page"}, {.body = testing::bytes_of(file("there.h5"))}});
  unsetenv("STRATA_OFFLINE");
  setenv("STRATA_WEIGHTS_URL", server.url("/m/").c_str(), 1);
  testing::expect_equal(network("imagenet").get_weights(), there.get_weights());
  EXPECT_EQ(server.requests(), std::vector<std::string>(2, "GET /m/" + name));
  EXPECT_TRUE(std::filesystem::exists(file("cache/strata/models/" + name)));
  testing::expect_equal(network("imagenet").get_weights(), there.get_weights());
  EXPECT_EQ(server.requests().size(), 2u);
}

TEST_F(PublishedWeightsTest, AnErrorListsAllThatWasTried) {
  testing::write_bytes(file("elsewhere.h5"), "x");
  std::filesystem::create_directories(file("keras/models"));
  testing::write_bytes(file("keras/models/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"), "damaged");
  const std::string message = testing::message_of([] { VGG16({.include_top = false}); });
  EXPECT_NE(
      message.find("[applications::VGG16] no usable copy of vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5 was "
                   "found. Tried:\n  1. STRATA_WEIGHTS_DIR: not set\n  2. Keras's cache: ["),
      std::string::npos)
      << message;
  for (const std::string& part : {std::string("6d6bbae143d832006294945121d1f1fc"),
                                  "\n  3. cache " + file("cache/strata/models") + ": has no such file",
                                  std::string("\n  4. download: switched off by STRATA_OFFLINE"),
                                  std::string("give \"\" to begin with random numbers")})
    EXPECT_NE(message.find(part), std::string::npos) << message;
}

TEST_F(PublishedWeightsTest, HaveKerasNames) {
  const auto expect_file = [](const std::string& missing, const std::function<void()>& make) {
    EXPECT_ERROR(make(), "no usable copy of " + missing + " was found");
  };
  const Options no_top{.include_top = false};
  expect_file("xception_weights_tf_dim_ordering_tf_kernels.h5", [] { Xception(); });
  expect_file("vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5", [&] { VGG19(no_top); });
  expect_file("resnet50_weights_tf_dim_ordering_tf_kernels.h5", [] { ResNet50(); });
  expect_file("resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5", [&] { ResNet50V2(no_top); });
  expect_file("inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5", [&] { InceptionV3(no_top); });
  expect_file("densenet121_weights_tf_dim_ordering_tf_kernels.h5", [] { DenseNet121(); });
  expect_file("efficientnetb0.h5", [] { EfficientNetB0(); });
  expect_file("efficientnetb1_notop.h5", [&] { EfficientNetB1(no_top); });
  expect_file("mobilenet_7_5_224_tf.h5", [] { MobileNet({.alpha = 0.75}); });
  expect_file("mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5", [] { MobileNetV2(); });
  expect_file("mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_96_no_top.h5", [] {
    MobileNetV2({.input_shape = {96, 96, 3}, .alpha = 0.35, .include_top = false});
  });
}

TEST_F(PublishedWeightsTest, AFileOfAnotherNetworkIsNotTaken) {
  const Model wider = MobileNet({.input_shape = {128, 128, 3}, .alpha = 0.5, .include_top = false, .weights = ""});
  write(file("keras/models/" + name), wider);
  EXPECT_ERROR(network("imagenet"), "Shape mismatch in layer #0");
}

TEST_F(PublishedWeightsTest, AnOddSizeTakesTheWeightsFor224) {
  const Model model = MobileNet({.input_shape = {40, 40, 3}, .alpha = 0.25, .include_top = false, .weights = ""});
  write(file("keras/models/mobilenet_2_5_224_tf_no_top.h5"), model);
  const Model loaded = MobileNet({.input_shape = {40, 40, 3}, .alpha = 0.25, .include_top = false});
  EXPECT_EQ(loaded.name(), "mobilenet_0.25_224");
  testing::expect_equal(loaded.get_weights(), model.get_weights());
}

}  // namespace
}  // namespace strata::applications
