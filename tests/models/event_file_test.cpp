#include <gtest/gtest.h>
#include <strata/strata.h>
#include <zlib.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>

#include "models/tensorboard/event_file.h"
#include "models/tensorboard/png.h"
#include "tests/support/messages.h"
#include "tests/support/temporary_folder.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

/// The records of a file. Everything about the frames is checked: lengths, both checksums, no bytes left over.
std::vector<std::string> records_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  std::vector<std::string> records;
  for (std::size_t at = 0; at < bytes.size();) {
    std::uint64_t length = 0;
    std::uint32_t length_check = 0, check = 0;
    std::memcpy(&length, bytes.data() + at, 8);
    std::memcpy(&length_check, bytes.data() + at + 8, 4);
    EXPECT_EQ(length_check, tensorboard::masked_crc32c(std::string_view(bytes).substr(at, 8)));
    if (length > bytes.size() - at - 16) {
      ADD_FAILURE() << "a record of " << length << " bytes does not fit";
      return records;
    }
    records.push_back(bytes.substr(at + 12, length));
    std::memcpy(&check, bytes.data() + at + 12 + length, 4);
    EXPECT_EQ(check, tensorboard::masked_crc32c(records.back()));
    at += 16 + length;
  }
  return records;
}

/// How many records of each file in `folder` hold the tag.
int count(const fs::path& folder, const std::string& tag) {
  int n = 0;
  for (const auto& entry : fs::directory_iterator(folder))
    for (const std::string& record : records_of(entry.path()))
      n += record.find("\n" + std::string(1, static_cast<char>(tag.size())) + tag) != std::string::npos ? 1 : 0;
  return n;
}

class TensorBoardTest : public strata::testing::TemporaryFolder {
 protected:
  void SetUp() override {
    TemporaryFolder::SetUp();
    model_ = Sequential({layers::Input({3}), layers::Dense(4, {.activation = "relu", .name = "hidden"}),
                         layers::Dense(1, {.name = "out"})},
                        "net");
    model_.compile({.optimizer = "sgd", .loss = "mse", .metrics = {"mae"}});
  }
  void fit(const callbacks::TensorBoardOptions& options) {
    const Tensor x = random::normal({20, 3}), y = sum(x, {-1}, {.keepdims = true});
    model_.fit(x, y,
               {.batch_size = 5,
                .epochs = 3,
                .verbose = 0,
                .callbacks = {callbacks::TensorBoard(folder_.string(), options)},
                .validation_data = ValidationData(x, y)});
  }
  Sequential model_;
};

TEST(Checksum, IsCrc32c) {
  // RFC 3720, B.4.
  EXPECT_EQ(tensorboard::crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(tensorboard::crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(tensorboard::crc32c("123456789"), 0xe3069283u);
}

TEST_F(TensorBoardTest, EpochsHaveKerasTags) {
  fit({});
  for (const char* tag : {"epoch_loss", "epoch_mae", "epoch_learning_rate"})
    EXPECT_EQ(count(folder_ / "train", tag), 3) << tag;
  for (const char* tag : {"epoch_loss", "epoch_mae", "evaluation_loss_vs_iterations"})
    EXPECT_EQ(count(folder_ / "validation", tag), 3) << tag;
  EXPECT_EQ(count(folder_ / "train", "keras"), 1);
  EXPECT_EQ(count(folder_ / "train", "hidden"), 1);  // the graph
  EXPECT_EQ(count(folder_ / "train", "batch_loss"), 0);
  const std::string name = fs::directory_iterator(folder_ / "train")->path().filename().string();
  EXPECT_TRUE(name.starts_with("events.out.tfevents.") && name.ends_with(".v2")) << name;
}

TEST_F(TensorBoardTest, BatchesAndTimingsOnDemand) {
  fit({.write_graph = false, .write_steps_per_second = true, .update_freq = 3});
  EXPECT_EQ(count(folder_ / "train", "batch_loss"), 4);  // steps 3, 6, 9 and 12
  EXPECT_EQ(count(folder_ / "train", "batch_steps_per_second"), 4);
  EXPECT_EQ(count(folder_ / "train", "epoch_steps_per_second"), 3);
  EXPECT_EQ(count(folder_ / "train", "keras"), 0);
  EXPECT_EQ(count(folder_ / "train", "hidden"), 0);
}

TEST_F(TensorBoardTest, MemoryOnDemand) {
  fit({.write_graph = false});
  EXPECT_EQ(count(folder_ / "train", "epoch_memory_in_use"), 0);
  fit({.write_graph = false, .write_memory = true});
  EXPECT_EQ(count(folder_ / "train", "epoch_memory_in_use"), 3);
  EXPECT_EQ(count(folder_ / "train", "epoch_peak_memory_in_use"), 3);
}

TEST_F(TensorBoardTest, HistogramsAndImagesEveryFewEpochs) {
  fit({.histogram_freq = 2, .write_images = true});
  EXPECT_EQ(count(folder_ / "train", "net/hidden/kernel/histogram"), 2);
  EXPECT_EQ(count(folder_ / "train", "net/hidden/kernel/image"), 2);
  EXPECT_EQ(count(folder_ / "train", "net/out/bias/histogram"), 2);
}

TEST_F(TensorBoardTest, MistakesAreNamed) {
  EXPECT_ERROR(callbacks::TensorBoard("logs", {.write_images = true}), "a histogram_freq of 1 or more");
  EXPECT_ERROR(callbacks::TensorBoard("logs", {.update_freq = "step"}),
               "'epoch', 'batch' or a number of batches; received 'step'");
  EXPECT_ERROR(callbacks::TensorBoard("logs", {.update_freq = 0}), "at least 1; received 0");
  std::ofstream(folder_ / "file") << "in the way";
  folder_ /= "file";
  EXPECT_ERROR(fit({}), "cannot be opened for writing: Not a directory");
  folder_ = folder_.parent_path();
}

TEST(Png, IsWhatADecoderExpects) {
  const std::uint8_t pixels[] = {0, 127, 255, 1, 2, 3};
  const std::string png = tensorboard::grey_png(pixels, 2, 3);
  EXPECT_EQ(png.substr(0, 8), "\x89PNG\r\n\x1a\n");
  EXPECT_EQ(png.substr(12, 4), "IHDR");
  EXPECT_EQ(png.substr(16, 13), std::string("\0\0\0\x03\0\0\0\x02\x08\0\0\0\0", 13));
  EXPECT_EQ(png.substr(37, 4), "IDAT");
  const std::size_t size = static_cast<std::uint8_t>(png[36]);
  std::uint8_t rows[8];
  uLongf length = sizeof rows;
  ASSERT_EQ(::uncompress(rows, &length, reinterpret_cast<const Bytef*>(png.data()) + 41, size), Z_OK);
  const std::uint8_t expected[] = {0, 0, 127, 255, 0, 1, 2, 3};
  EXPECT_EQ(std::memcmp(rows, expected, 8), 0);
  EXPECT_TRUE(png.ends_with(std::string("\0\0\0\0IEND\xae\x42\x60\x82", 12)));
}

}  // namespace
}  // namespace strata
