#pragma once

#include <memory>

#include "data/dataset.h"
#include "data/pass_recorder.h"

namespace strata::data {

using NodePtr = std::shared_ptr<const Dataset::Node>;

/// One pass over a recipe: which, and who writes down what its steps take, if anybody.
struct PassInfo {
  std::int64_t epoch = 0;
  PassRecorder* recorder = nullptr;
  PassInfo of_epoch(std::int64_t e) const { return {e, recorder}; }
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
  NodePtr source_;

 private:
  const char* name_;
};

NodePtr make_batch(NodePtr source, std::int64_t n, const BatchOptions&);
NodePtr make_unbatch(NodePtr source);
NodePtr make_shuffle(NodePtr source, std::int64_t buffer_size, const ShuffleOptions&);
NodePtr make_map_node(NodePtr source, Dataset::MapFunction, const MapOptions&);
NodePtr make_prefetch(NodePtr source, int n);
NodePtr make_cache(NodePtr source);

}  // namespace strata::data
