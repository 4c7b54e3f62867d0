#include "distributed/in_process.h"

#include <condition_variable>
#include <cstring>
#include <mutex>
#include <utility>

#include "core/base/error.h"
#include "distributed/call.h"
#include "distributed/reduce.h"

namespace strata::distribute {

namespace {
/// One call of one replica, and its memory.
struct Operands {
  const void* in = nullptr;
  void* out = nullptr;
};
}  // namespace

/// Where the replicas of a group meet: nobody begins the work of a call before all have made it, and nobody leaves
/// before all have done their part of it, since each works in the memory of the others.
struct InProcessGroup::Meeting {
  struct Replica {
    std::string name;
    bool here = false;       ///< waits for the others to make its call
    std::int64_t step = -1;  ///< -1 before the first
    std::int64_t calls = 0;  ///< of this step
    Call call;               ///< the latest
    Operands operands;
  };

  std::chrono::milliseconds timeout{};
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Replica> replicas;
  std::size_t here = 0, done = 0;
  std::uint64_t round = 0;  ///< calls that all have made
  std::uint64_t rounds_done = 0;
  std::string failure;  ///< why no call is possible any more

  std::string title(std::size_t rank) const {
    return "rank " + std::to_string(rank) + " of " + std::to_string(replicas.size()) + " (" + replicas[rank].name +
           " on " + host_name() + ")";
  }

  std::string latest(std::size_t rank) const {
    const Replica& r = replicas[rank];
    return place_of(r.step, r.calls, r.call);
  }

  /// False if it had failed already.
  bool fail(const std::string& reason) {
    changed.notify_all();
    if (!failure.empty()) return false;
    failure = reason;
    return true;
  }

  [[noreturn]] void throw_failure(std::size_t rank) const { throw Error(title(rank), latest(rank) + ": " + failure); }

  std::string missing() const {
    std::string text = "waited " + std::to_string(timeout.count()) + " ms in vain for ";
    const char* separator = "";
    for (std::size_t r = 0; r < replicas.size(); ++r)
      if (!replicas[r].here) text += std::exchange(separator, "; ") + title(r) + ", which is at " + latest(r);
    return text;
  }

  void check_agreement() {
    for (const Replica& r : replicas)
      if (r.call != replicas[0].call) {
        std::string text = "the replicas made different calls:";
        for (std::size_t k = 0; k < replicas.size(); ++k)
          text += (k ? "; rank " : " rank ") + std::to_string(k) + " " + latest(k);
        fail(text);
        return;
      }
  }

  /// Returns when all have made the call, and agree on it.
  void begin(std::size_t rank, const Call& call, const Operands& operands) {
    std::unique_lock lock(mutex);
    Replica& self = replicas[rank];
    self.call = call;
    self.operands = operands;
    ++self.calls;
    if (!failure.empty()) throw_failure(rank);
    self.here = true;
    if (++here == replicas.size()) {
      check_agreement();
      here = 0;
      for (Replica& r : replicas) r.here = false;
      if (failure.empty()) ++round;
      changed.notify_all();
      if (!failure.empty()) throw_failure(rank);
      return;
    }
    const std::uint64_t mine = round;
    if (!changed.wait_for(lock, timeout, [&] { return round != mine || !failure.empty(); })) fail(missing());
    if (round == mine) throw_failure(rank);
  }

  /// Returns when all have done their part. Whoever has begun comes here by itself, so that this needs no time-out and
  /// heeds no failure.
  void end() {
    std::unique_lock lock(mutex);
    if (++done == replicas.size()) {
      done = 0;
      ++rounds_done;
      changed.notify_all();
      return;
    }
    const std::uint64_t mine = rounds_done;
    changed.wait(lock, [&] { return rounds_done != mine; });
  }
};

class InProcessGroup::Member final : public Communicator {
 public:
  Member(std::shared_ptr<Meeting> meeting, std::size_t rank) : meeting_(std::move(meeting)), rank_(rank) {}

  int rank() const override { return static_cast<int>(rank_); }
  int size() const override { return static_cast<int>(meeting_->replicas.size()); }

  void all_reduce(Reduction reduction, DType dtype, const void* in, void* out, std::size_t count) override {
    check_reducible(reduction, dtype);
    together({CallKind::all_reduce, reduction, dtype, 0, count}, {in, out}, [&] {
      // This replica's slice, for all: nobody else reads or writes it.
      const std::size_t ranks = meeting_->replicas.size();
      reduce(reduction, dtype, inputs(), outputs(), count * rank_ / ranks, count * (rank_ + 1) / ranks);
    });
  }

  void broadcast(DType dtype, void* data, std::size_t count, int root) override {
    if (root < 0 || root >= size())
      fail_expected("broadcast", "a root below " + std::to_string(size()), std::to_string(root));
    together({CallKind::broadcast, Reduction::sum, dtype, root, count}, {data, data}, [&] {
      if (root != rank()) copy(data, input(static_cast<std::size_t>(root)), count * size_of(dtype));
    });
  }

  void all_gather(DType dtype, const void* in, void* out, std::size_t count) override {
    together({CallKind::all_gather, Reduction::sum, dtype, 0, count}, {in, out}, [&] {
      const std::size_t bytes = count * size_of(dtype);
      for (std::size_t r = 0; r < meeting_->replicas.size(); ++r)
        copy(static_cast<std::byte*>(out) + r * bytes, input(r), bytes);
    });
  }

  void reduce_scatter(Reduction reduction, DType dtype, const void* in, void* out, std::size_t count) override {
    check_reducible(reduction, dtype);
    together({CallKind::reduce_scatter, reduction, dtype, 0, count}, {in, out}, [&] {
      const std::size_t first = rank_ * count * size_of(dtype);
      std::vector<const void*> parts = inputs();
      for (const void*& part : parts) part = static_cast<const std::byte*>(part) + first;
      reduce(reduction, dtype, parts, {out}, 0, count);
    });
  }

  void barrier() override {
    together({}, {}, [] {});
  }

  void abort(const std::string& reason) override {
    const std::lock_guard lock(meeting_->mutex);
    meeting_->fail(reason);
  }

  void begin_step(std::int64_t number) override {
    const std::lock_guard lock(meeting_->mutex);
    meeting_->replicas[rank_].step = number;
    meeting_->replicas[rank_].calls = 0;
  }

 private:
  template <class Work>
  void together(const Call& call, const Operands& operands, Work&& work) {
    meeting_->begin(rank_, call, operands);
    work();
    meeting_->end();
  }

  // While all are in a call nobody changes these.
  const void* input(std::size_t rank) const { return meeting_->replicas[rank].operands.in; }
  std::vector<const void*> inputs() const {
    std::vector<const void*> all;
    for (const auto& r : meeting_->replicas) all.push_back(r.operands.in);
    return all;
  }
  std::vector<void*> outputs() const {
    std::vector<void*> all;
    for (const auto& r : meeting_->replicas) all.push_back(r.operands.out);
    return all;
  }
  /// A replica's part may be in its place already.
  static void copy(void* to, const void* from, std::size_t bytes) {
    if (to != from && bytes > 0) std::memcpy(to, from, bytes);
  }

  std::shared_ptr<Meeting> meeting_;
  std::size_t rank_;
};

InProcessGroup::InProcessGroup(std::vector<std::string> names, std::chrono::milliseconds timeout)
    : meeting_(std::make_shared<Meeting>()) {
  if (names.empty()) fail_expected("communicator", "at least one replica", "none");
  meeting_->timeout = timeout;
  for (std::string& name : names) meeting_->replicas.push_back({std::move(name), false, -1, 0, {}, {}});
  for (std::size_t r = 0; r < names.size(); ++r) members_.push_back(std::make_shared<Member>(meeting_, r));
}

InProcessGroup::~InProcessGroup() = default;

int InProcessGroup::size() const { return static_cast<int>(members_.size()); }

std::shared_ptr<Communicator> InProcessGroup::communicator(int rank) const {
  return members_.at(static_cast<std::size_t>(rank));
}

std::string InProcessGroup::title(int rank) const { return meeting_->title(static_cast<std::size_t>(rank)); }

bool InProcessGroup::abort_because_of(int rank, const std::string& error) const {
  const std::lock_guard lock(meeting_->mutex);
  return meeting_->fail(title(rank) + " failed: " + error);
}

void InProcessGroup::recover() {
  const std::lock_guard lock(meeting_->mutex);
  meeting_->failure.clear();
  meeting_->here = meeting_->done = 0;
  for (auto& r : meeting_->replicas) r = {std::move(r.name), false, -1, 0, {}, {}};
}

}  // namespace strata::distribute
