// NVRTC needs no GPU: generated kernels are compiled to machine code here, and only loading them is not tested.
#include "core/cuda/nvrtc.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>

#include "core/compile/fused.h"
#include "core/graph/tile_source.h"
#include "strata/strata.h"
#include "tests/core/compile/random_step.h"
#include "tests/support/messages.h"
#include "tests/support/temporary_folder.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

const std::string kernel = R"(
#include "core/kernels/tile_kernel.h"
extern "C" __global__ void halve(float* x) { x[threadIdx.x] = strata::fn::Multiply{}(x[threadIdx.x], 0.5f); }
)";

class Nvrtc : public testing::TemporaryFolder {
 protected:
  void SetUp() override {
    TemporaryFolder::SetUp();
    ::setenv("STRATA_CACHE_DIR", folder_.c_str(), 1);
    if (!nvrtc::problem().empty()) GTEST_SKIP() << nvrtc::problem();
  }
  void TearDown() override {
    ::unsetenv("STRATA_CACHE_DIR");
    TemporaryFolder::TearDown();
  }
  std::vector<fs::path> cached() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder_ / "kernels")) files.push_back(entry.path());
    return files;
  }
};

TEST_F(Nvrtc, MakesMachineCode) {
  EXPECT_EQ(nvrtc::compile(kernel, 90).substr(1, 3), "ELF");
  EXPECT_NE(nvrtc::compile(kernel, 75), nvrtc::compile(kernel, 90));
}

TEST_F(Nvrtc, ForANewerGpuItMakesPtx) {
  EXPECT_NE(nvrtc::compile(kernel, 999).find(".visible .entry halve"), std::string::npos);
}

TEST_F(Nvrtc, SaysWhatItCannot) {
  EXPECT_ERROR(nvrtc::compile(kernel, 50), "expected a compute capability of at least 75; received 50");
  EXPECT_ERROR(nvrtc::compile("extern \"C\" __global__ void broken() { nothing(); }", 90), "identifier \"nothing\" is undefined");
  EXPECT_ERROR(nvrtc::compile("#include <vector>\n", 90), "[NVRTC] a kernel does not compile for sm_90");
}

TEST_F(Nvrtc, TheDiskKeepsWhatWasCompiled) {
  const nvrtc::Code code = nvrtc::compile(kernel, 90);
  ASSERT_EQ(cached().size(), 1u);
  EXPECT_EQ(nvrtc::compile(kernel, 90), code);
  EXPECT_EQ(cached().size(), 1u);
  nvrtc::compile(kernel, 80);
  nvrtc::compile(kernel + "\n", 90);
  EXPECT_EQ(cached().size(), 3u);
  for (const fs::path& file : cached()) fs::resize_file(file, fs::file_size(file) / 2);
  EXPECT_EQ(nvrtc::compile(kernel, 90), code);
  fs::remove_all(folder_ / "kernels");
  std::ofstream(folder_ / "kernels") << "no folder";
  EXPECT_EQ(nvrtc::compile(kernel, 90), code);
}

TEST_F(Nvrtc, WhatIsOnTheDiskIsNotCompiled) {
  nvrtc::compile(kernel, 90);
  // A file that is written takes another's place: what was opened before is then no longer the file of that name.
  fs::create_hard_link(cached().at(0), folder_ / "first");
  nvrtc::compile(kernel, 90);
  EXPECT_TRUE(fs::equivalent(cached().at(0), folder_ / "first")) << "compiled and written again";
}

TEST_F(Nvrtc, ManyAtOnce) {
  std::vector<std::string> sources;
  for (int i = 0; i < 6; ++i) sources.push_back(kernel + "// " + std::to_string(i % 3) + "\n");
  const std::vector<nvrtc::Code> all = nvrtc::compile_all(sources, 90);
  ASSERT_EQ(all.size(), sources.size());
  EXPECT_EQ(cached().size(), 3u);
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i], nvrtc::compile(sources[i], 90));
  sources.push_back("extern \"C\" __global__ void broken() { nothing(); }");
  EXPECT_ERROR(nvrtc::compile_all(sources, 90), "identifier \"nothing\" is undefined");
}

/// The kernels of a graph as it would run on a GPU.
void add_kernels(const Graph& graph, std::set<std::string>& sources) {
  const Graph fused = group_updates(fuse_elementwise(fuse_epilogues(simplify(graph))));
  for (const NodePtr& node : nodes(fused)) {
    const std::vector<TileProgram> programs = tile_programs_of(*node);
    if (programs.empty()) continue;
    const auto source = tile_source(programs[0], "kernel", static_cast<int>(programs.size()));
    EXPECT_TRUE(source) << node->label() << " has no kernel";
    if (source) sources.insert(source->text);
  }
}

void expect_all_compile(const std::set<std::string>& sources) {
  EXPECT_FALSE(sources.empty());
  const std::vector<std::string> all(sources.begin(), sources.end());
  for (const int compute_capability : {75, 90, 120})
    for (const nvrtc::Code& code : nvrtc::compile_all(all, compute_capability)) EXPECT_EQ(code.substr(1, 3), "ELF");
}

TEST_F(Nvrtc, KernelsOfRandomGraphs) {
  std::set<std::string> sources;
  for (unsigned seed = 0; seed < 12; ++seed) {
    const testing::RandomStep step(seed);
    add_kernels(lower(step.outputs, step.updates), sources);
  }
  expect_all_compile(sources);
}

/// Training steps of the MNIST CNN, in each of the precisions.
void add_mnist_step(const DTypePolicy& policy, std::set<std::string>& sources) {
  const DTypePolicy before = mixed_precision::global_policy();
  mixed_precision::set_global_policy(policy);
  Sequential model({layers::Input({28, 28, 1}), layers::Conv2D(32, 3, {.activation = "relu"}),
                    layers::Conv2D(64, 3, {.activation = "relu"}), layers::MaxPooling2D(2), layers::BatchNormalization(),
                    layers::Dropout(0.25), layers::Flatten(), layers::Dense(128, {.activation = "gelu"}), layers::Dense(10)});
  const Value x = placeholder({32, 28, 28, 1}), y = placeholder({32}, DType::i32);
  const Value loss = losses::SparseCategoricalCrossentropy({.from_logits = true})(y, model(x, Mode::train));
  for (const Optimizer& optimizer : std::vector<Optimizer>{optimizers::Adam(), optimizers::SGD({.momentum = 0.9, .nesterov = true})})
    add_kernels(lower({loss}, optimizer.minimize(loss, model.trainable_weights())), sources);
  mixed_precision::set_global_policy(before);
}

TEST_F(Nvrtc, KernelsOfTrainingSteps) {
  std::set<std::string> sources;
  for (const char* policy : {"float32", "mixed_float16", "mixed_bfloat16"}) add_mnist_step(policy, sources);
  expect_all_compile(sources);
}

}  // namespace
}  // namespace strata
