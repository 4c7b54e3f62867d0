#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/base/config.h"
#include "data/dataset.h"

namespace strata {

/// What one step gets: inputs, targets, and sample weights (one per target, or none).
struct Batch {
  Tensors x, y, w;
  std::int64_t size() const { return x.empty() ? 0 : x[0].shape()[0]; }
};

/// Where fit, evaluate and predict get their batches from.
class BatchSource {
 public:
  virtual ~BatchSource();
  /// Starts a pass over all samples.
  virtual void start(int epoch) = 0;
  /// The next batch of the pass, nullopt at its end. Its tensors are valid until the next call.
  virtual std::optional<Batch> next() = 0;
  /// Passes over batches of this pass. False if there were fewer.
  virtual bool skip(std::int64_t batches);
  /// Batches of a pass, -1 when unknown.
  virtual std::int64_t steps() const = 0;

  /// What the batches depend on beside the data itself, so that a run that goes on can tell whether they are the same.
  virtual Config recipe() const = 0;
  /// Where the order of the samples comes from, if it is for the source to shuffle them.
  virtual std::uint64_t seed() const { return 0; }
  virtual void set_seed(std::uint64_t) {}
  /// Empty if another process can get the same batches, otherwise why not.
  virtual std::string why_unrepeatable() const { return {}; }
};

/// A number that tells batches apart by types and content.
std::uint64_t fingerprint(const Batch& batch);

struct ArrayBatches {
  std::int64_t batch_size = 32;
  bool shuffle = false;
  std::uint64_t seed = 0;  ///< the order of epoch e depends on (seed, e) only
};
/// Slices of tensors along the first axis; the last batch may be smaller.
std::unique_ptr<BatchSource> batches_of(Tensors x, Tensors y, Tensors w, const ArrayBatches&);
/// A dataset whose elements are batches, for one of several processes that looks at its share of each.
std::unique_ptr<BatchSource> batches_of(const data::Dataset& dataset, const data::Share& share = {});

/// Keras's check: all tensors have the same number of samples. Returns it.
std::int64_t check_cardinality(const Tensors& x, const Tensors& y, const Tensors& w);

}  // namespace strata
