#include "layers/merging.h"

#include <algorithm>

#include "core/ops/ops.h"
#include "layers/checks.h"
#include "layers/masking.h"
#include "layers/registration.h"

namespace strata::layers {
namespace {

constexpr auto no_arguments = [](auto&, auto&) {};
constexpr auto concatenate_arguments = [](auto& field, auto& o) { field("axis", o.axis); };

std::string to_keras_list(const Shapes& shapes) {
  std::string text;
  for (const Shape& s : shapes) text += (text.empty() ? "" : ", ") + strata::to_keras_string(s);
  return "[" + text + "]";
}

/// Axes of size 1 behind the batch, up to `rank`.
Shape lifted(const Shape& shape, int rank) {
  if (shape.rank() == 0) return shape;
  Shape result{shape[0]};
  for (int i = shape.rank(); i < rank; ++i) result.push_back(1);
  for (int i = 1; i < shape.rank(); ++i) result.push_back(shape[i]);
  return result;
}

int largest_rank(const Shapes& shapes) {
  int rank = 0;
  for (const Shape& s : shapes) rank = std::max(rank, s.rank());
  return rank;
}

class MergeLayer final : public Base {
 public:
  using Merge = Value (*)(const Values&);
  MergeLayer(Merge merge, std::size_t inputs) : merge_(merge), inputs_(inputs) {}

  void check_input_count(std::size_t count) const override {
    if (inputs_ != 0 && count != inputs_)
      throw Error(describe(), "A `" + class_name() + "` layer should be called on exactly " + std::to_string(inputs_) +
                                  " inputs. Received: " + std::to_string(count) + " inputs");
    if (count == 0) throw Error(describe(), "A merge layer should be called on a list of at least 1 input");
  }

  void check_inputs(const Shapes& inputs) const override {
    const int rank = largest_rank(inputs);
    const Shape first = lifted(inputs[0], rank);
    for (const Shape& s : inputs) {
      const Shape other = lifted(s, rank);
      for (int axis = 0; axis < std::min(first.rank(), other.rank()); ++axis) {
        const std::int64_t a = first[axis], b = other[axis];
        if (a != b && a > 1 && b > 1)
          throw Error(describe(), "Inputs have incompatible shapes. Received shapes " +
                                      strata::to_keras_string(inputs[0].slice(1, inputs[0].rank())) + " and " +
                                      strata::to_keras_string(s.slice(1, s.rank())));
      }
    }
  }

  bool supports_masking() const override { return true; }
  Values compute_mask(const Values&, const Values& masks) const override { return {merged_mask(masks)}; }

  Values call_inputs(const Values& inputs, Mode) override {
    Shapes shapes;
    for (const Value& v : inputs) shapes.push_back(v.shape());
    const int rank = largest_rank(shapes);
    Values same_rank;
    for (const Value& v : inputs)
      same_rank.push_back(v.shape().rank() == rank ? v : reshape(v, lifted(v.shape(), rank)));
    return {merge_(same_rank)};
  }

 private:
  Merge merge_;
  std::size_t inputs_;  // 0: any number
};

template <class F>
Value fold(const Values& values, F&& combine) {
  Value result = values[0];
  for (std::size_t i = 1; i < values.size(); ++i) result = combine(result, values[i]);
  return result;
}

Value merge_add(const Values& v) {
  return fold(v, [](const Value& a, const Value& b) { return a + b; });
}
Value merge_subtract(const Values& v) { return v[0] - v[1]; }

/// The mask of input i for every element of it; empty without a mask.
Value counts_in(const Value& x, std::size_t i) {
  const Value mask = current_mask(i);
  return mask && mask.shape().rank() < x.shape().rank() ? broadcast_to(mask_in_rank_of(mask, x), x.shape()) : Value();
}

/// What is masked does not change the product; where everything is, it is 0.
Value merge_multiply(const Values& v) {
  Value product, counted = counts_in(v[0], 0);
  for (std::size_t i = 0; i < v.size(); ++i) {
    const Value counts = counts_in(v[i], i), x = counts ? where(counts, v[i], 1.0) : v[i];
    product = product ? product * x : x;
    counted = counted && counts ? logical_or(counted, counts) : Value();
  }
  return counted ? where(counted, product, 0.0) : product;
}

/// Where one of two is masked, the other one is taken.
template <class F>
Value merge_extreme(const Values& v, F&& choose) {
  Value result = v[0], counted = counts_in(v[0], 0);
  for (std::size_t i = 1; i < v.size(); ++i) {
    const Value counts = counts_in(v[i], i), x = counts ? where(counts, v[i], result) : v[i];
    if (counted) result = where(counted, result, x);
    counted = counted && counts ? logical_or(counted, counts) : Value();
    result = choose(result, x);
  }
  return result;
}

Value merge_average(const Values& v) { return merge_add(v) / static_cast<double>(v.size()); }
Value merge_maximum(const Values& v) {
  return merge_extreme(v, [](const Value& a, const Value& b) { return maximum(a, b); });
}
Value merge_minimum(const Values& v) {
  return merge_extreme(v, [](const Value& a, const Value& b) { return minimum(a, b); });
}

class ConcatenateLayer final : public Base {
 public:
  explicit ConcatenateLayer(ConcatenateOptions options) : o_(std::move(options)) {}

  void check_input_count(std::size_t count) const override {
    if (count == 0) throw Error(describe(), "A `Concatenate` layer should be called on a list of at least 1 input");
  }

  void check_inputs(const Shapes& inputs) const override {
    const int axis = normalize_axis(o_.axis, inputs[0].rank(), describe());
    for (const Shape& s : inputs) {
      bool matches = s.rank() == inputs[0].rank();
      for (int i = 0; matches && i < s.rank(); ++i)
        matches = i == axis || s[i] == inputs[0][i] || s[i] == open_dim || inputs[0][i] == open_dim;
      if (!matches)
        throw Error(describe(),
                    "A `Concatenate` layer requires inputs with matching shapes except for the concatenation axis. "
                    "Received: input_shape=" +
                        to_keras_list(inputs));
    }
  }

  Values call_inputs(const Values& inputs, Mode) override {
    DType common = inputs[0].dtype();
    for (const Value& v : inputs) common = promote(common, v.dtype());
    Values same_type;
    for (const Value& v : inputs) same_type.push_back(cast(v, common));
    return {concatenate(same_type, o_.axis)};
  }

  bool supports_masking() const override { return true; }
  Values compute_mask(const Values& inputs, const Values& masks) const override {
    return {concatenated_mask(inputs, masks, o_.axis)};
  }
  Config config() const override { return write_arguments(concatenate_arguments, o_); }

 private:
  ConcatenateOptions o_;
};

Layer make_merge(const char* class_name, const LayerArguments& o, Value (*merge)(const Values&),
                 std::size_t inputs = 0) {
  return make_named<MergeLayer>(class_name, o.name, o.trainable, merge, inputs);
}
}  // namespace

Layer Add(const LayerArguments& o) { return make_merge("Add", o, merge_add); }
Layer Subtract(const LayerArguments& o) { return make_merge("Subtract", o, merge_subtract, 2); }
Layer Multiply(const LayerArguments& o) { return make_merge("Multiply", o, merge_multiply); }
Layer Average(const LayerArguments& o) { return make_merge("Average", o, merge_average); }
Layer Maximum(const LayerArguments& o) { return make_merge("Maximum", o, merge_maximum); }
Layer Minimum(const LayerArguments& o) { return make_merge("Minimum", o, merge_minimum); }

Layer Concatenate(const ConcatenateOptions& o) {
  return make_named<ConcatenateLayer>("Concatenate", o.name, o.trainable, o);
}

namespace {
const bool registered[] = {
    register_built_in("Add", Add, no_arguments),
    register_built_in("Subtract", Subtract, no_arguments),
    register_built_in("Multiply", Multiply, no_arguments),
    register_built_in("Average", Average, no_arguments),
    register_built_in("Maximum", Maximum, no_arguments),
    register_built_in("Minimum", Minimum, no_arguments),
    register_built_in("Concatenate", Concatenate, concatenate_arguments),
};
}

}  // namespace strata::layers
