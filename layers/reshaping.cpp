#include "layers/reshaping.h"

#include <algorithm>
#include <numeric>

#include "core/ops/ops.h"
#include "layers/checks.h"
#include "layers/registration.h"

namespace strata::layers {
namespace {

constexpr auto flatten_arguments = [](auto& field, auto& o) { field("data_format", o.data_format); };
constexpr auto reshape_arguments = [](auto& field, auto& target_shape, auto&...) {
  field.required("target_shape", target_shape);
};
constexpr auto permute_arguments = [](auto& field, auto& dims, auto&...) { field.required("dims", dims); };
constexpr auto repeat_arguments = [](auto& field, auto& n, auto&...) { field.required("n", n); };

class FlattenLayer final : public Definition {
 public:
  explicit FlattenLayer(FlattenOptions options) : o_(std::move(options)) {}
  void check_inputs(const Shapes& inputs) const override { require_min_rank(describe(), inputs[0], 1); }
  Value call(Value x, Mode) override { return x.shape().rank() == 1 ? expand_dims(x, 1) : flatten(x, 1); }
  Config config() const override { return write_arguments(flatten_arguments, o_); }

 private:
  FlattenOptions o_;
};

class ReshapeLayer final : public Definition {
 public:
  explicit ReshapeLayer(Shape target) : target_(std::move(target)) {}

  void check_inputs(const Shapes& inputs) const override {
    require_min_rank(describe(), inputs[0], 1);
    const Shape sample = inputs[0].slice(1, inputs[0].rank());
    if (sample.has_open_dim()) return;
    const std::int64_t known = known_elements(), elements = sample.elements();
    if (target_.has_open_dim() ? known == 0 || elements % known != 0 : known != elements)
      throw Error(describe(), "The total size of the tensor must be unchanged. Received: input_shape=" +
                                  strata::to_keras_string(sample) +
                                  ", target_shape=" + strata::to_keras_string(target_));
  }

  Value call(Value x, Mode) override {
    Shape shape{x.shape()[0]};
    const std::int64_t elements = x.shape().slice(1, x.shape().rank()).elements();
    for (const std::int64_t size : target_) shape.push_back(size == open_dim ? elements / known_elements() : size);
    return reshape(x, shape);
  }

  Config config() const override { return write_arguments(reshape_arguments, target_.dims()); }

 private:
  std::int64_t known_elements() const {
    return std::accumulate(target_.begin(), target_.end(), std::int64_t{1},
                           [](std::int64_t n, std::int64_t size) { return size == open_dim ? n : n * size; });
  }
  Shape target_;
};

class PermuteLayer final : public Definition {
 public:
  explicit PermuteLayer(Axes dims) : dims_(std::move(dims)) {}
  void check_inputs(const Shapes& inputs) const override {
    require_rank(describe(), inputs[0], static_cast<int>(dims_.size()) + 1);
  }
  Value call(Value x, Mode) override {
    Axes axes{0};
    axes.insert(axes.end(), dims_.begin(), dims_.end());
    return transpose(x, axes);
  }
  Config config() const override { return write_arguments(permute_arguments, dims_); }

 private:
  Axes dims_;
};

class RepeatVectorLayer final : public Definition {
 public:
  explicit RepeatVectorLayer(std::int64_t n) : n_(n) {}
  void check_inputs(const Shapes& inputs) const override { require_rank(describe(), inputs[0], 2); }
  Value call(Value x, Mode) override { return repeat(expand_dims(x, 1), n_, 1); }
  Config config() const override { return write_arguments(repeat_arguments, n_); }

 private:
  std::int64_t n_;
};
}  // namespace

Layer Flatten(const FlattenOptions& o) {
  require_channels_last(place("Flatten", o.name), o.data_format);
  return make_named<FlattenLayer>("Flatten", o.name, o.trainable, o);
}

Layer Reshape(const Shape& target_shape, const LayerArguments& o) {
  const auto is_open = [](std::int64_t size) { return size == open_dim; };
  const auto is_wrong = [](std::int64_t size) { return size < open_dim; };
  if (std::count_if(target_shape.begin(), target_shape.end(), is_open) > 1 ||
      std::any_of(target_shape.begin(), target_shape.end(), is_wrong))
    fail_expected(place("Reshape", o.name), "a target_shape of sizes, of which at most one is -1",
                  to_string(target_shape));
  return make_named<ReshapeLayer>("Reshape", o.name, o.trainable, target_shape);
}

Layer Permute(const Axes& dims, const LayerArguments& o) {
  Axes sorted = dims, counted(dims.size());
  std::ranges::sort(sorted);
  std::iota(counted.begin(), counted.end(), 1);
  if (sorted != counted)
    throw Error(
        place("Permute", o.name),
        "Invalid permutation argument `dims` for Permute Layer. The set of indices in `dims` must be consecutive "
        "and start from 1. Received dims=" +
            strata::to_keras_string(Shape(dims)));
  return make_named<PermuteLayer>("Permute", o.name, o.trainable, dims);
}

Layer RepeatVector(std::int64_t n, const LayerArguments& o) {
  if (n < 1)
    throw Error(place("RepeatVector", o.name),
                "Argument `n` should be a positive integer. Received: n=" + std::to_string(n));
  return make_named<RepeatVectorLayer>("RepeatVector", o.name, o.trainable, n);
}

namespace {
Layer reshape_from_list(const Axes& target_shape, const LayerArguments& o) { return Reshape(Shape(target_shape), o); }

const bool registered[] = {
    register_built_in("Flatten", Flatten, flatten_arguments),
    register_built_in("Reshape", reshape_from_list, reshape_arguments),
    register_built_in("Permute", Permute, permute_arguments),
    register_built_in("RepeatVector", RepeatVector, repeat_arguments),
};
}

}  // namespace strata::layers
