#include "models/batches.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "core/base/error.h"
#include "core/ops/gather.h"
#include "data/random.h"

namespace strata {

BatchSource::~BatchSource() = default;

bool BatchSource::skip(std::int64_t batches) {
  for (; batches > 0; --batches)
    if (!next()) return false;
  return true;
}

namespace {
std::uint64_t fingerprint(std::uint64_t seed, const Tensor& tensor) {
  const Tensor t = tensor.on_host();
  for (const char c : to_string(t.type())) seed = data::combine(seed, static_cast<std::uint64_t>(c));
  const std::byte* bytes = t.raw();
  const std::size_t count = t.bytes();
  for (std::size_t i = 0; i < count; i += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes + i, std::min(sizeof word, count - i));
    seed = data::combine(seed, word);
  }
  return seed;
}
}  // namespace

std::uint64_t fingerprint(const Batch& batch) {
  std::uint64_t number = 0;
  for (const Tensors* part : {&batch.x, &batch.y, &batch.w}) {
    number = data::combine(number, part->size());
    for (const Tensor& t : *part) number = fingerprint(number, t);
  }
  return number;
}

namespace {
/// Rows in the order of `rows`, laid side by side in `out`.
void gather_rows(const Tensor& from, const std::int64_t* rows, std::int64_t count, Tensor& out) {
  const std::size_t row = from.bytes() / static_cast<std::size_t>(from.shape()[0]);
  std::byte* to = out.mutable_raw();
  for (std::int64_t i = 0; i < count; ++i)
    std::memcpy(to + static_cast<std::size_t>(i) * row, from.raw() + static_cast<std::size_t>(rows[i]) * row, row);
}

class ArraySource final : public BatchSource {
 public:
  ArraySource(Tensors x, Tensors y, Tensors w, const ArrayBatches& options)
      : all_{std::move(x), std::move(y), std::move(w)},
        options_(options),
        samples_(check_cardinality(all_.x, all_.y, all_.w)) {}

  void start(int epoch) override {
    at_ = 0;
    if (!options_.shuffle) return;
    order_.resize(static_cast<std::size_t>(samples_));
    std::iota(order_.begin(), order_.end(), std::int64_t{0});
    data::RandomStream random(data::combine(options_.seed, static_cast<std::uint64_t>(epoch)));
    // Fisher and Yates by hand: std::shuffle's order differs between standard libraries.
    for (std::size_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[random.below(i)]);
    order_there_ = {};
  }

  std::optional<Batch> next() override {
    if (at_ >= samples_) return std::nullopt;
    const std::int64_t end = std::min(at_ + options_.batch_size, samples_);
    Batch batch;
    batch.x = part(all_.x, staging_.x, end);
    batch.y = part(all_.y, staging_.y, end);
    batch.w = part(all_.w, staging_.w, end);
    at_ = end;
    return batch;
  }

  bool skip(std::int64_t batches) override {
    const std::int64_t left = (samples_ - at_ + options_.batch_size - 1) / options_.batch_size;
    at_ = std::min(at_ + batches * options_.batch_size, samples_);
    return batches <= left;
  }

  std::int64_t steps() const override { return (samples_ + options_.batch_size - 1) / options_.batch_size; }

  Config recipe() const override {
    return {{"samples", samples_}, {"batch_size", options_.batch_size}, {"shuffle", options_.shuffle}};
  }
  std::uint64_t seed() const override { return options_.seed; }
  void set_seed(std::uint64_t seed) override { options_.seed = seed; }

 private:
  /// Rows [at_, end): shared with the source when in order, otherwise gathered into memory that batches reuse.
  Tensors part(const Tensors& from, Tensors& staging, std::int64_t end) {
    Tensors out;
    for (std::size_t i = 0; i < from.size(); ++i) {
      if (!options_.shuffle) {
        out.push_back(from[i].rows(at_, end));
        continue;
      }
      if (from[i].device().kind == DeviceKind::gpu) {
        out.push_back(gathered_there(from[i], end));
        continue;
      }
      if (staging.size() <= i) staging.resize(i + 1);
      if (!staging[i].defined()) {
        Shape shape = from[i].shape();
        shape[0] = std::min(options_.batch_size, samples_);
        staging[i] = Tensor(from[i].dtype(), shape, Device{});
      }
      Tensor rows = staging[i].rows(0, end - at_);
      gather_rows(from[i], order_.data() + at_, end - at_, rows);
      out.push_back(std::move(rows));
    }
    return out;
  }

  /// The same of an array on a GPU: the order goes there once in a pass, rows are gathered there.
  Tensor gathered_there(const Tensor& from, std::int64_t end) {
    if (!order_there_.defined() || order_there_.device() != from.device())
      order_there_ = Tensor::from({samples_}, order_).to(from.device());
    return gather(from, order_there_.rows(at_, end));
  }

  Batch all_, staging_;
  ArrayBatches options_;
  std::int64_t samples_, at_ = 0;
  std::vector<std::int64_t> order_;
  Tensor order_there_;
};

class DatasetSource final : public BatchSource {
 public:
  DatasetSource(data::Dataset dataset, const data::Share& share) : dataset_(std::move(dataset)), share_(share) {}

  void start(int epoch) override { iterator_ = dataset_.iterate(epoch, share_); }

  std::optional<Batch> next() override {
    auto sample = iterator_->next();
    if (!sample) return std::nullopt;
    Batch batch{sample->inputs(), sample->targets(), sample->weights()};
    check_cardinality(batch.x, batch.y, batch.w);
    return batch;
  }

  std::int64_t steps() const override {
    const std::int64_t n = dataset_.cardinality();
    return n >= 0 ? n : -1;
  }

  Config recipe() const override { return {{"batches", dataset_.cardinality()}}; }
  std::string why_unrepeatable() const override { return dataset_.why_unrepeatable(); }

 private:
  data::Dataset dataset_;
  data::Share share_;
  std::unique_ptr<data::DatasetIterator> iterator_;
};
}  // namespace

std::unique_ptr<BatchSource> batches_of(Tensors x, Tensors y, Tensors w, const ArrayBatches& options) {
  return std::make_unique<ArraySource>(std::move(x), std::move(y), std::move(w), options);
}

std::unique_ptr<BatchSource> batches_of(const data::Dataset& dataset, const data::Share& share) {
  return std::make_unique<DatasetSource>(dataset, share);
}

std::int64_t check_cardinality(const Tensors& x, const Tensors& y, const Tensors& w) {
  std::string sizes;
  bool equal = true;
  std::int64_t samples = -1;
  const auto look = [&](const Tensors& tensors, const char* what) {
    if (tensors.empty()) return;
    sizes += std::string(sizes.empty() ? "" : "\n") + "'" + what + "' sizes:";
    for (const Tensor& t : tensors) {
      if (!t.defined() || t.shape().rank() == 0)
        throw Error("fit", std::string("expected arrays with a first axis of samples as '") + what +
                               "'; received a scalar or an empty tensor");
      if (samples < 0) samples = t.shape()[0];
      equal = equal && t.shape()[0] == samples;
      sizes += " " + std::to_string(t.shape()[0]);
    }
  };
  look(x, "x");
  look(y, "y");
  look(w, "sample_weight");
  if (!equal)
    throw Error("Data cardinality is ambiguous. Make sure all arrays contain the same number of samples. " + sizes);
  if (samples == 0) throw Error("fit", "expected at least one sample; received none");
  return std::max<std::int64_t>(samples, 0);
}

}  // namespace strata
