#include "data/dataset.h"

#include <algorithm>
#include <mutex>
#include <string>

#include "core/base/error.h"
#include "data/dataset_node.h"
#include "data/random.h"

namespace strata::data {

namespace {

Tensors joined(const Tensor& first, const Tensors& more) {
  Tensors all;
  if (first.defined()) all.push_back(first);
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

void split(const Tensors& all, Tensor& first, Tensors& more) {
  if (all.empty()) return;
  first = all.front();
  more.assign(all.begin() + 1, all.end());
}

// ---- Sources

class TensorRows final : public Dataset::Node {
 public:
  TensorRows(const Tensors& x, const Tensors& y, const Tensors& w) : Node("from_tensors"), all_(Sample::from(x, y, w)) {
    require(!x.empty(), "Dataset.from_tensors", "expected at least one input tensor; received none");
    const char* const where = "Dataset.from_tensors";
    rows_ = -1;
    for (const Tensors* list : {&x, &y, &w})
      for (const Tensor& t : *list) {
        if (!t.defined() || t.shape().rank() == 0) fail_expected(where, "tensors of rank 1 or more", to_string(t));
        if (t.device().kind != DeviceKind::cpu) fail_expected(where, "tensors on the CPU", to_string(t.device()));
        if (rows_ < 0) rows_ = t.shape()[0];
        if (t.shape()[0] != rows_)
          fail_expected(where, "tensors of the same first dimension, " + std::to_string(rows_), to_string(t.type()));
      }
  }
  std::int64_t cardinality() const override { return rows_; }
  std::unique_ptr<DatasetIterator> iterate(const PassInfo&) const override;

  Sample row(std::int64_t i) const {
    Sample s;
    const auto slice = [i](const Tensor& from, Tensor& to) {
      if (from.defined()) to = from.rows(i, i + 1).with_shape(from.shape().slice(1, from.shape().rank()));
    };
    const auto slices = [&](const Tensors& from, Tensors& to) {
      to.resize(from.size());
      for (std::size_t k = 0; k < from.size(); ++k) slice(from[k], to[k]);
    };
    slice(all_.x, s.x), slice(all_.y, s.y), slice(all_.w, s.w);
    slices(all_.more_x, s.more_x), slices(all_.more_y, s.more_y), slices(all_.more_w, s.more_w);
    return s;
  }

 private:
  Sample all_;
  std::int64_t rows_;
};

class TensorRowsPass final : public DatasetIterator {
 public:
  explicit TensorRowsPass(std::shared_ptr<const TensorRows> node) : node_(std::move(node)) {}
  std::optional<Sample> next() override {
    if (position_ >= node_->cardinality()) return std::nullopt;
    return node_->row(position_++);
  }

 private:
  std::shared_ptr<const TensorRows> node_;
  std::int64_t position_ = 0;
};

std::unique_ptr<DatasetIterator> TensorRows::iterate(const PassInfo&) const {
  return std::make_unique<TensorRowsPass>(std::static_pointer_cast<const TensorRows>(shared_from_this()));
}

class Generated final : public Dataset::Node {
 public:
  Generated(Dataset::Generator generate, std::int64_t cardinality, bool takes_index)
      : Node("from_generator"), generate_(std::move(generate)), cardinality_(cardinality), takes_index_(takes_index) {}
  std::int64_t cardinality() const override { return cardinality_; }
  std::string why_unrepeatable() const override {
    return takes_index_
               ? ""
               : "Dataset.from_generator: the generator keeps its own state; let it take the index of the element";
  }
  std::unique_ptr<DatasetIterator> iterate(const PassInfo&) const override;

  std::optional<Sample> generate(std::int64_t index) const {
    std::optional<Sample> sample;
    {
      const std::lock_guard lock(mutex_);
      sample = generate_(index);
    }
    if (cardinality_ >= 0 && (index < cardinality_) != sample.has_value())
      fail_expected("Dataset.from_generator", "a generator of " + std::to_string(cardinality_) + " elements",
                    (sample ? "more than " : "only ") + std::to_string(index));
    return sample;
  }

 private:
  Dataset::Generator generate_;
  std::int64_t cardinality_;
  bool takes_index_;
  mutable std::mutex mutex_;
};

class GeneratedPass final : public DatasetIterator {
 public:
  explicit GeneratedPass(std::shared_ptr<const Generated> node) : node_(std::move(node)) {}
  std::optional<Sample> next() override {
    if (ended_) return std::nullopt;
    ended_ = true;  // also when the generator throws
    std::optional<Sample> sample = node_->generate(position_++);
    ended_ = !sample.has_value();
    return sample;
  }

 private:
  std::shared_ptr<const Generated> node_;
  std::int64_t position_ = 0;
  bool ended_ = false;
};

std::unique_ptr<DatasetIterator> Generated::iterate(const PassInfo&) const {
  return std::make_unique<GeneratedPass>(std::static_pointer_cast<const Generated>(shared_from_this()));
}

// ---- Selections

class Filter final : public Dataset::Node {
 public:
  using Keep = std::function<bool(const Sample&)>;
  Filter(NodePtr source, Keep keep)
      : Node("filter", std::move(source)), keep_(std::make_shared<Keep>(std::move(keep))) {}
  std::int64_t cardinality() const override {
    const std::int64_t n = source_->cardinality();
    return n == 0 || n == infinite_cardinality ? n : unknown_cardinality;
  }
  std::unique_ptr<DatasetIterator> iterate(const PassInfo& pass) const override {
    return std::make_unique<Pass>(source_->open(pass), keep_);
  }

 private:
  struct Pass final : DatasetIterator {
    Pass(std::unique_ptr<DatasetIterator> s, std::shared_ptr<Keep> k) : source(std::move(s)), keep(std::move(k)) {}
    std::optional<Sample> next() override {
      while (std::optional<Sample> sample = source->next())
        if ((*keep)(*sample)) return sample;
      return std::nullopt;
    }
    std::unique_ptr<DatasetIterator> source;
    std::shared_ptr<Keep> keep;
  };
  std::shared_ptr<Keep> keep_;
};

// Elements [first, last) of the source; last < 0 means all that follow.
class Window final : public Dataset::Node {
 public:
  Window(const char* name, NodePtr source, std::int64_t first, std::int64_t last)
      : Node(name, std::move(source)), first_(first), last_(last) {}
  std::int64_t cardinality() const override {
    const std::int64_t n = source_->cardinality();
    if (n == unknown_cardinality) return last_ == 0 ? 0 : n;
    if (n == infinite_cardinality) return last_ < 0 ? n : last_;
    return last_ < 0 ? std::max<std::int64_t>(n - first_, 0) : std::min(n, last_);
  }
  std::unique_ptr<DatasetIterator> iterate(const PassInfo& pass) const override {
    return std::make_unique<Pass>(source_->open(pass), first_, last_);
  }
  PassInfo accepted(const PassInfo& pass) const override {
    return first_ == 0 ? pass : pass.whole();  // otherwise elements do not keep their places
  }

 private:
  struct Pass final : DatasetIterator {
    Pass(std::unique_ptr<DatasetIterator> s, std::int64_t f, std::int64_t l)
        : source(std::move(s)), first(f), last(l) {}
    std::optional<Sample> next() override {
      for (; position < first; ++position)
        if (!source->next()) return std::nullopt;
      if (last >= 0 && position >= last) {
        source.reset();  // frees its workers at once
        return std::nullopt;
      }
      ++position;
      return source->next();
    }
    std::unique_ptr<DatasetIterator> source;
    std::int64_t first, last, position = 0;
  };
  std::int64_t first_, last_;
};

// The passes of a repetition are epochs of the source: distinct ones, for distinct epochs of the whole, too.
class Repeat final : public Dataset::Node {
 public:
  Repeat(NodePtr source, std::int64_t times) : Node("repeat", std::move(source)), times_(times) {}
  std::int64_t cardinality() const override {
    const std::int64_t n = source_->cardinality();
    if (n == 0 || times_ == 0) return 0;
    if (times_ < 0) return infinite_cardinality;
    return n < 0 ? n : n * times_;
  }
  std::unique_ptr<DatasetIterator> iterate(const PassInfo& pass) const override {
    return std::make_unique<Pass>(source_, times_, pass);
  }
  PassInfo accepted(const PassInfo& pass) const override {
    PassInfo batches = pass;
    batches.wanted.reset();
    return batches;
  }

 private:
  struct Pass final : DatasetIterator {
    Pass(NodePtr s, std::int64_t t, const PassInfo& p) : source(std::move(s)), times(t), pass(p) {}
    std::optional<Sample> next() override {
      while (current || times < 0 || round < times) {
        const bool fresh = !current;
        if (fresh) current = source->open(pass.of_epoch(source_epoch(round++)));
        if (std::optional<Sample> sample = current->next()) return sample;
        current.reset();
        if (fresh) times = round;  // an empty pass: repeating it would never end
      }
      return std::nullopt;
    }
    std::int64_t source_epoch(std::int64_t r) const {
      if (times >= 0) return pass.epoch * times + r;
      if (pass.epoch == 0) return r;
      return static_cast<std::int64_t>(combine(static_cast<std::uint64_t>(pass.epoch), static_cast<std::uint64_t>(r)) >>
                                       1);
    }
    NodePtr source;
    std::int64_t times, round = 0;
    PassInfo pass;
    std::unique_ptr<DatasetIterator> current;
  };
  std::int64_t times_;
};

}  // namespace

Sample Sample::from(const Tensors& inputs, const Tensors& targets, const Tensors& weights) {
  Sample s;
  split(inputs, s.x, s.more_x);
  split(targets, s.y, s.more_y);
  split(weights, s.w, s.more_w);
  return s;
}

Tensors Sample::inputs() const { return joined(x, more_x); }
Tensors Sample::targets() const { return joined(y, more_y); }
Tensors Sample::weights() const { return joined(w, more_w); }

DatasetIterator::~DatasetIterator() = default;

Dataset Dataset::from_tensors(const Tensors& x, const Tensors& y, const Tensors& w) {
  return Dataset(std::make_shared<TensorRows>(x, y, w));
}

Dataset Dataset::make_generator(Generator generate, const GeneratorOptions& options, bool takes_index) {
  if (options.cardinality < unknown_cardinality)
    fail_expected("Dataset.from_generator", "a cardinality of 0 or more, infinite_cardinality or unknown_cardinality",
                  std::to_string(options.cardinality));
  return Dataset(std::make_shared<Generated>(std::move(generate), options.cardinality, takes_index));
}

Dataset Dataset::make_map(MapFunction f, const MapOptions& options) const {
  return Dataset(make_map_node(node_, std::move(f), options));
}

Dataset Dataset::filter(std::function<bool(const Sample&)> keep) const {
  require(keep != nullptr, "Dataset.filter", "expected a function; received an empty one");
  return Dataset(std::make_shared<Filter>(node_, std::move(keep)));
}

Dataset Dataset::shuffle(std::int64_t buffer_size, const ShuffleOptions& options) const {
  return Dataset(make_shuffle(node_, buffer_size, options));
}

Dataset Dataset::batch(std::int64_t n, const BatchOptions& options) const {
  return Dataset(make_batch(node_, n, options));
}

Dataset Dataset::unbatch() const { return Dataset(make_unbatch(node_)); }

Dataset Dataset::repeat(std::int64_t n) const {
  if (n < -1) fail_expected("Dataset.repeat", "a count of 0 or more, or -1 for no end", std::to_string(n));
  return Dataset(std::make_shared<Repeat>(node_, n));
}

Dataset Dataset::take(std::int64_t n) const {
  if (n < 0) fail_expected("Dataset.take", "a count of 0 or more", std::to_string(n));
  return Dataset(std::make_shared<Window>("take", node_, 0, n));
}

Dataset Dataset::skip(std::int64_t n) const {
  if (n < 0) fail_expected("Dataset.skip", "a count of 0 or more", std::to_string(n));
  return Dataset(std::make_shared<Window>("skip", node_, n, -1));
}

Dataset Dataset::shard(std::int64_t num_shards, std::int64_t index) const {
  return Dataset(make_shard(node_, num_shards, index));
}

Dataset Dataset::with_options(const DatasetOptions& options) const { return Dataset(make_options(node_, options)); }
Dataset Dataset::cache() const { return Dataset(make_cache(node_)); }
Dataset Dataset::prefetch(int n) const { return Dataset(make_prefetch(node_, n)); }
std::int64_t Dataset::cardinality() const { return node_->cardinality(); }
std::string Dataset::why_unrepeatable() const { return node_->why_unrepeatable(); }
std::unique_ptr<DatasetIterator> Dataset::iterate(std::int64_t epoch) const { return node_->open({.epoch = epoch}); }

std::unique_ptr<DatasetIterator> Dataset::iterate(std::int64_t epoch, const Share& share) const {
  if (share.index < 0 || share.index >= share.count)
    fail_expected("Dataset.iterate", "the share of one of " + std::to_string(share.count) + " processes",
                  std::to_string(share.index));
  return node_->open({.epoch = epoch, .share = share});
}

}  // namespace strata::data
