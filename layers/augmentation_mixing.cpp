// Layers that mix the images of a batch, and their labels.
#include "core/ops/ops.h"
#include "layers/augmentation.h"
#include "layers/augmentation_layer.h"
#include "layers/checks.h"
#include "layers/registration.h"

namespace strata::layers {
namespace {

constexpr auto cut_mix_arguments = [](auto& field, auto& o) {
  field("data_format", o.data_format);
  field("factor", o.factor);
  field.seed("seed", o.seed);
};
constexpr auto mix_up_arguments = [](auto& field, auto& o) {
  field("data_format", o.data_format);
  field("alpha", o.alpha);
  field.seed("seed", o.seed);
};

/// A layer of {images} or {images, labels} that mixes each with another one of the batch.
template <class Options>
class Mixing : public Base {
 public:
  explicit Mixing(Options options) : o_(std::move(options)) {}

  void check_input_count(std::size_t count) const override {
    if (count < 1 || count > 2)
      fail_expected(describe(), "{images} or {images, labels}", std::to_string(count) + " inputs");
  }
  void check_inputs(const Shapes& inputs) const override {
    require_rank(describe(), inputs[0], 4);
    if (inputs.size() < 2) return;
    require_rank(describe() + " labels", inputs[1], 2);
    if (inputs[1][0] != inputs[0][0])
      fail_expected(describe(), "as many labels as images " + to_string(inputs[0]), to_string(inputs[1]));
  }
  void build_inputs(const Shapes&) override { state_ = add_seed_state(o_.seed); }

  Values call_inputs(const Values& inputs, Mode mode) override {
    Values outputs;
    for (const Value& x : inputs) outputs.push_back(to_compute(x));
    if (mode != Mode::train) return outputs;
    advance_seed(state_);
    const std::int64_t n = outputs[0].shape()[0];
    const Draws draws(*this, state_, n);
    const Value order = top_k(draws.uniform(Shape{n}), n)[1];
    mix(
        outputs, [&](const Value& x) { return gather(x, order, 0); }, draws);
    return outputs;
  }

 protected:
  using Partner = std::function<Value(const Value&)>;
  /// Puts the mixtures in the place of images and labels; partner(x) is what each row of x is mixed with.
  virtual void mix(Values& inputs, const Partner& partner, const Draws& draws) const = 0;

  /// share a + (1 - share) b, where shares are f32 [n].
  static Value mixture(const Value& a, const Value& b, const Value& shares) {
    Shape along_rows(std::vector<std::int64_t>(static_cast<std::size_t>(a.shape().rank()), 1));
    along_rows[0] = a.shape()[0];
    const Value share = cast(reshape(shares, along_rows), a.dtype());
    return share * a + (1 - share) * b;
  }
  Options o_;

 private:
  Variable state_;
};

class CutMixLayer final : public Mixing<CutMixOptions> {
 public:
  using Mixing::Mixing;
  Config config() const override { return write_arguments(cut_mix_arguments, o_); }

 protected:
  void mix(Values& inputs, const Partner& partner, const Draws& draws) const override {
    const Shape& images = inputs[0].shape();
    const auto rows = static_cast<double>(images[1]), columns = static_cast<double>(images[2]);
    const Value alpha = reshape(within(o_.factor, draws.uniform(Shape{1})) + 1e-6, Shape{});
    const Value side = sqrt(1 - draws.beta(alpha));            // of the patch, as a share of the image's
    const Value height = side * rows, width = side * columns;  // not rounded
    const Value in_rows = in_random_interval(draws, height, images[1], 1);
    const Value in_columns = in_random_interval(draws, width, images[2], 2);
    const Value partners = partner(inputs[0]);
    inputs[0] = where(logical_and(in_rows, in_columns), partners, inputs[0]);
    if (inputs.size() < 2) return;
    const Value kept = 1 - height * width * (1 / (rows * columns));
    inputs[1] = mixture(inputs[1], partner(inputs[1]), kept);
  }
};

class MixUpLayer final : public Mixing<MixUpOptions> {
 public:
  using Mixing::Mixing;
  Config config() const override { return write_arguments(mix_up_arguments, o_); }

 protected:
  void mix(Values& inputs, const Partner& partner, const Draws& draws) const override {
    const Value alpha = constant(Tensor::scalar(static_cast<float>(o_.alpha)));
    const Value shares = draws.beta(alpha);
    for (Value& x : inputs) x = mixture(x, partner(x), shares);
  }
};
}  // namespace

Layer CutMix(const CutMixOptions& options) {
  CutMixOptions o = options;
  const std::string where = place("CutMix", o.name);
  o.factor = signed_factor(where, "factor", o.factor, 0, 1);
  require_channels_last(where, o.data_format);
  return make_named<CutMixLayer>("CutMix", o.name, o.trainable, o);
}

Layer MixUp(const MixUpOptions& o) {
  const std::string where = place("MixUp", o.name);
  if (!(o.alpha > 0)) fail_expected(where, "an alpha above 0", to_python(o.alpha));
  require_channels_last(where, o.data_format);
  return make_named<MixUpLayer>("MixUp", o.name, o.trainable, o);
}

namespace {
const bool registered[] = {
    register_built_in("CutMix", CutMix, cut_mix_arguments),
    register_built_in("MixUp", MixUp, mix_up_arguments),
};
}

}  // namespace strata::layers
