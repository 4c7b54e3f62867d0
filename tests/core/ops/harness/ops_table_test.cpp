// docs/ops.md is derived from the ops: what runs where, and in which element types.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "core/device/cuda.h"
#include "tests/core/ops/harness/all_ops_entries.h"

namespace strata::harness {
namespace {

constexpr const char* heading = R"(# Ops, and where they run

Derived from the code by a test (`tests/core/ops/harness/ops_table_test.cpp`; with `STRATA_UPDATE_DOCS=1` it writes this
file). On a GPU an op is *fused* into generated kernels with its elementwise neighbours, is a *kernel* of ours or a
library's, or is a *view* for which nothing runs. What has neither in an element type runs on the processor, and one line on
stderr says so when the step is planned.

| op | on a GPU | element types of its inputs |
|---|---|---|
)";

/// How the GPU does an op in one element type; empty when it does not, or the op does not take the type.
std::string way(const Op& op, Signature s) {
  try {
    s.outputs = op.infer(s.inputs);
  } catch (const Error&) {
    return "";
  }
  if (op.prepare(CpuTarget{}, s).view) return "view";
  if (!op.prepare(Cuda::of(0).target(), s)) return "";
  return op.is_elementwise() ? "fused" : "kernel";
}

std::string row_of(const Entry& entry) {
  std::set<std::string> ways;
  std::vector<std::string> types;
  for (const DType dtype :
       {DType::f32, DType::f64, DType::f16, DType::bf16, DType::i32, DType::i64, DType::u8, DType::boolean}) {
    std::set<std::string> found;
    for (const Sample& sample : entry.samples()) {
      Signature s;
      for (const Tensor& t : sample.inputs)
        s.inputs.push_back({is_floating(t.dtype()) || t.dtype() == dtype ? dtype : t.dtype(), t.shape()});
      const bool in_question =
          std::any_of(s.inputs.begin(), s.inputs.end(), [&](const Type& t) { return t.dtype == dtype; });
      if (!in_question && !s.inputs.empty()) continue;
      if (const std::string how = way(sample.op, s); !how.empty()) found.insert(how);
    }
    ways.insert(found.begin(), found.end());
    if (!found.empty()) types.emplace_back(to_string(dtype));
  }
  const auto listed = [](const auto& names) {
    std::string text;
    for (const std::string& n : names) text += (text.empty() ? "" : ", ") + n;
    return text.empty() ? "-" : text;
  };
  const bool every = types.size() == 8;
  return "| `" + entry.name + "` | " + listed(ways) + " | " + (every ? "all" : listed(types)) + " |\n";
}

TEST(OpsTable, IsThatOfTheDocumentation) {
  if (config::list_physical_devices("gpu").empty()) GTEST_SKIP() << config::why_no_gpu();
  if (!has_emulated_gpu) GTEST_SKIP() << "a real GPU may lack what others have; the emulated one stands for them";
  std::string table = heading;
  for (const Entry& e : entries_of(AllOps{})) table += row_of(e);
  const char* root = std::getenv("STRATA_SOURCE_DIR");
  ASSERT_NE(root, nullptr) << "set it to the repository's folder";
  const std::string path = std::string(root) + "/docs/ops.md";
  if (std::getenv("STRATA_UPDATE_DOCS") != nullptr) std::ofstream(path) << table;
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  EXPECT_EQ(text.str(), table) << "docs/ops.md is not what the code says";
}

}  // namespace
}  // namespace strata::harness
