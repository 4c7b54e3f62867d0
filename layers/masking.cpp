#include "layers/masking.h"

#include <algorithm>

#include "core/ops/ops.h"
#include "layers/checks.h"
#include "layers/registration.h"

namespace strata::layers {
namespace {

constexpr auto arguments = [](auto& field, auto& o) { field("mask_value", o.mask_value); };

class MaskingLayer final : public Definition {
 public:
  explicit MaskingLayer(MaskingOptions options) : o_(std::move(options)) {}
  void check_inputs(const Shapes& inputs) const override { require_min_rank(describe(), inputs[0], 2); }
  Value call(Value x, Mode) override {
    const Value counts = any(not_equal(x, o_.mask_value), {-1});
    return with_mask(where(expand_dims(counts, -1), x, 0.0), counts);
  }
  Config config() const override { return write_arguments(arguments, o_); }

 private:
  MaskingOptions o_;
};
}  // namespace

Layer Masking(const MaskingOptions& o) { return make_named<MaskingLayer>("Masking", o.name, o.trainable, o); }

Value merged_mask(const Values& masks) {
  Value merged = masks.at(0);
  for (const Value& mask : masks) {
    if (!mask) return {};
    if (!same(mask, merged)) merged = logical_or(merged, mask);
  }
  return merged;
}

Value mask_in_rank_of(const Value& mask, const Value& x) {
  Shape shape = mask.shape();
  while (shape.rank() < x.shape().rank()) shape.push_back(1);
  return reshape(mask, shape);
}

Value concatenated_mask(const Values& inputs, const Values& masks, std::int64_t axis) {
  Values whole;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Value& x = inputs[i];
    if (!masks.at(i))
      whole.push_back(cast(ones_like(x), DType::boolean));
    else
      whole.push_back(broadcast_to(mask_in_rank_of(masks[i], x), x.shape()));
  }
  return any(concatenate(whole, axis), {-1});
}

namespace {
const bool registered = register_built_in("Masking", Masking, arguments);
}

}  // namespace strata::layers
