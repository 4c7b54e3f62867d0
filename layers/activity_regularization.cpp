#include "layers/activity_regularization.h"

#include "core/ops/reshape.h"
#include "layers/checks.h"
#include "layers/registration.h"

namespace strata::layers {
namespace {

constexpr auto arguments = [](auto& field, auto& o) {
  field("l1", o.l1);
  field("l2", o.l2);
};

class ActivityRegularizationLayer final : public Definition {
 public:
  explicit ActivityRegularizationLayer(ActivityRegularizationOptions options) : o_(std::move(options)) {
    set_activity_regularizer(regularizers::L1L2(o_.l1, o_.l2));
  }
  Value call(Value x, Mode) override { return identity(to_compute(x)); }
  bool supports_masking() const override { return true; }
  Config config() const override { return write_arguments(arguments, o_); }

 private:
  ActivityRegularizationOptions o_;
};
}  // namespace

Layer ActivityRegularization(const ActivityRegularizationOptions& o) {
  return make_named<ActivityRegularizationLayer>("ActivityRegularization", o.name, o.trainable, o);
}

namespace {
const bool registered = register_built_in("ActivityRegularization", ActivityRegularization, arguments);
}

}  // namespace strata::layers
