// cuDNN is asked, for GPUs that need not be here, about every convolution of some networks, in every precision,
// forward and backward. It proves that there are engines, not that they compute the right thing.
// With STRATA_CUDNN_TABLE=FILE the answers are written there as a table: docs/cudnn_support.md.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>

#include "core/base/error.h"
#include "core/cuda/dnn_graph.h"
#include "tests/core/cuda/described_gpus.h"
#include "tests/core/cuda/network_problems.h"

namespace strata::cuda {
namespace {
using namespace strata::testing;

constexpr std::array precisions = {DType::f32, DType::f16, DType::bf16};

/// cuDNN wants libcuda.so.1 even where no GPU is: the toolkit's stub of it will do, and calls itself so.
bool find_libcuda() {
  static const bool there =
      dlopen("libcuda.so.1", RTLD_NOW) != nullptr || dlopen(STRATA_STUB_OF_LIBCUDA, RTLD_NOW) != nullptr;
  return there;
}

/// The problem, then its other passes, then with what may be fused onto it.
std::vector<ConvProblem> variants(ConvProblem p, bool bias) {
  std::vector<ConvProblem> all;
  for (const ConvPass pass : {ConvPass::forward, ConvPass::data_gradient, ConvPass::weight_gradient}) {
    p.pass = pass;
    all.push_back(p);
  }
  p.pass = ConvPass::forward;
  if (!bias) return all;
  p.bias = true;
  all.push_back(p);
  p.relu = true;
  all.push_back(p);
  return all;
}

/// Counts of one row of the table.
struct Row {
  int asked = 0, answered = 0, fewest = 1 << 30;
  std::size_t workspace = 0;
  std::string first_refusal;

  void ask(const dnn::Device& gpu, const ConvProblem& p) {
    const auto answer = dnn::ask(gpu, p, {});
    const int engines = static_cast<int>(answer->choices().size());
    ++asked;
    if (engines == 0) {
      if (first_refusal.empty()) first_refusal = to_string(p) + ": " + answer->reason();
      return;
    }
    ++answered;
    fewest = std::min(fewest, engines);
    workspace = std::max(workspace, answer->choices().front().workspace_bytes);
  }

  std::string cells() const {
    if (answered == 0) return std::to_string(asked) + " | none | | ";
    return std::to_string(asked) + " | " + (answered == asked ? "all" : std::to_string(answered)) + " | " +
           std::to_string(fewest) + " | " + std::to_string((workspace + 1023) / 1024);
  }
};

Row walk(const dnn::Device& gpu, const Network& network, DType precision) {
  Row row;
  for (const Window& window : network.convolutions) {
    ConvProblem p = convolution(network.batch, window);
    p.dtype = precision;
    for (const ConvProblem& v : variants(p, network.convolution_bias)) row.ask(gpu, v);
  }
  return row;
}

/// The table, where it was asked for.
class Table {
 public:
  explicit Table(const std::string& gpu) {
    const char* path = std::getenv("STRATA_CUDNN_TABLE");
    if (path == nullptr) return;
    file_.open(path, std::ios::app);
    file_ << "\n## " << gpu << ", cuDNN " << dnn::version()
          << "\n\n| network | precision | problems | solved | engines, at least | workspace KiB, at most |\n"
          << "|---|---|---|---|---|---|\n";
  }
  void add(const Network& network, DType precision, const Row& row) {
    file_ << "| " << network.name << " | " << to_string(precision) << " | " << row.cells() << " |\n";
  }

 private:
  std::ofstream file_;
};

class CudnnSupport : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!find_libcuda()) GTEST_SKIP() << "neither a driver's libcuda.so.1 nor the toolkit's stub of it";
  }

  /// Every network in these precisions, and not all of the others.
  void expect_all_solved(const DescribedGpu& described, const std::vector<DType>& solved) {
    const dnn::Device gpu = dnn::Device::described(described.json);
    Table table(described.name);
    for (const Network& network : {mnist_cnn(), cifar_resnet(), resnet50(), xception()})
      for (const DType precision : precisions) {
        SCOPED_TRACE(described.name + ", " + network.name);
        const Row row = walk(gpu, network, precision);
        table.add(network, precision, row);
        check(row, precision, solved);
      }
  }

 private:
  static void check(const Row& row, DType precision, const std::vector<DType>& solved) {
    if (std::find(solved.begin(), solved.end(), precision) != solved.end()) {
      EXPECT_EQ(row.answered, row.asked) << row.first_refusal;
    } else {
      EXPECT_LT(row.answered, row.asked) << "cuDNN solves them now: the list of exceptions is to be shortened";
    }
  }
};

TEST_F(CudnnSupport, OnAnH200) { expect_all_solved(h200(), {DType::f32, DType::f16, DType::bf16}); }
// Convolutions of bf16 are an Error there.
TEST_F(CudnnSupport, OnAT4) { expect_all_solved(t4(), {DType::f32, DType::f16}); }
TEST_F(CudnnSupport, OnAnRtx5090) { expect_all_solved(rtx_5090(), {DType::f32, DType::f16, DType::bf16}); }

// Odd windows: paddings that differ, dilation, groups, rows that no window reaches, volumes, doubles.
TEST_F(CudnnSupport, OfOddConvolutions) {
  const dnn::Device gpu = dnn::Device::described(h200().json);
  std::vector<ConvProblem> problems;
  problems.push_back(convolution(8, {28, 16, 32, 3, 2}));           // 0 before, 1 after
  problems.push_back(convolution(8, {28, 3, 32, 2}));               // 0 before, 1 after
  problems.push_back(convolution(8, {10, 16, 32, 3, 3, false}));    // the last row is not looked at
  problems.push_back(convolution(8, {19, 24, 48, 3, 1, true, 3}));  // groups
  problems.push_back(convolution(8, {19, 8, 16, 3, 1, true, 8}));   // depthwise with two filters each
  problems.push_back({.x = {8, 19, 19, 16},
                      .w = {32, 3, 3, 16},
                      .y = {8, 19, 19, 32},
                      .strides = {1, 1},
                      .dilation = {2, 2},
                      .padding_before = {2, 2}});
  problems.push_back({.x = {8, 1, 50, 16},
                      .w = {32, 1, 5, 16},
                      .y = {8, 1, 50, 32},
                      .strides = {1, 1},
                      .dilation = {1, 1},
                      .padding_before = {0, 2}});
  problems.push_back({.x = {2, 9, 9, 9, 8},
                      .w = {16, 3, 3, 3, 8},
                      .y = {2, 5, 5, 5, 16},
                      .strides = {2, 2, 2},
                      .dilation = {1, 1, 1},
                      .padding_before = {1, 1, 1}});
  for (const DType precision : {DType::f32, DType::f64, DType::f16, DType::bf16})
    for (ConvProblem& p : problems) {
      p.dtype = precision;
      for (const ConvProblem& v : variants(p, true)) {
        const auto answer = dnn::ask(gpu, v, {});
        EXPECT_FALSE(answer->choices().empty()) << to_string(v) << ": " << answer->reason();
      }
    }
}

// TF32 is more engines, not other ones first by chance.
TEST_F(CudnnSupport, Tf32IsASwitch) {
  const dnn::Device gpu = dnn::Device::described(h200().json);
  ConvProblem p = convolution(32, {56, 64, 64, 3});
  const std::size_t exact = dnn::ask(gpu, p, {})->choices().size();
  p.tensor_float_32 = true;
  EXPECT_GT(dnn::ask(gpu, p, {})->choices().size(), exact);
}

TEST_F(CudnnSupport, EnginesWhoseResultsVaryAreASwitch) {
  const dnn::Device gpu = dnn::Device::described(h200().json);
  ConvProblem p = convolution(32, {56, 64, 64, 3});
  p.pass = ConvPass::weight_gradient;
  EXPECT_GT(dnn::ask(gpu, p, {.deterministic = false})->choices().size(), dnn::ask(gpu, p, {})->choices().size());
}

TEST_F(CudnnSupport, EnginesBeyondTheWorkspaceLimitComeLast) {
  const dnn::Device gpu = dnn::Device::described(h200().json);
  ConvProblem p = convolution(32, {224, 3, 64, 7, 2});
  p.pass = ConvPass::weight_gradient;
  const auto generous = dnn::ask(gpu, p, {});
  const auto choices = dnn::ask(gpu, p, {.workspace_limit = 1000})->choices();
  ASSERT_EQ(choices.size(), generous->choices().size());
  const auto small = [](const dnn::Choice& c) { return c.workspace_bytes <= 1000; };
  EXPECT_TRUE(std::is_partitioned(choices.begin(), choices.end(), small));
  EXPECT_TRUE(small(choices.front()));
  EXPECT_FALSE(small(choices.back()));
}

TEST_F(CudnnSupport, PlansAreBuiltKeptAndRestored) {
  const dnn::Device gpu = dnn::Device::described(h200().json);
  ConvProblem p = convolution(128, {26, 32, 64, 3, 1, false});
  p.dtype = DType::f16;
  for (const ConvProblem& v : variants(p, true)) {
    const auto answer = dnn::ask(gpu, v, {});
    const auto plan = answer->build(0);
    EXPECT_LE(plan->workspace_bytes(), answer->choices()[0].workspace_bytes) << to_string(v);
    const std::string kept = plan->serialized();
    EXPECT_EQ(dnn::restore(gpu, v, kept)->workspace_bytes(), plan->workspace_bytes());
    EXPECT_THROW(dnn::restore(gpu, v, kept.substr(0, kept.size() / 2)), Error);
  }
}

TEST_F(CudnnSupport, APlanOfAnotherGpuIsRefused) {
  ConvProblem p = convolution(128, {26, 32, 64, 3, 1, false});
  const std::string kept = dnn::ask(dnn::Device::described(h200().json), p, {})->build(0)->serialized();
  EXPECT_THROW(dnn::restore(dnn::Device::described(t4().json), p, kept), Error);
}

TEST_F(CudnnSupport, RefusalsSayWhy) {
  const dnn::Device gpu = dnn::Device::described(t4().json);
  ConvProblem p = convolution(32, {56, 64, 64, 3});
  p.dtype = DType::bf16;
  const auto answer = dnn::ask(gpu, p, {});
  EXPECT_TRUE(answer->choices().empty());
  EXPECT_NE(answer->reason().find("CUDNN_STATUS_NOT_SUPPORTED"), std::string::npos) << answer->reason();
}

TEST_F(CudnnSupport, ADescriptionThatLacksSomethingIsRefused) {
  try {
    dnn::Device::described(R"({"deviceVer":900})");
    FAIL() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("the description of a device was refused"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace strata::cuda
