#include "models/saving/hdf5_file.h"
#include "tests/models/saving/saving_testing.h"
#include "tests/support/messages.h"

namespace strata {
namespace {

using testing::expect_equal;
using testing::train;

Sequential network() {
  Sequential model(
      {layers::Input({6}), layers::Dense(8, {.activation = "relu"}), layers::BatchNormalization(), layers::Dense(2)});
  model.compile({.optimizer = "adam", .loss = "mse"});
  return model;
}

/// Deals the data sets of a weights file out to three shards in turn, so that groups lie in several of them.
class Dealer {
 public:
  explicit Dealer(const std::filesystem::path& folder) : folder_(folder) {
    for (int i = 0; i < 3; ++i) shards_.push_back(Hdf5File::create(folder / name(i)));
  }
  void deal(const Hdf5File& from, const std::string& group) {
    ConfigValue::List used;
    for (const std::string& child : from.children(group)) {
      const std::string path = joined_path(group, child);
      if (from.has_group(path)) {
        deal(from, path);
        continue;
      }
      const int shard = next_++ % 3;
      shards_[static_cast<std::size_t>(shard)]->write(path, from.read(path));
      used.emplace_back(name(shard));
    }
    if (used.size() == 1) map_.set("/" + group, used[0]);  // Keras reads a name as well as a list of one
    if (used.size() > 1) map_.set("/" + group, used);
  }
  void finish() {
    for (const auto& shard : shards_) shard->close();
    const Config list{{"metadata", Config{{"total_size", 0}}}, {"weight_map", map_}};
    testing::write_bytes((folder_ / "m.weights.json").string(), to_json(list));
  }

 private:
  static std::string name(int shard) { return "m_0000" + std::to_string(shard) + ".weights.h5"; }
  std::filesystem::path folder_;
  std::vector<std::unique_ptr<Hdf5File>> shards_;
  Config map_;
  int next_ = 0;
};

class ShardedFile : public testing::TemporaryFolder {
 protected:
  void SetUp() override {
    TemporaryFolder::SetUp();
    train(model_);
    model_.save_weights(file("whole.weights.h5"));
    Dealer dealer(folder_);
    dealer.deal(*Hdf5File::open(file("whole.weights.h5")), "");
    dealer.finish();
  }
  std::string list() const { return file("m.weights.json"); }

  Sequential model_ = network();
};

TEST_F(ShardedFile, IsReadAsOneWithTheOptimizersState) {
  train(model_);
  for (const bool isolated : {false, true}) {
    Sequential other = network();
    other.load_weights(list(), {.isolated = isolated});
    train(other);
    expect_equal(other.get_weights(), model_.get_weights());
  }
}

TEST_F(ShardedFile, WhatIsMissingIsNamed) {
  Sequential other = network();
  const Tensors before = other.get_weights();
  std::filesystem::remove(file("m_00001.weights.h5"));
  EXPECT_ERROR(other.load_weights(list()), "m_00001.weights.h5");
  std::filesystem::remove(list());
  EXPECT_ERROR(other.load_weights(list()), "File not found");
  expect_equal(other.get_weights(), before);
}

TEST_F(ShardedFile, ListsThatAreNone) {
  Sequential other = network();
  const auto expect_refused = [&](const std::string& text, const std::string& message) {
    testing::write_bytes(list(), text);
    EXPECT_ERROR(other.load_weights(list()), message);
  };
  expect_refused("{", "m.weights.json");
  expect_refused("[1]", "with a \"weight_map\"");
  expect_refused(R"({"weight_map": []})", "with a \"weight_map\"");
  expect_refused(R"({"weight_map": {}})", "received an empty one");
  expect_refused(R"({"weight_map": {"/vars": 7}})", "received 7");
  for (const char* name : {"../m_00000.weights.h5", "/m_00000.weights.h5", "m.keras", "a\\\\m.weights.h5"})
    expect_refused(R"({"weight_map": {"/vars": ")" + std::string(name) + "\"}}", "in the same folder");
}

TEST_F(ShardedFile, HoldsNoModel) { EXPECT_ERROR(load_model(list()), "holds weights alone"); }

}  // namespace
}  // namespace strata
