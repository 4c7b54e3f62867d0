#include "data/image.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>

#include "core/base/atomic_file.h"
#include "core/ops/aspect_ratio.h"
#include "core/ops/ops.h"
#include "core/ops/resize_images.h"
#include "data/image_codecs.h"
#include "data/image_decoding.h"
#include "data/image_options.h"

namespace strata::image {

namespace {

using Size = std::array<std::int64_t, 2>;

std::string text_of(const Size& size) { return std::to_string(size[0]) + " x " + std::to_string(size[1]); }

void check_size(std::string_view where, const Size& size) {
  if (size[0] < 1 || size[1] < 1 || size[0] > data::most_image_pixels / size[1])
    fail_expected(where, "a size of 1 to " + std::to_string(data::most_image_pixels) + " pixels", text_of(size));
}

/// `images` as a batch.
Tensor batch_of(std::string_view where, const Tensor& images) {
  if (images.shape().rank() == 3) return expand_dims(images, 0);
  if (images.shape().rank() != 4) fail_expected(where, "images [h,w,c] or [n,h,w,c]", to_string(images.shape()));
  return images;
}

}  // namespace

Tensor resize(const Tensor& images, const Size& size, const ResizeOptions& o) {
  constexpr std::string_view where = "image::resize";
  check_size(where, size);
  const Interpolation interpolation = interpolation_named(where, o.interpolation);
  if (o.crop_to_aspect_ratio && o.pad_to_aspect_ratio)
    throw Error(where, "Only one of `pad_to_aspect_ratio` & `crop_to_aspect_ratio` can be `True`.");
  // At the same size every interpolation gives the same pixels, for less than a small image's decoding.
  const int rank = images.shape().rank();
  const bool fits =
      (rank == 3 || rank == 4) && images.shape()[rank - 3] == size[0] && images.shape()[rank - 2] == size[1];
  if (fits && images.dtype() == DType::f32) return images;
  if (fits && images.dtype() == DType::u8 && interpolation != Interpolation::nearest) return cast(images, DType::f32);
  Tensor batch = batch_of(where, images);
  if (o.crop_to_aspect_ratio) batch = cut_to_ratio(batch, size[0], size[1]);
  if (o.pad_to_aspect_ratio) batch = padded_to_ratio(batch, size[0], size[1], o.fill_value);
  batch = resize_images(batch, size[0], size[1], interpolation, o.antialias);
  return images.shape().rank() == 3 ? squeeze(batch, {0}) : batch;
}

Tensor resize_with_pad(const Tensor& images, const Size& size, const std::string& interpolation, bool antialias) {
  constexpr std::string_view where = "image::resize_with_pad";
  check_size(where, size);
  Tensor batch = batch_of(where, images);
  const auto ratio = [&](std::int64_t axis) {
    return static_cast<double>(batch.shape()[axis + 1]) / static_cast<double>(size[static_cast<std::size_t>(axis)]);
  };
  const double scale = std::max(ratio(0), ratio(1));
  Size inner, before, after;
  for (std::size_t i = 0; i < 2; ++i) {
    const double fitted = static_cast<double>(batch.shape()[static_cast<std::int64_t>(i) + 1]) / scale;
    inner[i] = std::clamp<std::int64_t>(static_cast<std::int64_t>(fitted), 1, size[i]);
    before[i] = std::min(static_cast<std::int64_t>((static_cast<double>(size[i]) - fitted) / 2), size[i] - inner[i]);
    after[i] = size[i] - inner[i] - before[i];
  }
  batch = resize_images(batch, inner[0], inner[1], interpolation_named(where, interpolation), antialias);
  if (!is_floating(batch.dtype())) batch = cast(batch, DType::f32);
  batch = pad(batch, {0, before[0], before[1], 0}, {0, after[0], after[1], 0}, 0.0);
  return images.shape().rank() == 3 ? squeeze(batch, {0}) : batch;
}

void check_options(std::string_view where, const LoadOptions& o) {
  data::channels_of(where, o.color_mode);
  interpolation_named(where, o.interpolation);
  if (o.height != 0 || o.width != 0) check_size(where, {o.height, o.width});
  const bool resizes = o.height > 0;
  if (o.scaled_decoding && !resizes) throw Error(where, "scaled_decoding needs a height and a width");
  if (o.crop_to_aspect_ratio && o.pad_to_aspect_ratio)
    throw Error(where, "Only one of `pad_to_aspect_ratio`, `crop_to_aspect_ratio` can be set to `True`.");
}

Tensor decode(std::string_view bytes, const LoadOptions& o, const std::string& where) {
  check_options(where, o);
  const Size size{o.height, o.width};
  const Tensor image =
      data::decode_image(bytes, data::channels_of(where, o.color_mode), where, o.scaled_decoding ? size : Size{});
  if (size[0] == 0) return cast(image, DType::f32);
  if (o.pad_to_aspect_ratio) return resize_with_pad(image, size, o.interpolation, o.antialias);
  const Tensor resized = resize(
      image, size,
      {.interpolation = o.interpolation, .antialias = o.antialias, .crop_to_aspect_ratio = o.crop_to_aspect_ratio});
  return cast(resized, DType::f32);
}

Tensor load(const std::string& path, const LoadOptions& o) {
  check_options("image::load", o);
  return decode(data::read_image_file(path), o, path);
}

namespace {

/// u8 [h,w,c] of what save() takes.
Tensor bytes_of(const std::string& path, Tensor image, int most_channels) {
  if (image.shape().rank() == 4 && image.shape()[0] == 1) image = squeeze(image, {0});
  const bool is_image = image.shape().rank() == 3 && image.size() > 0;
  const std::int64_t channels = is_image ? image.shape()[2] : 0;
  if (!is_image || (channels != 1 && channels != 3 && channels != most_channels))
    fail_expected(path,
                  std::string("an image [h,w,c] of 1") + (most_channels == 4 ? ", 3 or 4" : " or 3") + " channels",
                  to_string(image.shape()));
  image = image.to(Device{});
  if (image.dtype() == DType::u8) return image;
  if (!is_floating(image.dtype())) fail_expected(path, "an image of u8 or a floating type", to_string(image.type()));
  image = cast(image, DType::f32);
  if (std::ranges::any_of(image.data<float>(), [](float value) { return std::isnan(value); }))
    throw Error(path, "the image holds NaN");
  return cast(clip(round(image), 0, 255), DType::u8);
}

}  // namespace

void save(const std::string& path, const Tensor& image, const SaveOptions& o) {
  std::string ending = std::filesystem::path(path).extension().string();
  std::ranges::transform(ending, ending.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const bool is_jpeg = ending == ".jpg" || ending == ".jpeg";
  if (!is_jpeg && ending != ".png")
    fail_expected(path, "a name that ends in .png, .jpg or .jpeg", ending.empty() ? "none of them" : ending);
  if (o.quality < 1 || o.quality > 100) fail_expected(path, "a quality of 1 to 100", std::to_string(o.quality));
  const Tensor pixels = bytes_of(path, image, is_jpeg ? 3 : 4);
  AtomicFile file(path);
  file.write(is_jpeg ? data::encode_jpeg(pixels, o.quality, path) : data::encode_png(pixels, path));
  file.commit();
}

}  // namespace strata::image

namespace strata::data {

int channels_of(std::string_view where, const std::string& color_mode) {
  if (color_mode == "grayscale") return 1;
  if (color_mode == "rgb") return 3;
  if (color_mode == "rgba") return 4;
  fail_expected(where, R"(color_mode "grayscale", "rgb" or "rgba")", "\"" + color_mode + "\"");
}

}  // namespace strata::data
