#include "core/cuda/nccl.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include "core/base/error.h"
#include "core/cuda/marks.h"
#include "core/cuda/nccl_library.h"
#include "core/device/cuda.h"
#include "core/device/cuda_build.h"
#include "core/device/cuda_emulated.h"
#include "core/device/stream_watch.h"

namespace strata::cuda {

namespace {
using Clock = std::chrono::steady_clock;
using nccl::Result;

constexpr std::chrono::seconds time_to_rest{30};  // of a GPU after its communication was aborted

enum class Kind : std::uint8_t { all_reduce, broadcast, all_gather, reduce_scatter };

/// One call of one replica; in numbers, which the replicas compare.
struct Call {
  Kind kind = Kind::all_reduce;
  Reduction reduction = Reduction::sum;
  DType dtype = DType::f32;
  std::size_t count = 0;
  int root = 0;
  friend bool operator==(const Call&, const Call&) = default;
};

using Numbers = std::array<std::int64_t, 5>;
Numbers numbers_of(const Call& c) {
  return {static_cast<std::int64_t>(c.kind), static_cast<std::int64_t>(c.reduction), static_cast<std::int64_t>(c.dtype),
          static_cast<std::int64_t>(c.count), c.root};
}
Call call_of(const Numbers& n) {
  return {static_cast<Kind>(n[0]), static_cast<Reduction>(n[1]), static_cast<DType>(n[2]),
          static_cast<std::size_t>(n[3]), static_cast<int>(n[4])};
}

/// "all_reduce (sum of 25000 f32)"
std::string to_string(const Call& c) {
  const std::string numbers = std::to_string(c.count) + " " + std::string(strata::to_string(c.dtype));
  const std::string reduced = " (" + std::string(strata::to_string(c.reduction)) + " of " + numbers + ")";
  switch (c.kind) {
    case Kind::all_reduce:
      return "all_reduce" + reduced;
    case Kind::reduce_scatter:
      return "reduce_scatter" + reduced;
    case Kind::broadcast:
      return "broadcast (" + numbers + " from rank " + std::to_string(c.root) + ")";
    case Kind::all_gather:
      break;
  }
  return "all_gather (" + numbers + ")";
}

/// NCCL gives back a communicator's memory when every recording with its calls is gone, and waits for that. Recordings
/// go when their step is recorded anew, which may be later than whoever aborts can wait.
void abort_aside(const nccl::Library& library, nccl::Comm comm) {
  std::thread([abort = library.abort, comm] { abort(comm); }).detach();
}

/// Calls a function that enqueues on CUDA's stream. The streams of an emulated GPU are not CUDA's: there the call is
/// what is enqueued.
void on_stream(Stream& stream, const std::function<void()>& call) {
  if constexpr (has_emulated_gpu)
    enqueue(stream.handle(), call);
  else
    call();
}

class NcclCommunicator final : public GpuCommunicator, public Watch {
 public:
  NcclCommunicator(std::shared_ptr<Communicator> host, int device, std::string title, std::chrono::milliseconds timeout)
      : library_(nccl::Library::shared()),
        host_(std::move(host)),
        device_(device),
        title_(std::move(title)),
        timeout_(timeout) {
    const Cuda::Use use(Cuda::of(device));
    marks_ = new (allocate_pinned(sizeof(Marks))) Marks;
  }
  NcclCommunicator(const NcclCommunicator&) = delete;
  NcclCommunicator& operator=(const NcclCommunicator&) = delete;
  /// The steps that recorded its calls are gone: their kernels held it.
  ~NcclCommunicator() override {
    if (comm_ != nullptr) library_.abort(comm_);
    release_pinned(reinterpret_cast<std::byte*>(marks_));
  }

  int rank() const override { return host_->rank(); }
  int size() const override { return host_->size(); }
  std::uint64_t generation() const override { return generation_; }

  Way agree(Way proposed) override {
    auto way = static_cast<std::int32_t>(proposed);
    host_->all_reduce(Reduction::max, DType::i32, &way, &way, 1);
    return static_cast<Way>(way);
  }
  void meet() override { host_->barrier(); }

  void all_reduce(Cuda& gpu, Reduction reduction, DType dtype, const void* in, void* out, std::size_t count) override {
    const int type = nccl::number_of(dtype), op = nccl::number_of(reduction);
    run(gpu, {Kind::all_reduce, reduction, dtype, count, 0}, [=, this, stream = gpu.stream().handle()] {
      return library_.all_reduce(in, out, count, type, op, comm_, stream);
    });
  }
  void broadcast(Cuda& gpu, DType dtype, void* data, std::size_t count, int root) override {
    const int type = nccl::number_of(dtype);
    run(gpu, {Kind::broadcast, Reduction::sum, dtype, count, root}, [=, this, stream = gpu.stream().handle()] {
      return library_.broadcast(data, data, count, type, root, comm_, stream);
    });
  }
  void all_gather(Cuda& gpu, DType dtype, const void* in, void* out, std::size_t count) override {
    const int type = nccl::number_of(dtype);
    run(gpu, {Kind::all_gather, Reduction::sum, dtype, count, 0},
        [=, this, stream = gpu.stream().handle()] { return library_.all_gather(in, out, count, type, comm_, stream); });
  }
  void reduce_scatter(Cuda& gpu, Reduction reduction, DType dtype, const void* in, void* out,
                      std::size_t count) override {
    const int type = nccl::number_of(dtype), op = nccl::number_of(reduction);
    run(gpu, {Kind::reduce_scatter, reduction, dtype, count, 0}, [=, this, stream = gpu.stream().handle()] {
      return library_.reduce_scatter(in, out, count, type, op, comm_, stream);
    });
  }

  void abort(const std::string& reason) override {
    const std::lock_guard lock(mutex_);
    fail(reason);
  }

  void recover(Cuda& gpu) override {
    {
      const std::lock_guard lock(mutex_);
      told_ = recovering_ = true;
    }
    const Cuda::Use use(gpu);
    gpu.stream().synchronize();
    const std::lock_guard lock(mutex_);
    recovering_ = false;
    if (comm_ != nullptr) abort_aside(library_, std::exchange(comm_, nullptr));
    failure_.clear();
    ++generation_;
  }

  bool failed() const override {
    const std::lock_guard lock(mutex_);
    return !failure_.empty();
  }

  void begin_step(std::int64_t number) override {
    Cuda& gpu = Cuda::of(device_);
    const Cuda::Use use(gpu);
    mark_step(gpu, marks_, number);
  }

  void look(Clock::duration waited) override {
    const std::lock_guard lock(mutex_);
    if (!failure_.empty()) {
      if (!std::exchange(told_, true)) throw_failure();
      if (recovering_ && waited > time_to_rest)
        throw Error(title_, "the GPU has not come to rest since its communication was aborted: " + failure_);
      return;
    }
    if (comm_ == nullptr) return;
    if (const Result state = async_state(); state != Result::success && state != Result::in_progress)
      throw_after(sentence(state));
    check_progress(waited);
  }

 private:
  /// How the GPU comes on; the lock is held.
  void check_progress(Clock::duration waited) {
    const volatile Marks& now = *marks_;
    const auto time = Clock::now();
    if (now.calls != seen_.calls || now.step != seen_.step) {
      seen_.calls = now.calls;
      seen_.step = now.step;
      last_progress_ = time;
    }
    if (std::min(waited, time - last_progress_) > timeout_)
      throw_after("waited " + std::to_string(timeout_.count()) + " ms in vain for another replica (" +
                  library_.title() + ")");
  }

  /// Enqueues a call; where it is not recorded, when all are there, and until it is done: libraries load code at first
  /// use, for which CUDA may wait for the device, and mistakes are found before a GPU waits for them.
  void run(Cuda& gpu, const Call& call, std::function<Result()> begin) {
    Stream& stream = gpu.stream();
    const bool recorded = is_recording(stream);
    if (!recorded) {
      stream.synchronize();
      agree_on(call);
      if (!started()) start();
    }
    mark_call(gpu, marks_, number_of(call));
    on_stream(stream, [this, begin = std::move(begin)] { settle(begin); });
    if (!recorded) stream.synchronize();
  }

  /// Error after an error.
  bool started() {
    const std::lock_guard lock(mutex_);
    if (!failure_.empty()) throw_failure();
    return comm_ != nullptr;
  }

  /// Error unless all replicas make the same call.
  void agree_on(const Call& call) {
    const Numbers own = numbers_of(call);
    std::vector<Numbers> all(static_cast<std::size_t>(size()));
    host_->all_gather(DType::i64, own.data(), all.data(), own.size());
    if (std::all_of(all.begin(), all.end(), [&](const Numbers& n) { return n == own; })) return;
    std::string text = "the replicas made different calls:";
    for (std::size_t r = 0; r < all.size(); ++r)
      text += (r ? "; rank " : " rank ") + std::to_string(r) + " " + to_string(call_of(all[r]));
    const std::lock_guard lock(mutex_);
    throw_after(text);
  }

  void start() {
    nccl::UniqueId id{};
    if (rank() == 0) {
      const Result r = library_.get_unique_id(&id);
      const std::lock_guard lock(mutex_);
      if (r != Result::success) throw_after(sentence(r));
    }
    host_->broadcast(DType::i64, &id, sizeof id / sizeof(std::int64_t), 0);
    settle([&] {
      nccl::Config config;
      return library_.init_rank(&comm_, size(), id, rank(), &config);
    });
  }

  /// Makes a call of NCCL's and waits until NCCL has done its part, which for one that is enqueued is before the GPU
  /// has.
  void settle(const std::function<Result()>& begin) {
    const auto since = Clock::now();
    Result state = Result::success;
    {
      const std::lock_guard lock(mutex_);
      if (!failure_.empty()) throw_failure();
      last_progress_ = since;
      state = begin();
      if (state == Result::success && comm_ != nullptr) state = async_state();
    }
    while (state == Result::in_progress) {
      std::this_thread::yield();
      look(Clock::now() - since);
      const std::lock_guard lock(mutex_);
      if (!failure_.empty()) throw_failure();
      state = async_state();
    }
    const std::lock_guard lock(mutex_);
    if (state != Result::success) throw_after(sentence(state));
  }

  // The lock is held in all of these.

  Result async_state() {
    Result state = Result::success;
    const Result asked = library_.async_error(comm_, &state);
    return asked == Result::success ? state : asked;
  }

  /// NCCL's own words.
  std::string sentence(Result r) const {
    std::string text = library_.title() + " says: " + library_.error_string(r);
    const char* more = library_.last_error(comm_);
    if (more != nullptr && *more != '\0') text += ". " + std::string(more);
    while (!text.empty() && (text.back() == '\n' || text.back() == '.')) text.pop_back();
    return text;
  }

  void fail(const std::string& reason) {
    if (!failure_.empty()) return;
    failure_ = reason;
    told_ = false;
    if (comm_ != nullptr) abort_aside(library_, std::exchange(comm_, nullptr));
  }
  [[noreturn]] void throw_after(const std::string& reason) {
    fail(reason);
    told_ = true;
    throw_because(reason);
  }
  [[noreturn]] void throw_failure() { throw_because(failure_); }
  [[noreturn]] void throw_because(const std::string& reason) {
    const volatile Marks& now = *marks_;
    std::string where;
    if (now.step >= 0) where = "step " + std::to_string(now.step) + ", ";
    const std::int64_t call = now.call;
    where += call < 0 ? "no call yet" : to_string(known_.at(static_cast<std::size_t>(call)));
    throw Error(title_, where + ": " + reason);
  }

  std::int64_t number_of(const Call& call) {
    const std::lock_guard lock(mutex_);
    const std::int64_t number = std::find(known_.begin(), known_.end(), call) - known_.begin();
    if (number == static_cast<std::int64_t>(known_.size())) known_.push_back(call);
    return number;
  }

  const nccl::Library& library_;
  const std::shared_ptr<Communicator> host_;
  const int device_;
  const std::string title_;
  const std::chrono::milliseconds timeout_;
  Marks* marks_ = nullptr;
  std::atomic<std::uint64_t> generation_{1};
  mutable std::mutex mutex_;  // of the following
  nccl::Comm comm_ = nullptr;
  std::string failure_;
  bool told_ = false;        // to somebody who waits
  bool recovering_ = false;  // waits for the GPU to come to rest
  std::vector<Call> known_;
  Marks seen_;
  Clock::time_point last_progress_;
};
}  // namespace

std::string why_no_nccl(const std::vector<int>& devices) {
  try {
    std::vector<std::string> buses;
    for (const int d : devices) buses.push_back(properties(d).bus);
    return nccl::Library::shared().refusal(buses);
  } catch (const Error& e) {
    return e.message();
  }
}

std::shared_ptr<GpuCommunicator> make_nccl_communicator(std::shared_ptr<Communicator> host, int device,
                                                        std::string title, std::chrono::milliseconds timeout) {
  auto made = std::make_shared<NcclCommunicator>(std::move(host), device, std::move(title), timeout);
  Cuda& gpu = Cuda::of(device);
  const Cuda::Use use(gpu);
  watch(gpu.stream(), made);
  watch(gpu.copy_stream(), made);  // what it copies waits for the other
  return made;
}

}  // namespace strata::cuda
