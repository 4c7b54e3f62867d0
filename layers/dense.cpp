#include "layers/dense.h"

#include "core/ops/matmul.h"
#include "core/ops/ops.h"
#include "layers/checks.h"
#include "layers/config_values.h"

namespace strata::layers {
namespace {

class DenseLayer final : public Definition {
 public:
  DenseLayer(std::int64_t units, DenseOptions options) : units_(units), o_(std::move(options)) {
    set_activity_regularizer(o_.activity_regularizer);
  }

  void check_inputs(const Shapes& inputs) const override {
    require_min_rank(describe(), inputs[0], 2);
    if (built()) require_axis(describe(), inputs[0], -1, kernel_.shape()[0]);
  }

  void build(const Shape& input) override {
    kernel_ = add_weight("kernel", {known_size(describe(), input, -1), units_}, o_.kernel_initializer,
                         {.regularizer = o_.kernel_regularizer, .constraint = o_.kernel_constraint});
    if (o_.use_bias)
      bias_ = add_weight("bias", {units_}, o_.bias_initializer,
                         {.regularizer = o_.bias_regularizer, .constraint = o_.bias_constraint});
  }

  Value call(Value x, Mode) override {
    Value y = matmul(to_compute(x), kernel_);
    if (o_.use_bias) y = y + bias_;
    return o_.activation(y);
  }

  Config config() const override {
    return {{"units", units_},
            {"activation", to_config(o_.activation)},
            {"use_bias", o_.use_bias},
            {"kernel_initializer", to_config(o_.kernel_initializer)},
            {"bias_initializer", to_config(o_.bias_initializer)},
            {"kernel_regularizer", to_config(o_.kernel_regularizer)},
            {"bias_regularizer", to_config(o_.bias_regularizer)},
            {"activity_regularizer", to_config(o_.activity_regularizer)},
            {"kernel_constraint", to_config(o_.kernel_constraint)},
            {"bias_constraint", to_config(o_.bias_constraint)}};
  }

 private:
  std::int64_t units_;
  DenseOptions o_;
  Variable kernel_, bias_;
};
}  // namespace

Layer Dense(std::int64_t units, const DenseOptions& o) {
  require_positive(place("Dense", o.name), "units", units);
  return make_named<DenseLayer>("Dense", o.name, o.trainable, units, o);
}

}  // namespace strata::layers
