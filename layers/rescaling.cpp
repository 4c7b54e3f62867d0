#include "layers/rescaling.h"

#include "core/ops/ops.h"
#include "layers/checks.h"

namespace strata::layers {
namespace {

class RescalingLayer final : public Definition {
 public:
  RescalingLayer(double scale, double offset) : scale_(scale), offset_(offset) {}
  Value call(Value x, Mode) override {
    const Value y = to_compute(x) * scale_;
    return offset_ == 0.0 ? y : y + offset_;
  }
  Config config() const override { return {{"scale", scale_}, {"offset", offset_}}; }

 private:
  double scale_, offset_;
};

class IdentityLayer final : public Definition {
 public:
  Value call(Value x, Mode) override { return identity(x); }
};
}  // namespace

Layer Rescaling(double scale, const RescalingOptions& o) {
  return make_named<RescalingLayer>("Rescaling", o.name, o.trainable, scale, o.offset);
}

Layer Identity(const LayerArguments& o) { return make_named<IdentityLayer>("Identity", o.name, o.trainable); }

}  // namespace strata::layers
