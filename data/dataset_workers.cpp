// Steps that run on threads of their own: map with workers, prefetch.
#include <condition_variable>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/base/error.h"
#include "core/device/device.h"
#include "data/dataset_node.h"
#include "data/random.h"

namespace strata::data {

namespace {

using MapPtr = std::shared_ptr<const Dataset::MapFunction>;

// f with the element's own seed; without f the element as it is.
Sample mapped(const MapPtr& f, Sample sample, std::uint64_t seed, std::uint64_t index) {
  return f ? (*f)(std::move(sample), combine(seed, index)) : std::move(sample);
}

class SerialMap final : public DatasetIterator {
 public:
  SerialMap(std::unique_ptr<DatasetIterator> source, MapPtr f, std::uint64_t seed)
      : source_(std::move(source)), f_(std::move(f)), seed_(seed) {}
  std::optional<Sample> next() override {
    if (ended_) return std::nullopt;
    ended_ = true;  // also when the source or f throws
    std::optional<Sample> sample = source_->next();
    if (sample) sample = mapped(f_, std::move(*sample), seed_, index_++);
    ended_ = !sample.has_value();
    return sample;
  }

 private:
  std::unique_ptr<DatasetIterator> source_;
  MapPtr f_;
  std::uint64_t seed_, index_ = 0;
  bool ended_ = false;
};

// Workers take elements from the source one at a time, map them beside each other and leave the results in a ring of
// slots, which the consumer empties in order. A worker waits before it takes an element for which there is no slot.
class WorkerMap final : public DatasetIterator {
 public:
  WorkerMap(std::unique_ptr<DatasetIterator> source, MapPtr f, std::uint64_t seed, std::size_t workers,
            std::size_t slots)
      : source_(std::move(source)), f_(std::move(f)), seed_(seed), slots_(slots) {
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
    ready_.wait(lock, [&] { return slot.full; });
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
    for (;;) {
      std::uint64_t index = 0;
      Slot result;
      if (!take(index, result)) return;
      if (result.sample) {
        try {
          result.sample = mapped(f_, std::move(*result.sample), seed_, index);
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
  MapPtr f_;
  std::uint64_t seed_;
  std::mutex source_mutex_;  // held while taking from the source; before mutex_
  std::mutex mutex_;         // guards all below
  std::condition_variable room_, ready_;
  std::vector<Slot> slots_;
  std::uint64_t taken_ = 0, read_ = 0, end_ = UINT64_MAX;
  bool exhausted_ = false, stopped_ = false;
  std::vector<std::thread> threads_;
};

class Map final : public Dataset::Node {
 public:
  Map(NodePtr source, Dataset::MapFunction f, const MapOptions& options)
      : source_(std::move(source)),
        f_(std::make_shared<const Dataset::MapFunction>(std::move(f))),
        options_(options) {}
  std::int64_t cardinality() const override { return source_->cardinality(); }
  std::string why_unrepeatable() const override { return source_->why_unrepeatable(); }
  std::unique_ptr<DatasetIterator> iterate(std::int64_t epoch) const override {
    const std::uint64_t seed = combine(options_.seed, static_cast<std::uint64_t>(epoch));
    std::unique_ptr<DatasetIterator> elements = source_->iterate(epoch);
    if (options_.num_parallel_calls == 0) return std::make_unique<SerialMap>(std::move(elements), f_, seed);
    const int calls = options_.num_parallel_calls == AUTOTUNE ? config::num_threads() : options_.num_parallel_calls;
    const auto workers = static_cast<std::size_t>(calls);
    return std::make_unique<WorkerMap>(std::move(elements), f_, seed, workers, 2 * workers);
  }

 private:
  NodePtr source_;
  MapPtr f_;
  MapOptions options_;
};

class Prefetch final : public Dataset::Node {
 public:
  Prefetch(NodePtr source, std::size_t n) : source_(std::move(source)), n_(n) {}
  std::int64_t cardinality() const override { return source_->cardinality(); }
  std::string why_unrepeatable() const override { return source_->why_unrepeatable(); }
  std::unique_ptr<DatasetIterator> iterate(std::int64_t epoch) const override {
    return std::make_unique<WorkerMap>(source_->iterate(epoch), nullptr, 0, 1, n_);
  }

 private:
  NodePtr source_;
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
