#include "layers/upsampling.h"

#include "core/ops/ops.h"
#include "core/ops/resize_images.h"
#include "layers/checks.h"
#include "layers/registration.h"

namespace strata::layers {
namespace {

constexpr auto arguments_1d = [](auto& field, auto& size, auto&...) { field.required("size", size); };
constexpr auto arguments_2d = [](auto& field, auto& size, auto& o) {
  field.required("size", size);
  field("data_format", o.data_format);
  field("interpolation", o.interpolation);
};
constexpr auto arguments_3d = [](auto& field, auto& size, auto& o) {
  field.required("size", size);
  field("data_format", o.data_format);
};

Value repeated(const Value& x, std::int64_t count, std::int64_t axis) { return count > 1 ? repeat(x, count, axis) : x; }

class UpSampling1DLayer final : public Definition {
 public:
  explicit UpSampling1DLayer(std::int64_t size) : size_(size) {}
  void check_inputs(const Shapes& inputs) const override { require_rank(describe(), inputs[0], 3); }
  Value call(Value x, Mode) override { return repeated(x, size_, 1); }
  Config config() const override { return write_arguments(arguments_1d, size_); }

 private:
  std::int64_t size_;
};

class UpSampling2DLayer final : public Definition {
 public:
  UpSampling2DLayer(const Size2& size, UpSampling2DOptions options)
      : size_(size),
        o_(std::move(options)),
        interpolation_(interpolation_named(place("UpSampling2D", o_.name), o_.interpolation)) {}
  void check_inputs(const Shapes& inputs) const override { require_rank(describe(), inputs[0], 4); }
  Value call(Value x, Mode) override {
    if (interpolation_ == Interpolation::nearest) return repeated(repeated(x, size_.height, 1), size_.width, 2);
    return resize_images(to_compute(x), x.shape()[1] * size_.height, x.shape()[2] * size_.width, interpolation_);
  }
  Config config() const override { return write_arguments(arguments_2d, size_, o_); }

 private:
  Size2 size_;
  UpSampling2DOptions o_;
  Interpolation interpolation_;
};

class UpSampling3DLayer final : public Definition {
 public:
  UpSampling3DLayer(const Size3& size, UpSampling3DOptions options) : size_(size), o_(std::move(options)) {}
  void check_inputs(const Shapes& inputs) const override { require_rank(describe(), inputs[0], 5); }
  Value call(Value x, Mode) override {
    return repeated(repeated(repeated(x, size_.depth, 1), size_.height, 2), size_.width, 3);
  }
  Config config() const override { return write_arguments(arguments_3d, size_, o_); }

 private:
  Size3 size_;
  UpSampling3DOptions o_;
};
}  // namespace

Layer UpSampling1D(std::int64_t size, const LayerArguments& o) {
  if (size < 1)
    throw Error(place("UpSampling1D", o.name),
                "Argument `size` should be a positive integer. Received: size=" + std::to_string(size));
  return make_named<UpSampling1DLayer>("UpSampling1D", o.name, o.trainable, size);
}

Layer UpSampling2D(Size2 size, const UpSampling2DOptions& o) {
  const std::string where = place("UpSampling2D", o.name);
  require_positive(where, "size", size);
  require_channels_last(where, o.data_format);
  return make_named<UpSampling2DLayer>("UpSampling2D", o.name, o.trainable, size, o);
}

Layer UpSampling3D(Size3 size, const UpSampling3DOptions& o) {
  const std::string where = place("UpSampling3D", o.name);
  require_positive(where, "size", size);
  require_channels_last(where, o.data_format);
  return make_named<UpSampling3DLayer>("UpSampling3D", o.name, o.trainable, size, o);
}

namespace {
const bool registered[] = {
    register_built_in("UpSampling1D", UpSampling1D, arguments_1d),
    register_built_in("UpSampling2D", UpSampling2D, arguments_2d),
    register_built_in("UpSampling3D", UpSampling3D, arguments_3d),
};
}

}  // namespace strata::layers
