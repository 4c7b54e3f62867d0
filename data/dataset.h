#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "core/base/export.h"
#include "core/device/tensor.h"

namespace strata::data {

/// Chooses a number of workers (all threads of config::num_threads()) or of prefetched elements (2).
inline constexpr int AUTOTUNE = -1;
/// What cardinality() says of a dataset without end, and of one whose length only iterating tells.
inline constexpr std::int64_t infinite_cardinality = -1;
inline constexpr std::int64_t unknown_cardinality = -2;

/// One element of a dataset: input, target and sample weight, each of which may be empty. A model with several inputs
/// or outputs has the first in x or y and the others, in order, in more_x or more_y (weights likewise).
/// Tensors live on the CPU and may share memory with the source they came from: replace them, do not write into them.
struct STRATA_API Sample {
  Tensor x = {}, y = {}, w = {};
  Tensors more_x = {}, more_y = {}, more_w = {};

  static Sample from(const Tensors& inputs, const Tensors& targets = {}, const Tensors& weights = {});
  /// All inputs in order, none when x is empty; likewise the targets and the weights.
  Tensors inputs() const;
  Tensors targets() const;
  Tensors weights() const;
};

/// One pass over a dataset, used by one thread at a time. Destroying it stops and joins its workers.
class STRATA_API DatasetIterator {
 public:
  virtual ~DatasetIterator();
  /// The next element, nullopt at the end. What a generator or a map function threw is thrown here, unchanged, when
  /// its element is reached; the pass has then ended.
  virtual std::optional<Sample> next() = 0;
};

struct MapOptions {
  /// Worker threads; 0 maps on the thread that asks. Results come in order whatever the number.
  int num_parallel_calls = 0;
  /// Source of the seeds that a map function with two arguments gets, and of what any map function draws.
  std::uint64_t seed = 0;
};
struct ShuffleOptions {
  /// Without one, a seed is drawn when the dataset is made.
  std::optional<std::uint64_t> seed = std::nullopt;
  /// A new order for every epoch (each a function of seed and epoch only), or the same one.
  bool reshuffle_each_iteration = true;
};
struct BatchOptions {
  /// Leave out a last batch of fewer than n elements.
  bool drop_remainder = false;
};
/// What a process that trains with others leaves out of a pass, since they compute on those samples: zeros stand for
/// them in its batches (docs/distributed.md). The first batch of a pass is always whole.
enum class AutoShardPolicy : std::uint8_t {
  automatic,  ///< what functions of map() make of samples, where no step between them and batch() mixes these
  data,       ///< the same where functions of map() follow batch(), too: they must treat each sample by itself
  off,        ///< nothing: every process produces every sample
};
struct DatasetOptions {
  AutoShardPolicy auto_shard_policy = AutoShardPolicy::automatic;
};
/// One of `count` processes.
struct Share {
  int index = 0, count = 1;
};
struct GeneratorOptions {
  /// How many elements there will be. A generator that yields another number is an error.
  std::int64_t cardinality = unknown_cardinality;
};

struct Profile;         // data/profile.h
struct ProfileOptions;  // data/profile.h

/// A recipe for a sequence of samples: an immutable handle, cheap to copy. Nothing runs before iterate().
/// The same recipe with the same seeds gives the same elements in the same order in every run, whatever the number of
/// workers; passes over different epochs differ where shuffle or a seeded map asks for it.
class STRATA_API Dataset {
 public:
  class Node;
  using Generator = std::function<std::optional<Sample>(std::int64_t index)>;
  using MapFunction = std::function<Sample(Sample, std::uint64_t seed)>;
  class RangeIterator;

  /// Rows of the first axis, which all tensors have in the same length (at least rank 1, on the CPU).
  static Dataset from_tensors(const Tensors& x, const Tensors& y = {}, const Tensors& w = {});
  /// `generate` gives one element per call and nullopt at the end of a pass. Called with an index it gets the element's
  /// position in the pass, so that every pass can start anew. Without parameters it keeps its own state, and a
  /// later pass goes on from there. Calls never overlap.
  template <class G>
    requires std::invocable<G&, std::int64_t> || std::invocable<G&>
  static Dataset from_generator(G generate, const GeneratorOptions& options = {});

  /// f(Sample) or f(Sample, seed) -> Sample. The seed depends on options.seed, the epoch and the position of the
  /// element, so random augmentation gives the same result on any number of workers. What f draws without a seed of its
  /// own (strata::random, strata::image::random_*) depends on these, too, and differs between the maps of a recipe.
  /// With workers, f is called from several threads at once, and functions on tensors within it use one thread each.
  template <class F>
    requires std::invocable<F&, Sample> || std::invocable<F&, Sample, std::uint64_t>
  Dataset map(F f, const MapOptions& options = {}) const;
  Dataset filter(std::function<bool(const Sample&)> keep) const;
  /// Keeps `buffer_size` elements at hand and yields one of them at random; uniform when it holds the whole dataset.
  Dataset shuffle(std::int64_t buffer_size, const ShuffleOptions& options = {}) const;
  /// n elements become one, stacked along a new first axis. Error when their types differ.
  Dataset batch(std::int64_t n, const BatchOptions& options = {}) const;
  /// The rows of each element's tensors as elements.
  Dataset unbatch() const;
  /// n passes in a row, or without end for -1.
  Dataset repeat(std::int64_t n = -1) const;
  Dataset take(std::int64_t n) const;
  Dataset skip(std::int64_t n) const;
  /// Elements index, index + num_shards, index + 2 num_shards, ...: one of num_shards parts. For programs that share
  /// out data themselves; fit() with a strategy wants the whole data in every process. Error for a part that is empty.
  Dataset shard(std::int64_t num_shards, std::int64_t index) const;
  /// Keeps the elements of the first pass that reached its end in memory and yields them from then on.
  Dataset cache() const;
  /// A thread keeps up to n elements ready.
  Dataset prefetch(int n) const;
  /// For all steps before; of several options the last ones count.
  Dataset with_options(const DatasetOptions& options) const;

  /// Elements of a pass, infinite_cardinality or unknown_cardinality.
  std::int64_t cardinality() const;
  /// Empty if the same program, started again, gets the same elements from any pass; otherwise which step of the recipe
  /// stands against it, and what to do.
  std::string why_unrepeatable() const;
  std::unique_ptr<DatasetIterator> iterate(std::int64_t epoch = 0) const;
  /// For one of several processes, which looks at its part of each batch only: batches have their whole size.
  std::unique_ptr<DatasetIterator> iterate(std::int64_t epoch, const Share& share) const;
  /// `for (data::Sample s : dataset)`: a pass over epoch 0.
  RangeIterator begin() const;
  std::default_sentinel_t end() const { return {}; }

 private:
  friend STRATA_API Profile profile(const Dataset&, const ProfileOptions&);
  explicit Dataset(std::shared_ptr<const Node> node) : node_(std::move(node)) {}
  static Dataset make_generator(Generator, const GeneratorOptions&, bool takes_index);
  Dataset make_map(MapFunction, const MapOptions&) const;
  std::shared_ptr<const Node> node_;
};

class STRATA_API Dataset::RangeIterator {
 public:
  using value_type = Sample;
  using difference_type = std::ptrdiff_t;
  explicit RangeIterator(std::unique_ptr<DatasetIterator> pass) : pass_(std::move(pass)) { ++*this; }
  Sample& operator*() { return *current_; }
  RangeIterator& operator++() {
    current_ = pass_->next();
    return *this;
  }
  void operator++(int) { ++*this; }
  friend bool operator==(const RangeIterator& it, std::default_sentinel_t) { return !it.current_.has_value(); }

 private:
  std::unique_ptr<DatasetIterator> pass_;
  std::optional<Sample> current_;
};

inline Dataset::RangeIterator Dataset::begin() const { return RangeIterator(iterate()); }

template <class G>
  requires std::invocable<G&, std::int64_t> || std::invocable<G&>
Dataset Dataset::from_generator(G generate, const GeneratorOptions& options) {
  if constexpr (std::invocable<G&, std::int64_t>)
    return make_generator(std::move(generate), options, true);
  else
    return make_generator([g = std::move(generate)](std::int64_t) mutable { return g(); }, options, false);
}

template <class F>
  requires std::invocable<F&, Sample> || std::invocable<F&, Sample, std::uint64_t>
Dataset Dataset::map(F f, const MapOptions& options) const {
  if constexpr (std::invocable<F&, Sample, std::uint64_t>)
    return make_map(std::move(f), options);
  else
    return make_map([g = std::move(f)](Sample s, std::uint64_t) mutable { return g(std::move(s)); }, options);
}

}  // namespace strata::data
