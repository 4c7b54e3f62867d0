#include <gtest/gtest.h>

#include <cstdio>
#include <set>

#include "core/device/cuda.h"
#include "tests/core/ops/harness/all_ops_entries.h"

namespace strata::harness {
namespace {

class OnGpu : public ::testing::TestWithParam<Entry> {
 protected:
  void SetUp() override {
    if (config::list_physical_devices("gpu").empty()) GTEST_SKIP() << config::why_no_gpu();
  }
};

TEST_P(OnGpu, AgreesWithTheProcessor) {
  for (const Sample& s : GetParam().samples()) {
    SCOPED_TRACE(GetParam().name + " '" + s.label + "'");
    check_gpu(s);
  }
}

INSTANTIATE_TEST_SUITE_P(Harness, OnGpu, ::testing::ValuesIn(entries_of(AllOps{})),
                         [](const auto& entry) { return entry.param.name; });

/// Whether the GPU computes the sample, in the types of its inputs, without the processor.
bool has_kernel(const Sample& s) {
  Signature signature;
  for (const Tensor& t : s.inputs)
    signature.inputs.push_back({!s.as_given && is_floating(t.dtype()) ? DType::f32 : t.dtype(), t.shape()});
  signature.outputs = s.op.infer(signature.inputs);
  if (s.op.prepare(Cuda::of(0).target(), signature)) return true;
  return s.op.prepare(CpuTarget{}, signature).view;
}

// The list must be exact: an op that gets a kernel leaves it.
TEST(Gpu, OpsWithoutAKernel) {
  if (config::list_physical_devices("gpu").empty()) GTEST_SKIP() << config::why_no_gpu();
  const std::set<std::string> expected = {};
  std::set<std::string> found;
  for (const Entry& e : entries_of(AllOps{}))
    for (const Sample& s : e.samples())
      if (!has_kernel(s)) found.insert(e.name);
  EXPECT_EQ(found, expected);
}

}  // namespace
}  // namespace strata::harness
