// Replicas on two GPUs that exchange by NCCL: by the real one, or where the GPUs are emulated by a stand-in.
#include "core/cuda/nccl.h"

#include <functional>
#include <memory>
#include <thread>

#include "core/cuda/emulated_arrays.h"
#include "core/cuda/nccl_library.h"
#include "core/device/cuda.h"
#include "core/device/cuda_build.h"
#include "core/device/storage.h"
#include "distributed/in_process.h"
#include "tests/support/emulated_nccl.h"
#include "tests/support/messages.h"

#if __has_include(<nccl.h>) && __has_include(<cuda_runtime.h>)
#include <nccl.h>
#define STRATA_HAS_NCCL_HEADER
#endif

namespace strata::cuda {
namespace {
using namespace strata::testing;

constexpr int ranks = 2;

template <class T>
void write_whole(void* to, const std::vector<double>& values) {
  for (std::size_t i = 0; i < values.size(); ++i) static_cast<T*>(to)[i] = static_cast<T>(values[i]);
}
void write(void* to, DType dtype, const std::vector<double>& values) {
  if (dtype == DType::i32)
    write_whole<std::int32_t>(to, values);
  else if (dtype == DType::i64)
    write_whole<std::int64_t>(to, values);
  else
    write_array(to, dtype, values);
}

template <class T>
std::vector<double> read_whole(const void* from, std::size_t count) {
  const auto* x = static_cast<const T*>(from);
  return {x, x + count};
}
std::vector<double> read(const void* from, DType dtype, std::size_t count) {
  if (dtype == DType::i32) return read_whole<std::int32_t>(from, count);
  if (dtype == DType::i64) return read_whole<std::int64_t>(from, count);
  return read_array(from, dtype, count);
}

/// An array on gpu:`device`.
class Array {
 public:
  Array(int device, DType dtype, const std::vector<double>& values)
      : gpu_{DeviceKind::gpu, device}, dtype_(dtype), count_(values.size()) {
    std::vector<std::byte> bytes(count_ * size_of(dtype));
    write(bytes.data(), dtype, values);
    storage_ = Storage::allocate(gpu_, bytes.size());
    copy_memory(storage_->data(), gpu_, bytes.data(), Device{}, bytes.size());
  }
  void* data() const { return storage_->data(); }
  std::vector<double> values() const {
    std::vector<std::byte> bytes(count_ * size_of(dtype_));
    copy_memory(bytes.data(), Device{}, storage_->data(), gpu_, bytes.size());
    return read(bytes.data(), dtype_, count_);
  }

 private:
  Device gpu_;
  DType dtype_;
  std::size_t count_;
  std::shared_ptr<Storage> storage_;
};

/// Small whole numbers, so that sums are exact in every type.
std::vector<double> operand(int rank, std::size_t count) {
  std::vector<double> x(count);
  for (std::size_t i = 0; i < count; ++i)
    x[i] = static_cast<double>((i * 7 + static_cast<std::size_t>(rank) * 3) % 11) - 5;
  return x;
}

std::vector<double> sum_of_operands(std::size_t count) {
  std::vector<double> sum = operand(0, count);
  for (std::size_t i = 0; i < count; ++i) sum[i] += operand(1, count)[i];
  return sum;
}

/// A thread and a communicator for each of two GPUs.
class Pair {
 public:
  explicit Pair(std::chrono::milliseconds timeout = std::chrono::minutes(2)) : host_({"gpu:0", "gpu:1"}, timeout) {
    for (int r = 0; r < ranks; ++r)
      communicators_.push_back(make_nccl_communicator(host_.communicator(r), r, host_.title(r), timeout));
  }
  GpuCommunicator& operator[](int rank) { return *communicators_[static_cast<std::size_t>(rank)]; }

  /// work(gpu, communicator) of both at the same time. What each one's Error said.
  std::vector<std::string> run(const std::function<void(Cuda&, GpuCommunicator&)>& work) {
    std::vector<std::string> errors(ranks);
    std::vector<std::thread> threads;
    for (int r = 0; r < ranks; ++r)
      threads.emplace_back([&, r] {
        Cuda& gpu = Cuda::of(r);
        const Cuda::Use use(gpu);
        try {
          work(gpu, (*this)[r]);
        } catch (const Error& e) {
          errors[static_cast<std::size_t>(r)] = e.what();
          host_.abort_because_of(r, e.what());
          for (const auto& c : communicators_) c->abort("rank " + std::to_string(r) + " failed");
        }
      });
    for (std::thread& t : threads) t.join();
    return errors;
  }

  void recover() {
    for (int r = 0; r < ranks; ++r) {
      (*this)[r].abort("starts afresh");
      (*this)[r].recover(Cuda::of(r));
    }
    host_.recover();
  }

 private:
  distribute::InProcessGroup host_;
  std::vector<std::shared_ptr<GpuCommunicator>> communicators_;
};

void expect_no_errors(const std::vector<std::string>& errors) {
  for (const std::string& e : errors) EXPECT_EQ(e, "");
}

void expect_in(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) EXPECT_NE(text.find(part), std::string::npos) << part << "\nin: " << text;
}

class Nccl : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { name_emulated_nccl(); }
  void SetUp() override {
    if (device_count() < ranks) GTEST_SKIP() << "this machine has no two GPUs";
    const std::string why_not = why_no_nccl({0, 1});
    if (has_emulated_gpu)
      ASSERT_EQ(why_not, "");
    else if (!why_not.empty())
      GTEST_SKIP() << why_not;
  }
};

TEST_F(Nccl, EveryCallGivesEveryReplicaItsResult) {
  Pair pair;
  constexpr std::size_t n = 1001;
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16, DType::i32, DType::i64}) {
    SCOPED_TRACE(std::string(to_string(dtype)));
    expect_no_errors(pair.run([&](Cuda& gpu, GpuCommunicator& c) {
      const int r = c.rank();
      const auto zeros = std::vector<double>(n), twice = std::vector<double>(2 * n);
      const Array in(r, dtype, operand(r, n)), out(r, dtype, zeros), all(r, dtype, twice),
          whole(r, dtype, operand(r, 2 * n));
      c.all_reduce(gpu, Reduction::sum, dtype, in.data(), out.data(), n);
      EXPECT_EQ(out.values(), sum_of_operands(n));
      c.all_reduce(gpu, Reduction::sum, dtype, out.data(), out.data(), 0);
      c.all_gather(gpu, dtype, in.data(), all.data(), n);
      const auto gathered = all.values();
      EXPECT_EQ(std::vector<double>(gathered.begin(), gathered.begin() + n), operand(0, n));
      EXPECT_EQ(std::vector<double>(gathered.begin() + n, gathered.end()), operand(1, n));
      c.reduce_scatter(gpu, Reduction::sum, dtype, whole.data(), out.data(), n);
      const auto sums = sum_of_operands(2 * n);
      EXPECT_EQ(out.values(), std::vector<double>(sums.begin() + r * static_cast<std::ptrdiff_t>(n),
                                                  sums.begin() + (r + 1) * static_cast<std::ptrdiff_t>(n)));
      c.broadcast(gpu, dtype, in.data(), n, 1);
      EXPECT_EQ(in.values(), operand(1, n));
      c.all_reduce(gpu, Reduction::max, dtype, in.data(), in.data(), n);
      EXPECT_EQ(in.values(), operand(1, n));
    }));
  }
}

TEST_F(Nccl, CallsArePartOfARecording) {
  Pair pair;
  constexpr std::size_t n = 300;
  expect_no_errors(pair.run([&](Cuda& gpu, GpuCommunicator& c) {
    const Array x(c.rank(), DType::f32, operand(c.rank(), n)), sum(c.rank(), DType::f32, std::vector<double>(n));
    const auto step = [&] {
      c.all_reduce(gpu, Reduction::sum, DType::f32, x.data(), sum.data(), n);
      c.all_reduce(gpu, Reduction::max, DType::f32, sum.data(), sum.data(), n);
    };
    step();  // NCCL begins
    const Graph graph(gpu.stream(), step);
    EXPECT_GT(graph.nodes(), 0u);
    fill_bytes(sum.data(), 0, n * sizeof(float), gpu.stream());
    c.meet();
    for (int replay = 0; replay < 3; ++replay) graph.launch(gpu.stream());
    gpu.stream().synchronize();
    EXPECT_EQ(sum.values(), sum_of_operands(n));
  }));
}

TEST_F(Nccl, ReplicasAgreeOnTheWayOfAStep) {
  using Way = GpuCommunicator::Way;
  Pair pair;
  expect_no_errors(pair.run([&](Cuda&, GpuCommunicator& c) {
    EXPECT_EQ(c.agree(Way::replay), Way::replay);
    EXPECT_EQ(c.agree(c.rank() == 0 ? Way::replay : Way::record), Way::record);
    EXPECT_EQ(c.agree(c.rank() == 0 ? Way::kernel_by_kernel : Way::record), Way::kernel_by_kernel);
  }));
}

TEST_F(Nccl, ReplicasThatMakeDifferentCallsAreToldSo) {
  Pair pair;
  const auto errors = pair.run([&](Cuda& gpu, GpuCommunicator& c) {
    const Array x(c.rank(), DType::f32, operand(c.rank(), 8));
    c.begin_step(3);
    c.all_reduce(gpu, Reduction::sum, DType::f32, x.data(), x.data(), c.rank() == 0 ? 5 : 6);
  });
  for (const std::string& e : errors)
    expect_in(e, {" of 2 (gpu:",
                  "step 3, no call yet: the replicas made different calls: rank 0 all_reduce (sum of 5 f32); "
                  "rank 1 all_reduce (sum of 6 f32)"});
}

TEST_F(Nccl, AnUnknownTypeIsAnError) {
  Pair pair;
  const Cuda::Use use(Cuda::of(0));
  EXPECT_ERROR(pair[0].all_reduce(Cuda::of(0), Reduction::sum, DType::u8, nullptr, nullptr, 1), "received u8");
}

/// What only the stand-in can be made to do.
class NcclFaults : public Nccl {
 protected:
  void SetUp() override {
    if (!has_emulated_gpu) GTEST_SKIP() << "these faults are a stand-in's";
    Nccl::SetUp();
  }
};

TEST_F(NcclFaults, AReplicaThatDoesNotComeOnEndsInAnErrorAndAllStartAfresh) {
  Pair pair(std::chrono::milliseconds(100));
  constexpr std::size_t n = 5;
  for (int repetition = 0; repetition < 2; ++repetition) {
    const auto errors = pair.run([&](Cuda& gpu, GpuCommunicator& c) {
      const Array x(c.rank(), DType::f32, operand(c.rank(), n)), sum(c.rank(), DType::f32, std::vector<double>(n));
      c.begin_step(6);
      const auto step = [&] { c.all_reduce(gpu, Reduction::sum, DType::f32, x.data(), sum.data(), n); };
      step();
      EXPECT_EQ(sum.values(), sum_of_operands(n));
      const Graph graph(gpu.stream(), step);
      c.begin_step(7);
      c.meet();
      if (c.rank() == 0) graph.launch(gpu.stream());
    });
    EXPECT_EQ(errors[1], "");
    expect_in(errors[0],
              {"[rank 0 of 2 (gpu:0 on ",
               "] step 7, all_reduce (sum of 5 f32): waited 100 ms in vain for another replica (NCCL 2.28.9 ("});
    EXPECT_TRUE(pair[0].failed());
    EXPECT_TRUE(pair[1].failed());
    const std::uint64_t before = pair[1].generation();
    pair.recover();
    EXPECT_FALSE(pair[0].failed());
    EXPECT_NE(pair[1].generation(), before);
  }
}

TEST_F(NcclFaults, WhatNcclReportsEndsACall) {
  Pair pair;
  const Told told("NCCL_CALLS_BEFORE_ERROR", 2);
  const auto errors = pair.run([&](Cuda& gpu, GpuCommunicator& c) {
    const Array x(c.rank(), DType::f32, operand(c.rank(), 4));
    for (int step = 0; step < 3; ++step) {
      c.begin_step(step);
      c.all_reduce(gpu, Reduction::sum, DType::f32, x.data(), x.data(), 4);
    }
  });
  bool said = false;
  for (const std::string& e : errors) {
    expect_in(e, {"] step 1, all_reduce (sum of 4 f32): "});
    said = said ||
           e.find("says: remote process exited or there was a network error. socketPollConnect: the peer went away") !=
               std::string::npos;
  }
  EXPECT_TRUE(said) << errors[0];
}

TEST_F(NcclFaults, WhatNcclReportsEndsTheWaitingForTheGpuOnce) {
  Pair pair;
  expect_no_errors(pair.run([&](Cuda& gpu, GpuCommunicator& c) {
    const Array x(c.rank(), DType::f32, operand(c.rank(), 4));
    c.all_reduce(gpu, Reduction::sum, DType::f32, x.data(), x.data(), 4);
  }));
  Cuda& gpu = Cuda::of(0);
  const Cuda::Use use(gpu);
  EXPECT_NO_THROW(gpu.stream().synchronize());
  {
    const Told told("NCCL_CALLS_BEFORE_ERROR", 1);
    EXPECT_ERROR(gpu.stream().synchronize(), "remote process exited");
  }
  EXPECT_NO_THROW(gpu.stream().synchronize()) << "the GPU comes to rest";
  pair[1].abort("the first one failed");
  EXPECT_ERROR(Cuda::of(1).copy_stream().synchronize(), "the first one failed");
  pair.recover();
}

TEST_F(NcclFaults, ARefusedBeginningIsExplainedByNccl) {
  Pair pair;
  const Told told("NCCL_REFUSED_RANK", 1);
  const auto errors = pair.run([&](Cuda& gpu, GpuCommunicator& c) {
    const Array x(c.rank(), DType::f32, operand(c.rank(), 4));
    c.all_reduce(gpu, Reduction::sum, DType::f32, x.data(), x.data(), 4);
  });
  expect_in(errors[1],
            {"[rank 1 of 2 (gpu:1 on ", "says: invalid usage", "Duplicate GPU detected : rank 0 and rank 1"});
  expect_in(errors[0], {"[rank 0 of 2 (gpu:0 on ", "rank 1 failed"});
}

LibraryRequest request(const std::string& folder) {
  LibraryRequest nccl = cuda_libraries::nccl();
  nccl.search = {{(own_program().parent_path() / "stubs" / folder).string()}, false, {}};
  return nccl;
}

TEST(NcclLibrary, SaysWhyItCannotBeHad) {
  EXPECT_ERROR(nccl::Library(request("nowhere")), "[NCCL] NCCL (libnccl.so.2) was not found; looked for: ");
  EXPECT_ERROR(nccl::Library(request("without")), "has no function ncclGetVersion");
  const Told told("NCCL_VERSION", 22605);
  EXPECT_ERROR(nccl::Library(request("nccl")), "libnccl.so.2 is version 2.26.5; this needs 2.x from 2.27 on");
}

TEST(NcclLibrary, ReplicasOnOneGpuWantALaterVersionAndAVariable) {
  const nccl::Library usual(request("nccl"));
  EXPECT_EQ(usual.refusal({"0000:01:00.0", "0000:02:00.0"}), "");
  expect_in(
      usual.refusal({"0000:01:00.0", "0000:02:00.0", "0000:01:00.0"}),
      {"ranks 0 and 2 share the GPU at 0000:01:00.0, which NCCL allows from version 2.30 on, if the environment says "
       "NCCL_MULTI_RANK_GPU_ENABLE=1; this is NCCL 2.28.9 ("});
  const Told told("NCCL_VERSION", 23007);
  const nccl::Library later(request("nccl"));
  ::unsetenv("NCCL_MULTI_RANK_GPU_ENABLE");
  expect_in(later.refusal({"a", "a"}), {"; set that variable"});
  ::setenv("NCCL_MULTI_RANK_GPU_ENABLE", "1", 1);
  EXPECT_EQ(later.refusal({"a", "a"}), "");
  ::unsetenv("NCCL_MULTI_RANK_GPU_ENABLE");
}

#ifdef STRATA_HAS_NCCL_HEADER
TEST(NcclLibrary, NumbersAndLayoutsAreThoseOfItsHeader) {
  EXPECT_EQ(static_cast<int>(nccl::Result::success), ncclSuccess);
  EXPECT_EQ(static_cast<int>(nccl::Result::in_progress), ncclInProgress);
  EXPECT_EQ(nccl::number_of(DType::f16), ncclFloat16);
  EXPECT_EQ(nccl::number_of(DType::bf16), ncclBfloat16);
  EXPECT_EQ(nccl::number_of(DType::f32), ncclFloat32);
  EXPECT_EQ(nccl::number_of(DType::f64), ncclFloat64);
  EXPECT_EQ(nccl::number_of(DType::i32), ncclInt32);
  EXPECT_EQ(nccl::number_of(DType::i64), ncclInt64);
  EXPECT_EQ(nccl::number_of(Reduction::sum), ncclSum);
  EXPECT_EQ(nccl::number_of(Reduction::max), ncclMax);
  EXPECT_EQ(nccl::number_of(Reduction::mean), ncclAvg);
  EXPECT_EQ(sizeof(nccl::UniqueId), sizeof(ncclUniqueId));
  const ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  EXPECT_EQ(nccl::Config{}.magic, config.magic);
  EXPECT_EQ(offsetof(nccl::Config, magic), offsetof(ncclConfig_t, magic));
  EXPECT_EQ(offsetof(nccl::Config, version), offsetof(ncclConfig_t, version));
  EXPECT_EQ(offsetof(nccl::Config, blocking), offsetof(ncclConfig_t, blocking));
}

TEST(NcclLibrary, TheRealOneHasAllFunctions) {
  const SharedLibrary file = SharedLibrary::open(cuda_libraries::nccl());
  if (!file.loaded()) GTEST_SKIP() << file.problem();
  EXPECT_NO_THROW((void)nccl::Library{cuda_libraries::nccl()});
}
#endif

}  // namespace
}  // namespace strata::cuda
