// What several processes that train together make of a recipe: parts of it, or all of it with the work shared out.
#include <algorithm>
#include <string>

#include "core/base/error.h"
#include "core/base/parts.h"
#include "data/dataset_node.h"

namespace strata::data {

namespace {

class Shard final : public Dataset::Node {
 public:
  Shard(NodePtr source, std::int64_t num_shards, std::int64_t index)
      : Node("shard", std::move(source)), num_shards_(num_shards), index_(index) {}
  std::int64_t cardinality() const override {
    const std::int64_t n = source_->cardinality();
    return n < 0 ? n : (n - index_ + num_shards_ - 1) / num_shards_;
  }
  std::unique_ptr<DatasetIterator> iterate(const PassInfo& pass) const override {
    return std::make_unique<Pass>(source_->open(pass), num_shards_, index_);
  }

 private:
  struct Pass final : DatasetIterator {
    Pass(std::unique_ptr<DatasetIterator> s, std::int64_t of, std::int64_t first)
        : source(std::move(s)), num_shards(of), others(first) {}
    std::optional<Sample> next() override {
      for (; others > 0; --others)
        if (!source->next()) return std::nullopt;
      others = num_shards - 1;
      return source->next();
    }
    std::unique_ptr<DatasetIterator> source;
    std::int64_t num_shards, others;  // that come before the next one
  };
  std::int64_t num_shards_, index_;
};

class Options final : public Dataset::Node {
 public:
  Options(NodePtr source, const DatasetOptions& options) : Node("with_options", std::move(source)), options_(options) {}
  std::int64_t cardinality() const override { return source_->cardinality(); }
  std::unique_ptr<DatasetIterator> iterate(const PassInfo& pass) const override { return source_->open(pass); }

 private:
  PassInfo accepted(const PassInfo& pass) const override {
    PassInfo with = pass;
    if (!with.options) with.options = options_;
    return with;
  }
  DatasetOptions options_;
};

}  // namespace

WantedRows::Range WantedRows::of_batch(std::int64_t number) const {
  const std::int64_t size = elements < 0 ? batch : std::clamp<std::int64_t>(elements - number * batch, 1, batch);
  if (number == 0) return {0, size};  // by which processes see that they have the same data
  const std::int64_t parts = std::min<std::int64_t>(size, share.count);
  // Whoever has no part in a small batch gets that of the last one who has.
  const std::int64_t index = std::min<std::int64_t>(share.index, parts - 1);
  return {begin_of_part(size, parts, index), begin_of_part(size, parts, index + 1)};
}

NodePtr make_shard(NodePtr source, std::int64_t num_shards, std::int64_t index) {
  if (num_shards < 1) fail_expected("Dataset.shard", "num_shards of 1 or more", std::to_string(num_shards));
  if (index < 0 || index >= num_shards)
    fail_expected("Dataset.shard", "an index from 0 to " + std::to_string(num_shards - 1), std::to_string(index));
  if (const std::int64_t n = source->cardinality(); n >= 0 && n <= index)
    fail_expected("Dataset.shard",
                  "at least one element for shard " + std::to_string(index) + " of " + std::to_string(num_shards),
                  std::to_string(n) + " elements in all, which leave it empty. Take fewer shards");
  return std::make_shared<Shard>(std::move(source), num_shards, index);
}

NodePtr make_options(NodePtr source, const DatasetOptions& options) {
  return std::make_shared<Options>(std::move(source), options);
}

}  // namespace strata::data
