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
  RescalingLayer(double scale, RescalingOptions options) : scale_(scale), o_(std::move(options)) {}
  Value call(Value x, Mode) override {
    const Value y = to_compute(x) * scale_;
    return o_.offset == 0.0 ? y : y + o_.offset;
  }
  bool supports_masking() const override { return true; }
  Config config() const override { return write_arguments(rescaling_arguments, scale_, o_); }

 private:
  double scale_;
  RescalingOptions o_;
};

class IdentityLayer final : public Definition {
 public:
  Value call(Value x, Mode) override { return identity(x); }
  bool supports_masking() const override { return true; }
};
}  // namespace

Layer Rescaling(double scale, const RescalingOptions& o) {
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
