// Steps that hold several elements at a time: shuffle, batch, unbatch, cache.
#include <cstring>
#include <mutex>
#include <random>
#include <string>

#include "core/base/error.h"
#include "data/dataset_node.h"
#include "data/random.h"

namespace strata::data {

namespace {

// ---- shuffle

std::uint64_t drawn_seed() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) | device();
}

class Shuffle final : public Dataset::Node {
 public:
  Shuffle(NodePtr source, std::size_t buffer_size, const ShuffleOptions& options)
      : Node("shuffle", std::move(source)),
        buffer_size_(buffer_size),
        seeded_(options.seed.has_value()),
        seed_(options.seed ? *options.seed : drawn_seed()),
        reshuffle_(options.reshuffle_each_iteration) {}
  std::int64_t cardinality() const override { return source_->cardinality(); }
  std::string why_unrepeatable() const override {
    return seeded_ ? source_->why_unrepeatable() : "Dataset.shuffle: the order has no seed; give it one";
  }
  std::unique_ptr<DatasetIterator> iterate(const PassInfo& pass) const override {
    const std::uint64_t seed = combine(seed_, reshuffle_ ? static_cast<std::uint64_t>(pass.epoch) : 0);
    return std::make_unique<Pass>(source_->open(pass), buffer_size_, seed);
  }

 private:
  struct Pass final : DatasetIterator {
    Pass(std::unique_ptr<DatasetIterator> s, std::size_t size, std::uint64_t seed)
        : source(std::move(s)), buffer_size(size), random(seed) {}
    std::optional<Sample> next() override {
      while (!drained && buffer.size() < buffer_size) {
        if (std::optional<Sample> sample = source->next())
          buffer.push_back(std::move(*sample));
        else
          drained = true;
      }
      if (buffer.empty()) return std::nullopt;
      std::swap(buffer[random.below(buffer.size())], buffer.back());
      std::optional<Sample> chosen = std::move(buffer.back());
      buffer.pop_back();
      return chosen;
    }
    std::unique_ptr<DatasetIterator> source;
    std::size_t buffer_size;
    RandomStream random;
    std::vector<Sample> buffer;
    bool drained = false;
  };
  std::size_t buffer_size_;
  bool seeded_;
  std::uint64_t seed_;
  bool reshuffle_;
};

// ---- batch

/// Elements of a batch, and those of them that count: the others are not there, and zeros stand for them.
struct Rows {
  const std::vector<Sample>& samples;
  std::size_t begin, end;
  const Sample& first() const { return samples[begin]; }
};

Tensor stack(const Rows& rows, const auto& member) {
  const Tensor& first = member(rows.first());
  Shape shape = {static_cast<std::int64_t>(rows.samples.size())};
  for (std::int64_t d : first.shape()) shape.push_back(d);
  Tensor out(first.dtype(), shape, Device{});
  std::byte* to = out.mutable_raw();
  for (std::size_t i = 0; i < rows.samples.size(); ++i, to += first.bytes()) {
    if (i < rows.begin || i >= rows.end) {
      if (first.bytes() > 0) std::memset(to, 0, first.bytes());
      continue;
    }
    const Tensor& t = member(rows.samples[i]);
    if (!t.defined() || t.type() != first.type())
      fail_expected("Dataset.batch", "elements of one type, " + to_string(first.type()),
                    "element " + std::to_string(i) + " of the batch with " +
                        (t.defined() ? to_string(t.type()) : std::string("an empty tensor")));
    if (t.device().kind != DeviceKind::cpu) fail_expected("Dataset.batch", "tensors on the CPU", to_string(t.device()));
    if (first.bytes() > 0) std::memcpy(to, t.raw(), first.bytes());
  }
  return out;
}

void stack_all(const Rows& rows, Tensor Sample::*one, Tensors Sample::*more, Sample& out) {
  const Sample& first = rows.first();
  for (std::size_t i = rows.begin; i < rows.end; ++i) {
    const Sample& s = rows.samples[i];
    if ((s.*one).defined() != (first.*one).defined() || (s.*more).size() != (first.*more).size())
      fail_expected("Dataset.batch", "elements with the same number of tensors",
                    std::to_string((s.*more).size() + 1) + " beside " + std::to_string((first.*more).size() + 1));
  }
  if ((first.*one).defined()) out.*one = stack(rows, [one](const Sample& s) -> const Tensor& { return s.*one; });
  for (std::size_t k = 0; k < (first.*more).size(); ++k)
    (out.*more).push_back(stack(rows, [more, k](const Sample& s) -> const Tensor& { return (s.*more)[k]; }));
}

class Batch final : public Dataset::Node {
 public:
  Batch(NodePtr source, std::size_t n, bool drop) : Node("batch", std::move(source)), n_(n), drop_(drop) {}
  std::int64_t cardinality() const override {
    const std::int64_t count = source_->cardinality(), n = static_cast<std::int64_t>(n_);
    if (count < 0) return count;
    return count / n + (!drop_ && count % n != 0 ? 1 : 0);
  }
  std::unique_ptr<DatasetIterator> iterate(const PassInfo& pass) const override {
    return std::make_unique<Pass>(source_->open(pass), n_, drop_, pass.wanted);
  }

 private:
  /// From batches to their elements. Without their number the size of the last batch is not known beforehand.
  PassInfo accepted(const PassInfo& pass) const override {
    PassInfo elements = pass.whole();
    const std::int64_t count = source_->cardinality();
    if (pass.share.count > 1 && count != unknown_cardinality && pass.policy() != AutoShardPolicy::off)
      elements.wanted = WantedRows{pass.share, static_cast<std::int64_t>(n_), count};
    return elements;
  }

  struct Pass final : DatasetIterator {
    Pass(std::unique_ptr<DatasetIterator> s, std::size_t size, bool d, std::optional<WantedRows> w)
        : source(std::move(s)), n(size), drop(d), wanted(std::move(w)) {}
    std::optional<Sample> next() override {
      std::vector<Sample> samples;
      while (!ended && samples.size() < n) {
        if (std::optional<Sample> sample = source->next())
          samples.push_back(std::move(*sample));
        else
          ended = true;
      }
      if (samples.empty() || (drop && samples.size() < n)) return std::nullopt;
      Rows rows{samples, 0, samples.size()};
      if (wanted) {
        const auto [begin, end] = wanted->of_batch(number++);
        rows.begin = static_cast<std::size_t>(begin);
        rows.end = static_cast<std::size_t>(end);
      }
      Sample out;
      stack_all(rows, &Sample::x, &Sample::more_x, out);
      stack_all(rows, &Sample::y, &Sample::more_y, out);
      stack_all(rows, &Sample::w, &Sample::more_w, out);
      return out;
    }
    std::unique_ptr<DatasetIterator> source;
    std::size_t n;
    bool drop, ended = false;
    std::optional<WantedRows> wanted;
    std::int64_t number = 0;  // of the next batch
  };
  std::size_t n_;
  bool drop_;
};

// ---- unbatch

class Unbatch final : public Dataset::Node {
 public:
  explicit Unbatch(NodePtr source) : Node("unbatch", std::move(source)) {}
  std::int64_t cardinality() const override {
    const std::int64_t n = source_->cardinality();
    return n == 0 || n == infinite_cardinality ? n : unknown_cardinality;
  }
  std::unique_ptr<DatasetIterator> iterate(const PassInfo& pass) const override {
    return std::make_unique<Pass>(source_->open(pass));
  }

 private:
  struct Pass final : DatasetIterator {
    explicit Pass(std::unique_ptr<DatasetIterator> s) : source(std::move(s)) {}
    std::optional<Sample> next() override {
      for (;;) {
        if (rows)
          if (std::optional<Sample> sample = rows->next()) return sample;
        std::optional<Sample> batch = source->next();
        if (!batch) return std::nullopt;
        rows = Dataset::from_tensors(batch->inputs(), batch->targets(), batch->weights()).iterate();
      }
    }
    std::unique_ptr<DatasetIterator> source, rows;
  };
};

// ---- cache

class Cache final : public Dataset::Node {
 public:
  explicit Cache(NodePtr source) : Node("cache", std::move(source)), store_(std::make_shared<Store>()) {}
  std::int64_t cardinality() const override { return source_->cardinality(); }
  std::unique_ptr<DatasetIterator> iterate(const PassInfo& pass) const override {
    std::shared_ptr<const std::vector<Sample>> samples = store_->get();
    if (samples) return std::make_unique<Replay>(std::move(samples));
    return std::make_unique<Record>(source_->open(pass), store_);
  }

 private:
  using Samples = std::shared_ptr<const std::vector<Sample>>;
  class Store {
   public:
    Samples get() {
      const std::lock_guard lock(mutex_);
      return samples_;
    }
    void set(std::vector<Sample> samples) {
      const std::lock_guard lock(mutex_);
      if (!samples_) samples_ = std::make_shared<const std::vector<Sample>>(std::move(samples));
    }

   private:
    std::mutex mutex_;
    Samples samples_;
  };
  struct Replay final : DatasetIterator {
    explicit Replay(Samples s) : samples(std::move(s)) {}
    std::optional<Sample> next() override {
      if (position == samples->size()) return std::nullopt;
      return (*samples)[position++];
    }
    Samples samples;
    std::size_t position = 0;
  };
  struct Record final : DatasetIterator {
    Record(std::unique_ptr<DatasetIterator> s, std::shared_ptr<Store> st)
        : source(std::move(s)), store(std::move(st)) {}
    std::optional<Sample> next() override {
      if (ended) return std::nullopt;
      ended = true;  // also when the source throws: what was recorded is then dropped
      std::optional<Sample> sample = source->next();
      if (sample) {
        seen.push_back(*sample);
        ended = false;
      } else {
        store->set(std::move(seen));
      }
      return sample;
    }
    std::unique_ptr<DatasetIterator> source;
    std::shared_ptr<Store> store;
    std::vector<Sample> seen;
    bool ended = false;
  };
  std::shared_ptr<Store> store_;
};

}  // namespace

NodePtr make_shuffle(NodePtr source, std::int64_t buffer_size, const ShuffleOptions& options) {
  if (buffer_size < 1) fail_expected("Dataset.shuffle", "a buffer_size of 1 or more", std::to_string(buffer_size));
  return std::make_shared<Shuffle>(std::move(source), static_cast<std::size_t>(buffer_size), options);
}

NodePtr make_batch(NodePtr source, std::int64_t n, const BatchOptions& options) {
  if (n < 1) fail_expected("Dataset.batch", "a batch size of 1 or more", std::to_string(n));
  return std::make_shared<Batch>(std::move(source), static_cast<std::size_t>(n), options.drop_remainder);
}

NodePtr make_unbatch(NodePtr source) { return std::make_shared<Unbatch>(std::move(source)); }
NodePtr make_cache(NodePtr source) { return std::make_shared<Cache>(std::move(source)); }

}  // namespace strata::data
