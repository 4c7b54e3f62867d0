#include "layers/dense.h"

#include "core/ops/matmul.h"
#include "core/ops/ops.h"
#include "layers/checks.h"
#include "layers/registration.h"

namespace strata::layers {
namespace {

constexpr auto arguments = [](auto& field, auto& units, auto& o) {
  field.required("units", units);
  field("activation", o.activation);
  field("use_bias", o.use_bias);
  field("kernel_initializer", o.kernel_initializer);
  field("bias_initializer", o.bias_initializer);
  field("kernel_regularizer", o.kernel_regularizer);
  field("bias_regularizer", o.bias_regularizer);
  field("activity_regularizer", o.activity_regularizer);
  field("kernel_constraint", o.kernel_constraint);
  field("bias_constraint", o.bias_constraint);
};

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

  bool supports_masking() const override { return true; }
  Config config() const override { return write_arguments(arguments, units_, o_); }

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

namespace {
const bool registered = register_built_in("Dense", Dense, arguments);
}

}  // namespace strata::layers
