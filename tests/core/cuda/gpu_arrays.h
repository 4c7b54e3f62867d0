#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <vector>

#include "core/cuda/emulated_arrays.h"
#include "core/device/cuda.h"
#include "core/device/storage.h"
#include "core/device/tensor.h"
#include "core/ops/ops.h"

/// What tests of plans share. They run where there is a GPU, emulated or real, and are skipped visibly elsewhere.
namespace strata::testing {

class WithGpu : public ::testing::Test {
 protected:
  void SetUp() override {
    if (cuda::device_count() == 0) GTEST_SKIP() << config::why_no_gpu();
  }
};

/// Uniform in [-1, 1), of a floating type; the same on every platform.
inline Tensor noise(DType dtype, const Shape& shape, std::uint32_t state) {
  Tensor t(DType::f64, shape);
  for (double& v : t.mutable_data<double>()) {
    state = state * 1664525u + 1013904223u;
    v = static_cast<double>(state >> 8) / 8388608.0 - 1.0;
  }
  return cast(t, dtype);
}

/// An array on gpu:0.
class GpuArray {
 public:
  static constexpr Device gpu{DeviceKind::gpu, 0};

  explicit GpuArray(const Type& type) : type_(type), storage_(Storage::allocate(gpu, type.bytes())) {}
  /// A copy of a tensor on the processor.
  explicit GpuArray(const Tensor& t) : GpuArray(Type{t.dtype(), t.shape()}) {
    copy_memory(storage_->data(), gpu, t.raw(), Device{}, type_.bytes());
  }

  void* data() const { return storage_->data(); }
  std::vector<std::byte> bytes() const {
    std::vector<std::byte> all(type_.bytes());
    copy_memory(all.data(), Device{}, storage_->data(), gpu, all.size());
    return all;
  }
  std::vector<double> values() const {
    return cuda::read_array(bytes().data(), type_.dtype, static_cast<std::size_t>(type_.shape.elements()));
  }

 private:
  Type type_;
  std::shared_ptr<Storage> storage_;
};

/// Scratch that notices when more of it is written than was asked for.
class Workspace {
 public:
  explicit Workspace(std::size_t bytes)
      : bytes_(bytes), array_(Type{DType::u8, {static_cast<std::int64_t>(bytes + guard)}}) {
    Cuda& gpu = Cuda::of(0);
    const Cuda::Use use(gpu);
    cuda::fill_bytes(array_.data(), fill, bytes + guard, gpu.stream());
  }
  void* data() const { return array_.data(); }
  bool intact() const {
    const auto all = array_.bytes();
    return std::all_of(all.begin() + static_cast<std::ptrdiff_t>(bytes_), all.end(),
                       [](std::byte b) { return b == static_cast<std::byte>(fill); });
  }

 private:
  static constexpr std::size_t guard = 256;
  static constexpr int fill = 0x3d;
  std::size_t bytes_;
  GpuArray array_;
};

/// Of results in `dtype` whose sums were taken in f32 or wider, relative to the largest.
inline double tolerance(DType dtype) {
  switch (dtype) {
    case DType::f64:
      return 1e-12;
    case DType::f16:
      return 2e-3;
    case DType::bf16:
      return 1.6e-2;
    default:
      return 2e-5;
  }
}

inline void expect_close(const std::vector<double>& got, const Tensor& expected, double bound,
                         const std::string& what) {
  const Tensor wide = cast(expected, DType::f64);
  const auto right = wide.data<double>();
  ASSERT_EQ(got.size(), right.size()) << what;
  double worst = 0, largest = 1e-30;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double difference = std::abs(got[i] - right[i]);
    worst = std::isnan(difference) ? INFINITY : std::max(worst, difference);
    largest = std::max(largest, std::abs(right[i]));
  }
  EXPECT_LE(worst / largest, bound) << what;
}

}  // namespace strata::testing
