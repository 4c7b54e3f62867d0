// Steps that run on threads of their own: map with workers, prefetch.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/base/error.h"
#include "core/device/device.h"
#include "core/device/seed_scope.h"
#include "core/graph/apply.h"
#include "data/dataset_node.h"
#include "data/random.h"

namespace strata::data {

namespace {

// A map function with what its pass draws from; without a function elements stay as they are.
struct Mapping {
  std::shared_ptr<const Dataset::MapFunction> f = {};
  std::uint64_t seed = 0;   // of the seeds that f is given
  std::uint64_t drawn = 0;  // of what f draws itself
  StageClock* clock = nullptr;
  std::optional<WantedRows> wanted = {};  // of the elements; all

  Sample operator()(Sample sample, std::uint64_t index) const {
    if (!f) return sample;
    if (wanted && !wanted->contains(static_cast<std::int64_t>(index))) return {};
    const random::SeedScope scope(combine(drawn, index));
    return (*f)(std::move(sample), combine(seed, index));
  }
};

class SerialMap final : public DatasetIterator {
 public:
  SerialMap(std::unique_ptr<DatasetIterator> source, Mapping map) : source_(std::move(source)), map_(std::move(map)) {}
  std::optional<Sample> next() override {
    if (ended_) return std::nullopt;
    ended_ = true;  // also when the source or f throws
    std::optional<Sample> sample = source_->next();
    if (sample) sample = map_(std::move(*sample), index_++);
    ended_ = !sample.has_value();
    return sample;
  }

 private:
  std::unique_ptr<DatasetIterator> source_;
  Mapping map_;
  std::uint64_t index_ = 0;
  bool ended_ = false;
};

// Workers take elements from the source in groups, map them beside each other and leave the results in a ring of slots,
// which the consumer empties in order. A worker waits before it takes a group for which there is no slot. Handing over
// costs two switches of threads, more than a small image: quick elements go in groups of about a millisecond's work.
class WorkerMap final : public DatasetIterator {
 public:
  /// `largest_group`: of elements that are taken at a time.
  WorkerMap(std::unique_ptr<DatasetIterator> source, Mapping map, std::size_t workers, std::size_t slots,
            std::size_t largest_group)
      : source_(std::move(source)), map_(std::move(map)), largest_group_(largest_group), slots_(slots) {
    threads_.reserve(workers);
    try {
      for (std::size_t i = 0; i < workers; ++i) threads_.emplace_back([this] { work(); });
    } catch (...) {
      stop();
      throw;
    }
  }
  WorkerMap(const WorkerMap&) = delete;
  WorkerMap& operator=(const WorkerMap&) = delete;
  ~WorkerMap() override { stop(); }

  std::optional<Sample> next() override {
    std::unique_lock lock(mutex_);
    if (ended_) return std::nullopt;
    Group& group = slots_[read_ % slots_.size()];
    wait_for(group, lock);
    if (group.given < group.samples.size()) {
      Sample sample = std::move(group.samples[group.given++]);
      if (group.given == group.samples.size() && !group.last) {
        group = Group();
        ++read_;
        room_.notify_one();
      }
      return sample;
    }
    const std::exception_ptr error = std::exchange(group.error, nullptr);
    ended_ = stopped_ = true;
    room_.notify_all();
    lock.unlock();
    if (error) std::rethrow_exception(error);
    return std::nullopt;
  }

 private:
  struct Group {
    bool full = false;
    std::vector<Sample> samples;  // at least one, unless it is the last
    std::size_t given = 0;        // of the samples, to the consumer
    bool last = false;            // after the samples comes the end, or an error
    std::exception_ptr error;
  };

  void wait_for(const Group& group, std::unique_lock<std::mutex>& lock) {
    std::optional<StageTimer> timer;
    if (map_.clock && !group.full) timer.emplace(map_.clock->waited);
    ready_.wait(lock, [&] { return group.full; });
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    room_.notify_all();
    for (std::thread& t : threads_) t.join();
    threads_.clear();
  }

  void work() {
    const SerialScope alone;  // there are workers enough, and the model computes beside them
    for (;;) {
      std::size_t number = 0;
      std::uint64_t first = 0;
      Group group;
      if (!take(number, first, group)) return;
      const auto begin = std::chrono::steady_clock::now();
      const std::size_t size = group.samples.size();
      map_all(group, first);
      group.full = true;
      {
        const std::lock_guard lock(mutex_);
        if (size > 0) adapt(since(begin), size);
        slots_[number % slots_.size()] = std::move(group);
      }
      ready_.notify_one();
    }
  }

  // The next elements of the source, and the first one's position. False: nothing more to do.
  bool take(std::size_t& number, std::uint64_t& first, Group& group) {
    const std::lock_guard source_lock(source_mutex_);
    std::size_t most = 1;
    {
      std::unique_lock lock(mutex_);
      room_.wait(lock, [&] { return stopped_ || exhausted_ || taken_ < read_ + slots_.size(); });
      if (stopped_ || exhausted_) return false;
      most = group_size_;
    }
    const auto begin = std::chrono::steady_clock::now();
    try {
      do {  // at least once: this thread may have waited for a processor since `begin`
        std::optional<Sample> sample = source_->next();
        if (sample)
          group.samples.push_back(std::move(*sample));
        else
          group.last = true;
      } while (group.samples.size() < most && !group.last && since(begin) < worth_a_switch);
    } catch (...) {
      group.error = std::current_exception();
      group.last = true;
    }
    first = elements_;
    elements_ += group.samples.size();
    const std::lock_guard lock(mutex_);
    number = taken_++;
    exhausted_ = group.last;
    if (exhausted_) room_.notify_all();
    return true;
  }

  // What comes before an error stays.
  void map_all(Group& group, std::uint64_t first) const {
    std::optional<StageTimer> timer;
    if (map_.clock) timer.emplace(map_.clock->busy);
    for (std::size_t i = 0; i < group.samples.size(); ++i) {
      try {
        group.samples[i] = map_(std::move(group.samples[i]), first + i);
      } catch (...) {
        group.error = std::current_exception();
        group.last = true;
        group.samples.resize(i);
      }
    }
  }

  void adapt(double seconds, std::size_t elements) {
    const double fitting = worth_a_switch * static_cast<double>(elements) / std::max(seconds, 1e-9);
    group_size_ = static_cast<std::size_t>(std::clamp(fitting, 1.0, static_cast<double>(largest_group_)));
  }

  static double since(std::chrono::steady_clock::time_point begin) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }

  static constexpr double worth_a_switch = 1e-3;  // seconds
  std::unique_ptr<DatasetIterator> source_;
  Mapping map_;
  const std::size_t largest_group_;
  std::mutex source_mutex_;     // held while taking from the source; before mutex_
  std::uint64_t elements_ = 0;  // taken from the source; guarded by source_mutex_
  std::mutex mutex_;            // guards all below
  std::condition_variable room_, ready_;
  std::vector<Group> slots_;
  std::size_t taken_ = 0, read_ = 0, group_size_ = 1;  // groups taken from the source, groups that the consumer emptied
  bool exhausted_ = false, stopped_ = false, ended_ = false;
  std::vector<std::thread> threads_;
};

StageClock* clock_of(const Dataset::Node* step, const PassInfo& pass) {
  return pass.recorder ? &pass.recorder->clock(step) : nullptr;
}

class Map final : public Dataset::Node {
 public:
  Map(NodePtr source, Dataset::MapFunction f, const MapOptions& options)
      : Node("map", std::move(source)),
        f_(std::make_shared<const Dataset::MapFunction>(std::move(f))),
        options_(options),
        position_(1 + maps_before()) {}
  std::int64_t cardinality() const override { return source_->cardinality(); }
  int workers() const override {
    return options_.num_parallel_calls == AUTOTUNE ? config::num_threads() : std::max(options_.num_parallel_calls, 1);
  }

 protected:
  std::unique_ptr<DatasetIterator> iterate(const PassInfo& pass) const override {
    const std::uint64_t seed = combine(options_.seed, static_cast<std::uint64_t>(pass.epoch));
    // The maps of a recipe, which often have the same seed, shall not draw the same.
    Mapping map{f_, seed, combine(scramble(seed), position_), nullptr, pass.wanted};
    std::unique_ptr<DatasetIterator> elements = source_->open(pass);
    if (options_.num_parallel_calls == 0) return std::make_unique<SerialMap>(std::move(elements), std::move(map));
    map.clock = clock_of(this, pass);
    const auto threads = static_cast<std::size_t>(workers());
    constexpr std::size_t largest_group = 32;
    return std::make_unique<WorkerMap>(std::move(elements), std::move(map), threads, 2 * threads, largest_group);
  }
  PassInfo accepted(const PassInfo& pass) const override {
    PassInfo same = pass;  // elements keep their places
    if (pass.policy() != AutoShardPolicy::data) same.share = {};
    return same;
  }

 private:
  std::uint64_t maps_before() const {
    std::uint64_t count = 0;
    for (const Node* step = source_.get(); step; step = step->source()) count += dynamic_cast<const Map*>(step) ? 1 : 0;
    return count;
  }
  std::shared_ptr<const Dataset::MapFunction> f_;
  MapOptions options_;
  std::uint64_t position_;  // among the maps of the recipe, from 1
};

class Prefetch final : public Dataset::Node {
 public:
  Prefetch(NodePtr source, std::size_t n) : Node("prefetch", std::move(source)), n_(n) {}
  std::int64_t cardinality() const override { return source_->cardinality(); }

 protected:
  std::unique_ptr<DatasetIterator> iterate(const PassInfo& pass) const override {
    return std::make_unique<WorkerMap>(source_->open(pass), Mapping{.clock = clock_of(this, pass)}, 1, n_, 1);
  }
  PassInfo accepted(const PassInfo& pass) const override { return pass; }

 private:
  std::size_t n_;
};

}  // namespace

NodePtr make_map_node(NodePtr source, Dataset::MapFunction f, const MapOptions& options) {
  require(f != nullptr, "Dataset.map", "expected a function; received an empty one");
  if (options.num_parallel_calls < AUTOTUNE)
    fail_expected("Dataset.map", "num_parallel_calls of 0 or more, or AUTOTUNE",
                  std::to_string(options.num_parallel_calls));
  return std::make_shared<Map>(std::move(source), std::move(f), options);
}

NodePtr make_prefetch(NodePtr source, int n) {
  if (n < 1 && n != AUTOTUNE) fail_expected("Dataset.prefetch", "1 or more elements, or AUTOTUNE", std::to_string(n));
  return std::make_shared<Prefetch>(std::move(source), n == AUTOTUNE ? 2 : static_cast<std::size_t>(n));
}

}  // namespace strata::data
