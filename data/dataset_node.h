#pragma once

#include <memory>

#include "data/dataset.h"

namespace strata::data {

/// A step of a recipe. Immutable but for caches, which lock; an iterator holds the node that made it.
class Dataset::Node : public std::enable_shared_from_this<Dataset::Node> {
 public:
  virtual ~Node() = default;
  virtual std::unique_ptr<DatasetIterator> iterate(std::int64_t epoch) const = 0;
  virtual std::int64_t cardinality() const = 0;
  /// What Dataset::why_unrepeatable says; most steps pass on what their source says.
  virtual std::string why_unrepeatable() const = 0;
};

using NodePtr = std::shared_ptr<const Dataset::Node>;

NodePtr make_batch(NodePtr source, std::int64_t n, const BatchOptions&);
NodePtr make_unbatch(NodePtr source);
NodePtr make_shuffle(NodePtr source, std::int64_t buffer_size, const ShuffleOptions&);
NodePtr make_map_node(NodePtr source, Dataset::MapFunction, const MapOptions&);
NodePtr make_prefetch(NodePtr source, int n);
NodePtr make_cache(NodePtr source);

}  // namespace strata::data
