#include "layers/rescaling.h"

#include "core/ops/ops.h"
#include "layers/checks.h"
#include "layers/registration.h"

namespace strata::layers {
namespace {

constexpr auto rescaling_arguments = [](auto& field, auto& scale, auto& o) {
  field.required("scale", scale);
  field("offset", o.offset);
};
constexpr auto identity_arguments = [](auto&, auto&) {};

class RescalingLayer final : public Definition {
 public:
  RescalingLayer(const Numbers& scale, RescalingOptions options) : scale_(scale), o_(std::move(options)) {}

  void check_inputs(const Shapes& inputs) const override {
    for (const Numbers* numbers : {&scale_, &o_.offset}) check_broadcast(inputs[0], numbers->array.shape());
  }

  Value call(Value x, Mode) override {
    const Value y =
        is_number(scale_) ? to_compute(x) * number(scale_) : to_compute(x) * in_type_of(to_compute(x), scale_);
    if (!is_number(o_.offset)) return y + in_type_of(y, o_.offset);
    return number(o_.offset) == 0.0 ? y : y + number(o_.offset);
  }
  bool supports_masking() const override { return true; }
  Config config() const override { return write_arguments(rescaling_arguments, scale_, o_); }

 private:
  static bool is_number(const Numbers& n) { return n.array.shape().empty(); }
  static double number(const Numbers& n) { return n.array.item<double>(); }
  static Value in_type_of(const Value& x, const Numbers& n) { return constant(cast(n.array, x.dtype())); }

  /// The numbers belong to the last axes of the input.
  void check_broadcast(const Shape& input, const Shape& numbers) const {
    bool fits = numbers.rank() <= input.rank();
    for (int i = 1; fits && i <= numbers.rank(); ++i)
      fits = numbers[-i] == 1 || input[-i] == open_dim || input[-i] == numbers[-i];
    if (!fits)
      fail_expected(describe(), "an input that numbers of shape " + to_string(numbers) + " broadcast to",
                    to_string(input));
  }

  Numbers scale_;
  RescalingOptions o_;
};

class IdentityLayer final : public Definition {
 public:
  Value call(Value x, Mode) override { return identity(x); }
  bool supports_masking() const override { return true; }
};
}  // namespace

Layer Rescaling(const Numbers& scale, const RescalingOptions& o) {
  if (!scale.given() || !o.offset.given())
    fail_expected(place("Rescaling", o.name), "numbers as scale and offset", "none");
  return make_named<RescalingLayer>("Rescaling", o.name, o.trainable, scale, o);
}

Layer Identity(const LayerArguments& o) { return make_named<IdentityLayer>("Identity", o.name, o.trainable); }

namespace {
const bool registered[] = {
    register_built_in("Rescaling", Rescaling, rescaling_arguments),
    register_built_in("Identity", Identity, identity_arguments),
};
}

}  // namespace strata::layers
