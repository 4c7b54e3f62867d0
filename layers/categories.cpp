#include <algorithm>
#include <array>
#include <cmath>

#include "core/ops/ops.h"
#include "layers/adaptable.h"
#include "layers/checks.h"
#include "layers/preprocessing.h"
#include "layers/quantiles.h"
#include "layers/registration.h"
#include "layers/without_trainable.h"

namespace strata::layers {
namespace {

constexpr auto encoding_arguments = [](auto& field, auto& num_tokens, auto& o) {
  field.required("num_tokens", num_tokens);
  field("output_mode", o.output_mode);
  field.accepted("sparse", false);
};

/// Keras writes None where the boundaries are not known.
struct Boundaries {
  std::vector<double> values;
};
ConfigValue to_config(const Boundaries& b) {
  if (b.values.empty()) return nullptr;
  return strata::to_config(b.values);
}
void from_config(const ConfigValue& c, Boundaries& b) {
  if (!c.is_null()) strata::from_config(c, b.values);
}

constexpr auto discretization_arguments = [](auto& field, auto& o) {
  Boundaries boundaries{o.bin_boundaries};
  field("bin_boundaries", boundaries);
  if constexpr (!std::is_const_v<std::remove_reference_t<decltype(o)>>) o.bin_boundaries = boundaries.values;
  field("num_bins", o.num_bins);
  field("epsilon", o.epsilon);
  field("output_mode", o.output_mode);
  field.fixed("sparse", false);
};

template <std::size_t n>
void require_mode(std::string_view where, const std::string& mode, const std::array<std::string_view, n>& known) {
  if (std::ranges::find(known, mode) != known.end()) return;
  std::string all;
  for (const std::string_view name : known) all.append(all.empty() ? "'" : ", '").append(name).append("'");
  fail_expected(where, "an output_mode among " + all, "'" + mode + "'");
}

/// Whether inputs of the rank have an axis over which indices are taken together.
void require_sets(std::string_view where, const std::string& mode, const Shape& input) {
  if (mode == "multi_hot" || mode == "count") require_min_rank(where, input, 2);
}

/// Indices in [0, depth) as the mode says.
Value encoded(const Value& indices, std::int64_t depth, const std::string& mode) {
  const Shape& shape = indices.shape();
  if (mode == "int") return indices;
  if (mode == "one_hot")
    return one_hot(shape.rank() > 1 && shape.back() == 1 ? squeeze(indices, {-1}) : indices, depth);
  const Value each = one_hot(indices, depth);
  return mode == "count" ? sum(each, {1}) : max(each, {1});
}

class CategoryEncodingLayer final : public Definition {
 public:
  CategoryEncodingLayer(std::int64_t num_tokens, CategoryEncodingOptions options)
      : num_tokens_(num_tokens), o_(std::move(options)) {}
  void check_inputs(const Shapes& inputs) const override { require_sets(describe(), o_.output_mode, inputs[0]); }
  Value call(Value x, Mode) override {
    return encoded(is_floating(x.dtype()) || x.dtype() == DType::boolean ? cast(x, DType::i32) : x, num_tokens_,
                   o_.output_mode);
  }
  Config config() const override { return write_arguments(encoding_arguments, num_tokens_, o_); }

 private:
  std::int64_t num_tokens_;
  CategoryEncodingOptions o_;
};

class DiscretizationLayer final : public Adaptable {
 public:
  explicit DiscretizationLayer(DiscretizationOptions options) : o_(std::move(options)) {}

  void check_inputs(const Shapes& inputs) const override { require_sets(describe(), o_.output_mode, inputs[0]); }

  Value call(Value x, Mode) override {
    if (o_.bin_boundaries.empty())
      throw Error(describe(),
                  "You need to either pass the `bin_boundaries` argument at construction time or call "
                  "`adapt` before you can start using the `Discretization` layer.");
    const auto count = static_cast<std::int64_t>(o_.bin_boundaries.size());
    x = cast(x, DType::f32);
    const Value boundaries = cast(constant(Tensor::from({count}, o_.bin_boundaries)), DType::f32);
    const Value reached = expand_dims(x, -1) >= boundaries;
    return encoded(sum(cast(reached, DType::i32), {-1}), count + 1, o_.output_mode);
  }

  void adapt(const Tensors& batches) override {
    if (!o_.num_bins)
      throw Error(describe(),
                  "Cannot adapt a Discretization layer that has been initialized with `bin_boundaries`, use "
                  "`num_bins` instead.");
    Quantiles quantiles(o_.epsilon);
    for (const Tensor& batch : batches) {
      const Tensor values = cast(batch, DType::f64);
      quantiles.add({values.data<double>().begin(), values.data<double>().end()});
    }
    o_.bin_boundaries = quantiles.boundaries(*o_.num_bins);
  }

  Config common_config() const override { return without_trainable(Adaptable::common_config()); }
  Config config() const override { return write_arguments(discretization_arguments, o_); }

 private:
  DiscretizationOptions o_;
};

Layer make_discretization(const DiscretizationOptions& o) {
  const std::string where = place("Discretization", o.name);
  require_mode(where, o.output_mode, std::array<std::string_view, 4>{"int", "one_hot", "multi_hot", "count"});
  if (o.num_bins && *o.num_bins < 1)
    throw Error(where, "`num_bins` must be greater than 0. Received: `num_bins=" + std::to_string(*o.num_bins) + "`");
  if (!o.num_bins && o.bin_boundaries.empty())
    throw Error(where, "You need to set either `num_bins` or `bin_boundaries`.");
  if (!std::ranges::is_sorted(o.bin_boundaries)) throw Error(where, "expected bin_boundaries in ascending order");
  if (!(o.epsilon > 0 && o.epsilon <= 1)) fail_expected(where, "an epsilon above 0, at most 1", to_python(o.epsilon));
  return make_named<DiscretizationLayer>("Discretization", o.name, o.trainable, o);
}
}  // namespace

Layer CategoryEncoding(std::int64_t num_tokens, const CategoryEncodingOptions& o) {
  const std::string where = place("CategoryEncoding", o.name);
  require_mode(where, o.output_mode, std::array<std::string_view, 3>{"multi_hot", "one_hot", "count"});
  if (num_tokens < 1)
    throw Error(where, "`num_tokens` must be >= 1. Received: num_tokens=" + std::to_string(num_tokens) + ".");
  return make_named<CategoryEncodingLayer>("CategoryEncoding", o.name, o.trainable, num_tokens, o);
}

Layer Discretization(const DiscretizationOptions& o) {
  if (o.num_bins && !o.bin_boundaries.empty())
    throw Error(place("Discretization", o.name), "Both `num_bins` and `bin_boundaries` should not be set.");
  return make_discretization(o);
}

namespace {
const bool registered[] = {
    register_built_in("CategoryEncoding", CategoryEncoding, encoding_arguments),
    // One that was adapted has both.
    register_built_in("Discretization", make_discretization, discretization_arguments),
};
}

}  // namespace strata::layers
