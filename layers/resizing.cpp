#include "layers/resizing.h"

#include <algorithm>

#include "core/ops/ops.h"
#include "core/ops/resize_images.h"
#include "layers/checks.h"
#include "layers/registration.h"

namespace strata::layers {
namespace {

/// An argument that older versions of Keras do not know: written only where it differs from what it is without.
template <class Field, class T>
void newer(Field& field, const char* key, T& value, const std::remove_const_t<T>& standard) {
  if constexpr (std::is_same_v<Field, ArgumentWriter>)
    if (value == standard) return;
  field(key, value);
}

constexpr auto resizing_arguments = [](auto& field, auto& height, auto& width, auto& o) {
  field.required("height", height);
  field.required("width", width);
  field("interpolation", o.interpolation);
  field("crop_to_aspect_ratio", o.crop_to_aspect_ratio);
  newer(field, "pad_to_aspect_ratio", o.pad_to_aspect_ratio, false);
  newer(field, "fill_mode", o.fill_mode, "constant");
  newer(field, "fill_value", o.fill_value, 0.0);
  newer(field, "antialias", o.antialias, false);
  newer(field, "data_format", o.data_format, "channels_last");
};
constexpr auto center_crop_arguments = [](auto& field, auto& height, auto& width, auto& o) {
  field.required("height", height);
  field.required("width", width);
  newer(field, "data_format", o.data_format, "channels_last");
};

/// `size` pixels in the middle of each axis.
Value middle_of(const Value& images, std::int64_t height, std::int64_t width) {
  const std::int64_t top = (images.shape()[1] - height) / 2, left = (images.shape()[2] - width) / 2;
  return slice(images, {0, top, left}, {slice_end, top + height, left + width});
}

/// The largest part in the middle with the aspect ratio of height to width, in whole pixels.
Value cut_to_ratio(const Value& images, std::int64_t height, std::int64_t width) {
  const std::int64_t given_height = images.shape()[1], given_width = images.shape()[2];
  return middle_of(images, std::clamp<std::int64_t>(given_width * height / width, 1, given_height),
                   std::clamp<std::int64_t>(given_height * width / height, 1, given_width));
}

Value padded_to_ratio(const Value& images, std::int64_t height, std::int64_t width, double value) {
  const std::int64_t given_height = images.shape()[1], given_width = images.shape()[2];
  const std::int64_t rows = std::max(given_width * height / width - given_height, std::int64_t{0}) / 2;
  const std::int64_t columns = std::max(given_height * width / height - given_width, std::int64_t{0}) / 2;
  return pad(images, {0, rows, columns, 0}, {0, rows, columns, 0}, value);
}

class ResizingLayer final : public Definition {
 public:
  ResizingLayer(std::int64_t height, std::int64_t width, ResizingOptions options)
      : height_(height),
        width_(width),
        o_(std::move(options)),
        interpolation_(interpolation_named(place("Resizing", o_.name), o_.interpolation)) {}

  void check_inputs(const Shapes& inputs) const override { require_rank(describe(), inputs[0], 4); }

  Value call(Value x, Mode) override {
    const DType given = x.dtype();
    x = to_compute(x);
    if (o_.crop_to_aspect_ratio) x = cut_to_ratio(x, height_, width_);
    if (o_.pad_to_aspect_ratio) x = padded_to_ratio(x, height_, width_, o_.fill_value);
    const Value y = resize_images(x, height_, width_, interpolation_, o_.antialias);
    if (is_floating(given)) return y;
    return cast(given == DType::u8 ? clip(round(y), 0, 255) : round(y), given);
  }

  Config config() const override { return write_arguments(resizing_arguments, height_, width_, o_); }

 private:
  std::int64_t height_, width_;
  ResizingOptions o_;
  Interpolation interpolation_;
};

class CenterCropLayer final : public Definition {
 public:
  CenterCropLayer(std::int64_t height, std::int64_t width, CenterCropOptions options)
      : height_(height), width_(width), o_(std::move(options)) {}

  void check_inputs(const Shapes& inputs) const override { require_rank(describe(), inputs[0], 4); }

  Value call(Value x, Mode) override {
    x = to_compute(x);
    if (x.shape()[1] >= height_ && x.shape()[2] >= width_) return middle_of(x, height_, width_);
    return resize_images(cut_to_ratio(x, height_, width_), height_, width_);
  }

  Config config() const override { return write_arguments(center_crop_arguments, height_, width_, o_); }

 private:
  std::int64_t height_, width_;
  CenterCropOptions o_;
};

void require_size(std::string_view where, std::int64_t height, std::int64_t width) {
  require_positive(where, "height", height);
  require_positive(where, "width", width);
}
}  // namespace

Layer Resizing(std::int64_t height, std::int64_t width, const ResizingOptions& o) {
  const std::string where = place("Resizing", o.name);
  require_size(where, height, width);
  require_channels_last(where, o.data_format);
  if (o.fill_mode != "constant")
    throw Error(where, "Invalid value for argument `fill_mode`. Only `'constant'` is supported. Received: fill_mode=" +
                           o.fill_mode);
  if (o.crop_to_aspect_ratio && o.pad_to_aspect_ratio)
    throw Error(where, "Only one of `pad_to_aspect_ratio` & `crop_to_aspect_ratio` can be `True`.");
  return make_named<ResizingLayer>("Resizing", o.name, o.trainable, height, width, o);
}

Layer CenterCrop(std::int64_t height, std::int64_t width, const CenterCropOptions& o) {
  const std::string where = place("CenterCrop", o.name);
  require_size(where, height, width);
  require_channels_last(where, o.data_format);
  return make_named<CenterCropLayer>("CenterCrop", o.name, o.trainable, height, width, o);
}

namespace {
const bool registered[] = {
    register_built_in("Resizing", Resizing, resizing_arguments),
    register_built_in("CenterCrop", CenterCrop, center_crop_arguments),
};
}

}  // namespace strata::layers
