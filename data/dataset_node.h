#pragma once

#include <memory>
#include <optional>

#include "data/dataset.h"
#include "data/pass_recorder.h"

namespace strata::data {

using NodePtr = std::shared_ptr<const Dataset::Node>;

/// Which rows of each batch, hence which elements before batch(), somebody looks at: one share of them.
struct WantedRows {
  Share share = {};
  std::int64_t batch = 1;                        ///< elements of a batch
  std::int64_t elements = infinite_cardinality;  ///< of the pass: its last batch may be smaller
  struct Range {
    std::int64_t begin, end;
  };
  Range of_batch(std::int64_t number) const;
  bool contains(std::int64_t element) const {
    const Range rows = of_batch(element / batch);
    return rows.begin <= element % batch && element % batch < rows.end;
  }
};

/// One pass over a recipe: which, who writes down what its steps take, if anybody, and what of it is looked at.
struct PassInfo {
  std::int64_t epoch = 0;
  PassRecorder* recorder = nullptr;
  Share share = {};                            ///< of the elements, which are batches
  std::optional<WantedRows> wanted = {};       ///< of the elements, which will be rows of batches
  std::optional<DatasetOptions> options = {};  ///< those of the last step that has some
  AutoShardPolicy policy() const { return options.value_or(DatasetOptions{}).auto_shard_policy; }
  PassInfo of_epoch(std::int64_t e) const {
    PassInfo other = *this;
    other.epoch = e;
    return other;
  }
  PassInfo whole() const { return {.epoch = epoch, .recorder = recorder}; }
};

/// A step of a recipe. Immutable but for caches, which lock; an iterator holds the node that made it.
class Dataset::Node : public std::enable_shared_from_this<Dataset::Node> {
 public:
  /// `name` is what a profile calls the step; the first step of a recipe has no source.
  explicit Node(const char* name, NodePtr source = nullptr) : source_(std::move(source)), name_(name) {}
  virtual ~Node() = default;
  /// A pass, which the recorder hears of when there is one.
  std::unique_ptr<DatasetIterator> open(const PassInfo& pass) const;
  virtual std::int64_t cardinality() const = 0;
  /// What Dataset::why_unrepeatable says; most steps pass on what their source says.
  virtual std::string why_unrepeatable() const { return source_ ? source_->why_unrepeatable() : std::string(); }
  /// How many threads work beside each other on the elements of a pass.
  virtual int workers() const { return 1; }
  const char* name() const { return name_; }
  const Node* source() const { return source_.get(); }

 protected:
  virtual std::unique_ptr<DatasetIterator> iterate(const PassInfo& pass) const = 0;
  /// What the step makes use of when others leave part of its elements alone; it passes on to its source what it is
  /// given here. Most steps need all of them whole.
  virtual PassInfo accepted(const PassInfo& pass) const { return pass.whole(); }
  NodePtr source_;

 private:
  const char* name_;
};

NodePtr make_batch(NodePtr source, std::int64_t n, const BatchOptions&);
NodePtr make_shard(NodePtr source, std::int64_t num_shards, std::int64_t index);
NodePtr make_options(NodePtr source, const DatasetOptions&);
NodePtr make_unbatch(NodePtr source);
NodePtr make_shuffle(NodePtr source, std::int64_t buffer_size, const ShuffleOptions&);
NodePtr make_map_node(NodePtr source, Dataset::MapFunction, const MapOptions&);
NodePtr make_prefetch(NodePtr source, int n);
NodePtr make_cache(NodePtr source);

}  // namespace strata::data
