#include "layers/padding.h"

#include <algorithm>
#include <vector>

#include "core/base/json.h"
#include "core/ops/ops.h"
#include "layers/checks.h"
#include "layers/registration.h"

namespace strata::layers {
namespace {

// Only the newest versions of Keras know a data_format of ZeroPadding1D, and none of Cropping1D.
constexpr auto padding_1d_arguments = [](auto& field, auto& padding, auto&) {
  field.required("padding", padding);
  field.accepted("data_format", "channels_last");
};
constexpr auto padding_arguments = [](auto& field, auto& padding, auto& o) {
  field.required("padding", padding);
  field("data_format", o.data_format);
};
constexpr auto cropping_1d_arguments = [](auto& field, auto& cropping, auto&) { field.required("cropping", cropping); };
constexpr auto cropping_arguments = [](auto& field, auto& cropping, auto& o) {
  field.required("cropping", cropping);
  field("data_format", o.data_format);
};

using MarginList = std::vector<Margin>;
MarginList list_of(const Margin& m) { return {m}; }
MarginList list_of(const Margins2& m) { return {m.height, m.width}; }
MarginList list_of(const Margins3& m) { return {m.depth, m.height, m.width}; }

/// A layer with an amount at each border. `Margins` are as the user gave them, `Options` those of the layer.
template <class Margins, class Options>
class MarginLayer : public Definition {
 public:
  MarginLayer(const Margins& margins, Options options) : margins_(margins), o_(std::move(options)) {}
  void check_inputs(const Shapes& inputs) const override { require_rank(describe(), inputs[0], spatial_axes() + 2); }

 protected:
  int spatial_axes() const { return static_cast<int>(list_of(margins_).size()); }
  /// The amounts on one side, 0 for batch and channels.
  std::vector<std::int64_t> amounts(std::int64_t Margin::*side) const {
    std::vector<std::int64_t> all{0};
    for (const Margin& m : list_of(margins_)) all.push_back(m.*side);
    all.push_back(0);
    return all;
  }
  Margins margins_;
  Options o_;
};

template <class Margins, class Options>
class ZeroPaddingLayer final : public MarginLayer<Margins, Options> {
 public:
  using MarginLayer<Margins, Options>::MarginLayer;
  Value call(Value x, Mode) override { return pad(x, this->amounts(&Margin::before), this->amounts(&Margin::after)); }
  Config config() const override {
    if constexpr (std::is_same_v<Margins, Margin>)
      return write_arguments(padding_1d_arguments, this->margins_, this->o_);
    else
      return write_arguments(padding_arguments, this->margins_, this->o_);
  }
};

template <class Margins, class Options>
class CroppingLayer final : public MarginLayer<Margins, Options> {
 public:
  using MarginLayer<Margins, Options>::MarginLayer;

  void check_inputs(const Shapes& inputs) const override {
    MarginLayer<Margins, Options>::check_inputs(inputs);
    const auto before = this->amounts(&Margin::before), after = this->amounts(&Margin::after);
    for (int axis = 1; axis <= this->spatial_axes(); ++axis) {
      const std::int64_t size = inputs[0][axis];
      const auto i = static_cast<std::size_t>(axis);
      if (size != open_dim && before[i] + after[i] >= size)
        throw Error(this->describe(),
                    "Values in `cropping` argument should be smaller than the corresponding spatial dimension of the "
                    "input. Received: inputs.shape=" +
                        strata::to_keras_string(inputs[0]) + ", cropping=" + to_json(to_config(this->margins_)));
    }
  }

  Value call(Value x, Mode) override {
    std::vector<std::int64_t> end = this->amounts(&Margin::after);
    for (std::size_t axis = 0; axis < end.size(); ++axis)
      end[axis] = x.shape()[static_cast<std::int64_t>(axis)] - end[axis];
    return slice(x, this->amounts(&Margin::before), end);
  }

  Config config() const override {
    if constexpr (std::is_same_v<Margins, Margin>)
      return write_arguments(cropping_1d_arguments, this->margins_, this->o_);
    else
      return write_arguments(cropping_arguments, this->margins_, this->o_);
  }
};

template <class Margins>
void require_not_negative(std::string_view where, const std::string& argument, const Margins& margins) {
  for (const Margin& m : list_of(margins))
    if (const std::int64_t least = std::min(m.before, m.after); least < 0)
      fail_expected(where, argument + " of at least 0", std::to_string(least));
}

template <template <class, class> class L, class Margins, class Options>
Layer make_margin_layer(const char* class_name, const std::string& argument, const Margins& margins, const Options& o) {
  const std::string where = place(class_name, o.name);
  if constexpr (requires { o.data_format; }) require_channels_last(where, o.data_format);
  require_not_negative(where, argument, margins);
  return make_named<L<Margins, Options>>(class_name, o.name, o.trainable, margins, o);
}
}  // namespace

Layer ZeroPadding1D(Margin padding, const LayerArguments& o) {
  return make_margin_layer<ZeroPaddingLayer>("ZeroPadding1D", "padding", padding, o);
}
Layer ZeroPadding2D(Margins2 padding, const ZeroPadding2DOptions& o) {
  return make_margin_layer<ZeroPaddingLayer>("ZeroPadding2D", "padding", padding, o);
}
Layer ZeroPadding3D(Margins3 padding, const ZeroPadding3DOptions& o) {
  return make_margin_layer<ZeroPaddingLayer>("ZeroPadding3D", "padding", padding, o);
}
Layer Cropping1D(Margin cropping, const LayerArguments& o) {
  return make_margin_layer<CroppingLayer>("Cropping1D", "cropping", cropping, o);
}
Layer Cropping2D(Margins2 cropping, const Cropping2DOptions& o) {
  return make_margin_layer<CroppingLayer>("Cropping2D", "cropping", cropping, o);
}
Layer Cropping3D(Margins3 cropping, const Cropping3DOptions& o) {
  return make_margin_layer<CroppingLayer>("Cropping3D", "cropping", cropping, o);
}

namespace {
const bool registered[] = {
    register_built_in("ZeroPadding1D", ZeroPadding1D, padding_1d_arguments),
    register_built_in("ZeroPadding2D", ZeroPadding2D, padding_arguments),
    register_built_in("ZeroPadding3D", ZeroPadding3D, padding_arguments),
    register_built_in("Cropping1D", Cropping1D, cropping_1d_arguments),
    register_built_in("Cropping2D", Cropping2D, cropping_arguments),
    register_built_in("Cropping3D", Cropping3D, cropping_arguments),
};
}

}  // namespace strata::layers
