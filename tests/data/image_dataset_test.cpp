#include "data/image_dataset.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/ops/ops.h"
#include "data/image.h"
#include "tests/data/image_cases.h"
#include "tests/data/make_files.h"
#include "tests/support/messages.h"

namespace strata {
namespace {

using data::image_dataset_from_directory;
using data::ImageDataset;
using Names = std::vector<std::string>;

// What keras.utils.image_dataset_from_directory of Keras 3.15.1 gives for the folder below: [6,7,3] in colour, and the
// first 6 of 20 rows of 9 in grey.
const std::vector<float> color420_6x7{
    148.917, 201.815, 3.25,    210.315, 212.78,  44.464,  205.19,  212.762, 91.655,  121.542, 221.042, 113.667, 46.137,
    223.018, 137.78,  27.679,  206.696, 190.506, 59.47,   215.161, 213.464, 187.179, 173.464, 38.893,  214.661, 174.839,
    76.107,  184.518, 169.643, 109.518, 95.75,   169.25,  128.375, 39.661,  171.946, 162.071, 39.143,  160.696, 205.661,
    93.75,   155.893, 219.25,  205.173, 100.476, 56.613,  184.351, 88.274,  82.536,  137.798, 101.113, 118.208, 51.833,
    92.458,  136.917, 25.274,  92.018,  181.387, 52.464,  89.738,  204.345, 136.071, 87.339,  131.744, 208.958, 50.024,
    56.982,  162.327, 44.536,  96.75,   89.113,  53.845,  114.19,  35.25,   58.458,  154.458, 36.238,  50.595,  204.006,
    87.149,  55.25,   192.595, 168.589, 47.952,  52.81,   208.143, 60.482,  63.804,  142.571, 56.732,  115.107, 68.696,
    73.696,  128.375, 22.5,    58.125,  157.25,  57.821,  48.768,  215.357, 124.018, 63.232,  165.393, 189.339, 56.661,
    56.375,  193.679, 106.952, 80.792,  122.833, 102.798, 143.905, 57.31,   121.881, 148.595, 44.167,  110.208, 188.625,
    107.06,  102.274, 250.452, 170.625, 115.512, 157.077, 207.583, 110.065, 64.351,
};
const std::vector<float> palette_6x7{
    255, 0, 0, 109.286, 114.286, 5.714, 8.571, 154.286, 78.571, 30, 40, 250, 15, 17.857, 77.857, 9, 9, 9, 9, 9, 9,
    255, 0, 0, 109.286, 114.286, 5.714, 8.571, 154.286, 78.571, 30, 40, 250, 15, 17.857, 77.857, 9, 9, 9, 9, 9, 9,
    255, 0, 0, 109.286, 114.286, 5.714, 8.571, 154.286, 78.571, 30, 40, 250, 15, 17.857, 77.857, 9, 9, 9, 9, 9, 9,
    255, 0, 0, 109.286, 114.286, 5.714, 8.571, 154.286, 78.571, 30, 40, 250, 15, 17.857, 77.857, 9, 9, 9, 9, 9, 9,
    255, 0, 0, 109.286, 114.286, 5.714, 8.571, 154.286, 78.571, 30, 40, 250, 15, 17.857, 77.857, 9, 9, 9, 9, 9, 9,
    255, 0, 0, 109.286, 114.286, 5.714, 8.571, 154.286, 78.571, 30, 40, 250, 15, 17.857, 77.857, 9, 9, 9, 9, 9, 9,
};
const std::vector<float> color420_grey_20x9{
    153,     191,     202,     200.5,   185.5,   168.5,   157.5,   159,     172.5,   159.175, 185.3,
    197.962, 198.125, 180.275, 163.75,  153.7,   155.675, 170.125, 167,     178.625, 193,     193.875,
    172.438, 156.812, 148.062, 150.938, 166.312, 172.2,   176.675, 190.4,   185.425, 161.713, 148.038,
    140.587, 145.413, 160.137, 166.562, 173.238, 182.913, 170.175, 149.288, 137.35,  132.475, 138.825,
    151.625, 154.513, 167.775, 171.338, 151.288, 135.475, 125.2,   123.5,   131.225, 143.9,
};

class ImageDatasetTest : public ::testing::Test {
 protected:
  void SetUp() override {
    using Pair = std::pair<std::string, std::string>;
    for (const auto& [path, image] : {Pair{"cats/color420.jpg", "color420.jpg"}, Pair{"cats/gray.jpeg", "gray.jpg"},
                                      Pair{"cats/b/deep.png", "rgb.png"}, Pair{"cats/b-side/x.png", "rgba.png"},
                                      Pair{"birds/palette.png", "palette.png"}, Pair{"birds/Z.JPG", "color444.jpg"},
                                      Pair{"birds/a.png", "rgb16.png"}, Pair{"dogs/bits.png", "bits.png"},
                                      Pair{"dogs/progressive.jpg", "progressive.jpg"}, Pair{".hidden/h.png", "rgb.png"},
                                      Pair{"top.png", "rgb.png"}})
      put(path, bytes_of(image));
    put("cats/notes.txt", "no image");
  }
  static std::string bytes_of(const std::string& name) {
    for (const ImageCase& c : image_cases())
      if (c.name == name) return bytes_of_hex(c.file);
    throw std::runtime_error("no image " + name);
  }
  void put(const std::string& path, const std::string& content) const { write_file(folder_.path / path, content); }
  std::string directory() const { return folder_.path.string(); }
  /// Relative to the folder.
  Names paths(const ImageDataset& dataset) const {
    Names all;
    for (const std::string& path : dataset.file_paths()) all.push_back(path.substr(directory().size() + 1));
    return all;
  }
  TemporaryFolder folder_;
};

void expect_close(std::span<const float> values, const std::vector<float>& expected, float tolerance) {
  ASSERT_GE(values.size(), expected.size());
  float largest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) largest = std::max(largest, std::abs(values[i] - expected[i]));
  EXPECT_LE(largest, tolerance);
}

const Names in_order{"birds/Z.JPG",       "birds/a.png",    "birds/palette.png",
                     "cats/color420.jpg", "cats/gray.jpeg", "cats/b/deep.png",
                     "cats/b-side/x.png", "dogs/bits.png",  "dogs/progressive.jpg"};
constexpr float jpeg_tolerance = 1.001f;  // a pixel may differ by one level (image_decoding_test.cpp)

TEST_F(ImageDatasetTest, FilesLabelsAndValuesAreThoseOfKeras) {
  const ImageDataset dataset = image_dataset_from_directory(
      directory(), {.batch_size = 4, .image_size = {6, 7}, .shuffle = false, .verbose = false});
  EXPECT_EQ(dataset.class_names(), (Names{"birds", "cats", "dogs"}));
  EXPECT_EQ(paths(dataset), in_order);
  EXPECT_EQ(dataset.cardinality(), 3);
  std::vector<std::int32_t> labels;
  Tensors images;
  for (const data::Sample& batch : dataset) {
    ASSERT_EQ(batch.y.dtype(), DType::i32);
    for (const std::int32_t label : batch.y.data<std::int32_t>()) labels.push_back(label);
    for (std::int64_t i = 0; i < batch.x.shape()[0]; ++i) images.push_back(batch.x.rows(i, i + 1));
  }
  EXPECT_EQ(labels, (std::vector<std::int32_t>{0, 0, 0, 1, 1, 1, 1, 2, 2}));
  ASSERT_EQ(images.size(), 9u);
  EXPECT_EQ(images[0].type(), (Type{DType::f32, {1, 6, 7, 3}}));
  expect_close(images[2].data<float>(), palette_6x7, 1e-3f);
  expect_close(images[3].data<float>(), color420_6x7, jpeg_tolerance);
}

TEST_F(ImageDatasetTest, GreyImagesAndOneHotLabels) {
  const ImageDataset dataset = image_dataset_from_directory(directory(), {.label_mode = "categorical",
                                                                          .color_mode = "grayscale",
                                                                          .batch_size = 0,
                                                                          .image_size = {20, 9},
                                                                          .shuffle = false,
                                                                          .verbose = false});
  std::size_t i = 0;
  for (const data::Sample& sample : dataset) {
    EXPECT_EQ(sample.x.type(), (Type{DType::f32, {20, 9, 1}}));
    ASSERT_EQ(sample.y.type(), (Type{DType::f32, {3}}));
    if (i++ != 3) continue;
    expect_close(sample.x.data<float>(), color420_grey_20x9, jpeg_tolerance);
    EXPECT_EQ(sample.y.data<float>()[1], 1.0f);
    EXPECT_EQ(sample.y.data<float>()[0] + sample.y.data<float>()[2], 0.0f);
  }
  EXPECT_EQ(i, in_order.size());
}

TEST_F(ImageDatasetTest, ASeedShufflesAndSplitsAsKerasDoes) {
  const auto with = [&](std::uint64_t seed, const std::string& subset) {
    const double split = subset.empty() ? 0 : 0.4;
    return paths(image_dataset_from_directory(
        directory(), {.seed = seed, .validation_split = split, .subset = subset, .verbose = false}));
  };
  EXPECT_EQ(with(7, ""),
            (Names{"birds/palette.png", "dogs/bits.png", "birds/Z.JPG", "dogs/progressive.jpg", "cats/b/deep.png",
                   "cats/color420.jpg", "cats/b-side/x.png", "birds/a.png", "cats/gray.jpeg"}));
  EXPECT_EQ(with(7, "validation"), (Names{"cats/b-side/x.png", "birds/a.png", "cats/gray.jpeg"}));
  EXPECT_EQ(with(123456789, "training"), (Names{"dogs/bits.png", "cats/color420.jpg", "birds/Z.JPG", "cats/b/deep.png",
                                                "cats/b-side/x.png", "birds/a.png"}));
  EXPECT_EQ(with(123456789, "validation"), (Names{"birds/palette.png", "cats/gray.jpeg", "dogs/progressive.jpg"}));
}

// Every pass has all files, each with its own label, in an order of its own that the seed repeats.
TEST_F(ImageDatasetTest, PassesAreShuffledAndRepeatable) {
  const data::ImageDatasetOptions options{.batch_size = 0, .image_size = {6, 7}, .seed = 3, .verbose = false};
  const ImageDataset dataset = image_dataset_from_directory(directory(), options);
  EXPECT_EQ(dataset.why_unrepeatable(), "");
  const auto pass = [](const ImageDataset& d, std::int64_t epoch) {
    std::vector<std::pair<float, std::int32_t>> seen;
    const auto iterator = d.iterate(epoch);
    while (const auto sample = iterator->next()) {
      float sum = 0;
      for (const float v : sample->x.data<float>()) sum += v;
      seen.emplace_back(sum, sample->y.item<std::int32_t>());
    }
    return seen;
  };
  const auto first = pass(dataset, 0);
  EXPECT_EQ(pass(image_dataset_from_directory(directory(), options), 0), first);
  auto second = pass(dataset, 1), sorted = first;
  EXPECT_NE(second, first);
  std::ranges::sort(second);
  std::ranges::sort(sorted);
  EXPECT_EQ(second, sorted);
  EXPECT_EQ(sorted.size(), in_order.size());
}

TEST_F(ImageDatasetTest, ChosenClassesAndTwoOfThem) {
  const ImageDataset dataset = image_dataset_from_directory(directory(), {.label_mode = "binary",
                                                                          .class_names = {"dogs", "birds"},
                                                                          .image_size = {2, 2},
                                                                          .shuffle = false,
                                                                          .verbose = false});
  EXPECT_EQ(paths(dataset),
            (Names{"dogs/bits.png", "dogs/progressive.jpg", "birds/Z.JPG", "birds/a.png", "birds/palette.png"}));
  const data::Sample batch = *dataset.iterate()->next();
  ASSERT_EQ(batch.y.type(), (Type{DType::f32, {5, 1}}));
  EXPECT_EQ(batch.y.data<float>()[1], 0.0f);
  EXPECT_EQ(batch.y.data<float>()[2], 1.0f);
}

TEST_F(ImageDatasetTest, WithoutLabelsAllFilesBelowAreTaken) {
  const ImageDataset dataset = image_dataset_from_directory(
      directory(), {.label_mode = "none", .image_size = {2, 2}, .shuffle = false, .verbose = false});
  EXPECT_EQ(paths(dataset),
            (Names{"top.png", ".hidden/h.png", "birds/Z.JPG", "birds/a.png", "birds/palette.png", "cats/color420.jpg",
                   "cats/gray.jpeg", "cats/b/deep.png", "cats/b-side/x.png", "dogs/bits.png", "dogs/progressive.jpg"}));
  EXPECT_FALSE(dataset.iterate()->next()->y.defined());
  EXPECT_TRUE(dataset.class_names().empty());
}

TEST_F(ImageDatasetTest, ADamagedFileEndsThePassWithItsName) {
  put("cats/gray.jpeg", bytes_of("gray.jpg").substr(0, 150));
  const ImageDataset dataset =
      image_dataset_from_directory(directory(), {.image_size = {4, 4}, .shuffle = false, .verbose = false});
  EXPECT_ERROR(dataset.iterate()->next(), "cats/gray.jpeg");
  put("cats/gray.jpeg", "");
  EXPECT_ERROR(dataset.iterate()->next(), "is empty");
  std::filesystem::remove(folder_.path / "cats/gray.jpeg");
  EXPECT_ERROR(dataset.iterate()->next(), "cats/gray.jpeg");
}

TEST_F(ImageDatasetTest, DamagedFilesAreSkippedWhereThatIsAsked) {
  put("cats/gray.jpeg", bytes_of("gray.jpg").substr(0, 150));
  put("birds/a.png", "");
  const ImageDataset dataset = image_dataset_from_directory(
      directory(),
      {.batch_size = 4, .image_size = {4, 4}, .shuffle = false, .verbose = false, .damaged_files = "skip"});
  for (int pass = 0; pass < 2; ++pass) {
    ::testing::internal::CaptureStderr();
    std::vector<std::int32_t> labels;
    for (const data::Sample& batch : dataset) {
      EXPECT_EQ(batch.x.shape()[0], batch.y.shape()[0]);
      for (const std::int32_t label : batch.y.data<std::int32_t>()) labels.push_back(label);
    }
    const std::string messages = ::testing::internal::GetCapturedStderr();
    EXPECT_EQ(labels, (std::vector<std::int32_t>{0, 0, 1, 1, 1, 2, 2}));
    EXPECT_EQ(messages.find("cats/gray.jpeg") != std::string::npos, pass == 0) << messages;
    EXPECT_EQ(messages.find("birds/a.png") != std::string::npos, pass == 0) << messages;
  }
}

TEST_F(ImageDatasetTest, BothSubsetsAsAPair) {
  const data::ImageDatasetOptions options{
      .batch_size = 2, .image_size = {4, 4}, .seed = 7, .validation_split = 0.4, .subset = "both", .verbose = false};
  auto [train, val] = image_dataset_from_directory(directory(), options);
  EXPECT_EQ(paths(val), (Names{"cats/b-side/x.png", "birds/a.png", "cats/gray.jpeg"}));
  EXPECT_EQ(paths(train), (Names{"birds/palette.png", "dogs/bits.png", "birds/Z.JPG", "dogs/progressive.jpg",
                                 "cats/b/deep.png", "cats/color420.jpg"}));
  EXPECT_EQ(val.class_names(), train.class_names());
  EXPECT_EQ(val.cardinality(), 2);
  EXPECT_EQ(train.cardinality(), 3);
  const auto alone = image_dataset_from_directory(directory(), {.image_size = {4, 4}, .verbose = false});
  EXPECT_ERROR(alone.validation(), "needs a validation_split and subset \"both\"");
}

TEST_F(ImageDatasetTest, GivenLabels) {
  const ImageDataset dataset =
      image_dataset_from_directory(directory(), {.labels = std::vector<std::int64_t>{7, 7, 7, -1, 3, 3, 3, 3, 3, 3, 3},
                                                 .image_size = {2, 2},
                                                 .shuffle = false,
                                                 .verbose = false});
  EXPECT_EQ(dataset.class_names(), (Names{"-1", "3", "7"}));
  EXPECT_EQ(paths(dataset).front(), "top.png");
  const Tensor labels = dataset.iterate()->next()->y;
  EXPECT_TRUE(
      std::ranges::equal(labels.data<std::int32_t>(), std::vector<std::int32_t>{7, 7, 7, -1, 3, 3, 3, 3, 3, 3, 3}));
}

TEST_F(ImageDatasetTest, EveryFormatByItsContent) {
  put("cats/first.GIF", bytes_of("first.gif"));
  put("cats/rgb.bmp", bytes_of("rgb.bmp"));
  put("cats/wrong.png", bytes_of("color420.jpg"));
  const ImageDataset dataset = image_dataset_from_directory(
      directory(), {.class_names = {"cats"}, .image_size = {7, 9}, .shuffle = false, .verbose = false});
  EXPECT_EQ(dataset.file_paths().size(), 7u);
  EXPECT_EQ(dataset.iterate()->next()->x.shape(), Shape({7, 7, 9, 3}));
}

TEST_F(ImageDatasetTest, LinksToFoldersAreFollowedWhereThatIsAsked) {
  std::filesystem::create_directories(folder_.path / "links/a");
  std::filesystem::create_directory_symlink(folder_.path / "dogs", folder_.path / "links/a/more");
  put("links/a/x.png", bytes_of("rgb.png"));
  const auto count = [&](bool follow_links) {
    return image_dataset_from_directory(directory() + "/links", {.follow_links = follow_links, .verbose = false})
        .file_paths()
        .size();
  };
  EXPECT_EQ(count(false), 1u);
  EXPECT_EQ(count(true), 3u);
}

TEST_F(ImageDatasetTest, HowImagesBecomeTheirSize) {
  const auto first = [&](data::ImageDatasetOptions options) {
    options.class_names = {"cats"};
    options.shuffle = options.verbose = false;
    options.batch_size = 0;
    return image_dataset_from_directory(directory(), options).iterate()->next()->x;
  };
  const std::string file = directory() + "/cats/color420.jpg";
  const auto equal = [](const Tensor& a, const Tensor& b) {
    return a.type() == b.type() && std::ranges::equal(a.data<float>(), b.data<float>());
  };
  EXPECT_TRUE(equal(first({.image_size = {6, 6}, .interpolation = "area"}),
                    image::load(file, {.height = 6, .width = 6, .interpolation = "area"})));
  EXPECT_TRUE(equal(first({.image_size = {6, 6}, .crop_to_aspect_ratio = true}),
                    image::load(file, {.height = 6, .width = 6, .crop_to_aspect_ratio = true})));
  EXPECT_TRUE(equal(first({.image_size = {6, 6}, .pad_to_aspect_ratio = true}),
                    image::load(file, {.height = 6, .width = 6, .pad_to_aspect_ratio = true})));
  EXPECT_TRUE(equal(first({.image_size = {6, 6}, .antialias = true, .scaled_decoding = true}),
                    image::load(file, {.height = 6, .width = 6, .antialias = true, .scaled_decoding = true})));
  const Tensor planes = first({.image_size = {6, 7}, .data_format = "channels_first"});
  EXPECT_TRUE(equal(planes, transpose(image::load(file, {.height = 6, .width = 7}), {2, 0, 1})));
}

TEST_F(ImageDatasetTest, FoldersThatHoldNoSuchImages) {
  const data::ImageDatasetOptions quiet{.verbose = false};
  EXPECT_ERROR(image_dataset_from_directory(directory() + "/nowhere", quiet), "no such folder");
  EXPECT_ERROR(image_dataset_from_directory(directory() + "/top.png", quiet), "received a file");
  EXPECT_ERROR(image_dataset_from_directory(directory() + "/dogs", quiet), "expected a folder for each class");
  std::filesystem::create_directories(folder_.path / "empty/a");
  EXPECT_ERROR(image_dataset_from_directory(directory() + "/empty", quiet), "No images found");
}

TEST_F(ImageDatasetTest, OptionsThatDoNotFit) {
  const auto with = [&](data::ImageDatasetOptions options) {
    options.verbose = false;
    return image_dataset_from_directory(directory(), options);
  };
  EXPECT_ERROR(with({.label_mode = "one_hot"}), "expected label_mode \"int\"");
  EXPECT_ERROR(with({.label_mode = "none", .class_names = {"cats"}}), "`class_names` cannot be specified");
  EXPECT_ERROR(with({.labels = nullptr, .class_names = {"cats"}}), "`labels=None`");
  EXPECT_ERROR(with({.labels = "guessed"}), "expected labels \"inferred\", nullptr");
  EXPECT_ERROR(with({.labels = std::vector<std::int64_t>{1, 2}}), "expected as many labels as there are files, 11");
  EXPECT_ERROR(with({.labels = std::vector<std::int64_t>{0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2}, .label_mode = "binary"}),
               "expected 2 classes");
  EXPECT_ERROR(with({.labels = std::vector<std::int64_t>{0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0}, .label_mode = "binary"}),
               "a label from 0 to below");
  EXPECT_ERROR(with({.label_mode = "binary"}), "expected 2 classes");
  EXPECT_ERROR(with({.class_names = {"cows"}}), "no folder 'cows'");
  EXPECT_ERROR(with({.color_mode = "bgr"}), "expected color_mode");
  EXPECT_ERROR(with({.batch_size = -1}), "batch_size");
  EXPECT_ERROR(with({.image_size = {0, 5}}), "received 0 x 5");
  EXPECT_ERROR(with({.image_size = {1 << 20, 1 << 20}}), "a size of 1 to");
  EXPECT_ERROR(with({.image_size = {0, 0}}), "received 0 x 0");
  EXPECT_ERROR(with({.interpolation = "cubic"}), "interpolation to be one of");
  EXPECT_ERROR(with({.crop_to_aspect_ratio = true, .pad_to_aspect_ratio = true}), "Only one of");
  EXPECT_ERROR(with({.data_format = "channels"}), "data_format");
  EXPECT_ERROR(with({.damaged_files = "ignore"}), "damaged_files \"error\" or \"skip\"");
  EXPECT_ERROR(with({.seed = std::uint64_t{1} << 32}), "a seed below 2^32");
  EXPECT_ERROR(with({.validation_split = 0.5, .subset = "training"}), "needs a seed");
  EXPECT_ERROR(with({.seed = 1, .validation_split = 0.5}), "subset \"training\", \"validation\" or \"both\"");
  EXPECT_ERROR(with({.subset = "training"}), "none without");
  EXPECT_ERROR(with({.seed = 1, .validation_split = 1}), "from 0 to below 1");
  EXPECT_ERROR(with({.seed = 1, .validation_split = 0.05, .subset = "validation"}), "No validation images found");
}

}  // namespace
}  // namespace strata
