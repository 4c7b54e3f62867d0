// Recordings with work that goes on beside the recorded stream.
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/device/cuda.h"
#include "core/device/cuda_build.h"
#include "core/device/storage.h"

namespace strata::cuda {
namespace {

class Recording : public ::testing::Test {
 protected:
  void SetUp() override {
    if (device_count() == 0) GTEST_SKIP() << "this machine has no GPU";
  }
};

constexpr std::size_t bytes = 4096;

/// An array on gpu:0.
struct Bytes {
  std::shared_ptr<Storage> storage = Storage::allocate({DeviceKind::gpu, 0}, bytes);
  std::byte* data() const { return storage->data(); }
  int first() const {
    std::byte value{};
    copy_memory(&value, Device{}, storage->data(), {DeviceKind::gpu, 0}, 1);
    return static_cast<int>(value);
  }
};

/// Copies beside what follows, until `ends` is waited for.
void copy_aside(Cuda& gpu, const Bytes& to, const Bytes& from, Event& begins, Event& ends) {
  begins.record(gpu.stream());
  const Cuda::Aside aside(gpu);
  begins.hold_back(gpu.stream());
  copy(to.data(), from.data(), bytes, gpu.stream());
  ends.record(gpu.stream());
}

TEST_F(Recording, TakesInWhatGoesOnBesideIt) {
  Cuda& gpu = Cuda::of(0);
  const Cuda::Use use(gpu);
  const Bytes a, b, c;
  Event begins(0), ends(0);
  const Graph graph(gpu.stream(), [&] {
    fill_bytes(a.data(), 3, bytes, gpu.stream());
    copy_aside(gpu, b, a, begins, ends);
    fill_bytes(c.data(), 4, bytes, gpu.stream());
    ends.hold_back(gpu.stream());
    copy(a.data(), b.data(), bytes, gpu.stream());
    fill_bytes(b.data(), 5, bytes, gpu.stream());
  });
  for (int replay = 0; replay < 3; ++replay) {
    fill_bytes(a.data(), 9, bytes, gpu.stream());
    graph.launch(gpu.stream());
    EXPECT_EQ(a.first(), 3);
    EXPECT_EQ(b.first(), 5);
    EXPECT_EQ(c.first(), 4);
  }
}

TEST_F(Recording, MustNotEndBeforeWhatItHasBegun) {
  Cuda& gpu = Cuda::of(0);
  const Cuda::Use use(gpu);
  const Bytes a;
  Event begins(0);
  EXPECT_THROW(Graph(gpu.stream(),
                     [&] {
                       begins.record(gpu.stream());
                       const Cuda::Aside aside(gpu);
                       begins.hold_back(gpu.stream());
                       fill_bytes(a.data(), 3, bytes, gpu.stream());
                     }),
               Error);
  fill_bytes(a.data(), 7, bytes, gpu.stream());
  EXPECT_EQ(a.first(), 7) << "the stream works on";
}

TEST_F(Recording, DoesWhatGoesOnBesideAsLateAsItMayWhereTheGpuIsEmulated) {
  if (!has_emulated_gpu) GTEST_SKIP() << "a GPU does it when it comes to it";
  Cuda& gpu = Cuda::of(0);
  const Cuda::Use use(gpu);
  const Bytes a, b;
  Event begins(0), ends(0);
  const Graph graph(gpu.stream(), [&] {
    fill_bytes(a.data(), 3, bytes, gpu.stream());
    copy_aside(gpu, b, a, begins, ends);
    fill_bytes(a.data(), 8, bytes, gpu.stream());  // a mistake: the copy may not have been made
    ends.hold_back(gpu.stream());
  });
  graph.launch(gpu.stream());
  EXPECT_EQ(b.first(), 8);
}

}  // namespace
}  // namespace strata::cuda
