// Steps that run on threads of their own: map with workers, prefetch.
#include <algorithm>
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

  Sample operator()(Sample sample, std::uint64_t index) const {
    if (!f) return sample;
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

// Workers take elements from the source one at a time, map them beside each other and leave the results in a ring of
// slots, which the consumer empties in order. A worker waits before it takes an element for which there is no slot.
class WorkerMap final : public DatasetIterator {
 public:
  WorkerMap(std::unique_ptr<DatasetIterator> source, Mapping map, std::size_t workers, std::size_t slots)
      : source_(std::move(source)), map_(std::move(map)), slots_(slots) {
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
    if (read_ == end_) return std::nullopt;
    Slot& slot = slots_[read_ % slots_.size()];
    wait_for(slot, lock);
    std::optional<Sample> sample = std::move(slot.sample);
    const std::exception_ptr error = std::exchange(slot.error, nullptr);
    slot = Slot();
    if (sample) {
      ++read_;
      room_.notify_one();
      return sample;
    }
    end_ = read_;  // the end, or what a worker threw
    stopped_ = true;
    room_.notify_all();
    lock.unlock();
    if (error) std::rethrow_exception(error);
    return std::nullopt;
  }

 private:
  struct Slot {
    bool full = false;
    std::optional<Sample> sample;  // empty: the end, or an error
    std::exception_ptr error;
  };

  void wait_for(const Slot& slot, std::unique_lock<std::mutex>& lock) {
    std::optional<StageTimer> timer;
    if (map_.clock && !slot.full) timer.emplace(map_.clock->waited);
    ready_.wait(lock, [&] { return slot.full; });
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
      std::uint64_t index = 0;
      Slot result;
      if (!take(index, result)) return;
      if (result.sample) {
        try {
          std::optional<StageTimer> timer;
          if (map_.clock) timer.emplace(map_.clock->busy);
          result.sample = map_(std::move(*result.sample), index);
        } catch (...) {
          result.sample.reset();
          result.error = std::current_exception();
        }
      }
      result.full = true;
      {
        const std::lock_guard lock(mutex_);
        slots_[index % slots_.size()] = std::move(result);
      }
      ready_.notify_one();
    }
  }

  // The next element of the source and its position, or what the source threw, or its end. False: nothing more to do.
  bool take(std::uint64_t& index, Slot& result) {
    const std::lock_guard source_lock(source_mutex_);
    {
      std::unique_lock lock(mutex_);
      room_.wait(lock, [&] { return stopped_ || exhausted_ || taken_ < read_ + slots_.size(); });
      if (stopped_ || exhausted_) return false;
    }
    try {
      result.sample = source_->next();
    } catch (...) {
      result.error = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    index = taken_++;
    exhausted_ = !result.sample;
    if (exhausted_) room_.notify_all();
    return true;
  }

  std::unique_ptr<DatasetIterator> source_;
  Mapping map_;
  std::mutex source_mutex_;  // held while taking from the source; before mutex_
  std::mutex mutex_;         // guards all below
  std::condition_variable room_, ready_;
  std::vector<Slot> slots_;
  std::uint64_t taken_ = 0, read_ = 0, end_ = UINT64_MAX;
  bool exhausted_ = false, stopped_ = false;
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
    Mapping map{f_, seed, combine(scramble(seed), position_)};
    std::unique_ptr<DatasetIterator> elements = source_->open(pass);
    if (options_.num_parallel_calls == 0) return std::make_unique<SerialMap>(std::move(elements), std::move(map));
    map.clock = clock_of(this, pass);
    const auto threads = static_cast<std::size_t>(workers());
    return std::make_unique<WorkerMap>(std::move(elements), std::move(map), threads, 2 * threads);
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
    return std::make_unique<WorkerMap>(source_->open(pass), Mapping{.clock = clock_of(this, pass)}, 1, n_);
  }

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
