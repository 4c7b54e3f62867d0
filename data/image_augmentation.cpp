#include "data/image_augmentation.h"

#include <string>

#include "core/base/error.h"
#include "core/ops/binary.h"
#include "core/ops/concatenate.h"
#include "core/ops/image.h"
#include "core/ops/random.h"

namespace strata::image {

namespace {
/// How many images there are.
std::int64_t count_of(const char* function, const Tensor& images) {
  const int rank = images.defined() ? images.shape().rank() : 0;
  if (rank != 3 && rank != 4) fail_expected(function, "images [H,W,C] or [N,H,W,C]", to_string(images));
  return rank == 4 ? images.shape()[0] : 1;
}

Tensor chosen(const char* function, const Tensor& images) {
  return random::uniform({count_of(function, images)}) < 0.5;
}

Tensor amounts(const char* function, const Tensor& images, double lower, double upper) {
  return random::uniform({count_of(function, images)}, lower, upper);
}

void require_delta(const char* function, double delta, double most) {
  if (!(delta >= 0 && delta <= most))
    fail_expected(function, "max_delta in [0, " + std::to_string(most) + "]", std::to_string(delta));
}
void require_factors(const char* function, double lower, double upper) {
  if (!(lower >= 0 && lower < upper))
    fail_expected(function, "0 <= lower < upper", std::to_string(lower) + " and " + std::to_string(upper));
}
}  // namespace

Tensor random_flip_left_right(const Tensor& images) {
  return flip_left_right(images, chosen("image.random_flip_left_right", images));
}
Tensor random_flip_up_down(const Tensor& images) {
  return flip_up_down(images, chosen("image.random_flip_up_down", images));
}

Tensor random_brightness(const Tensor& images, double max_delta) {
  const char* const function = "image.random_brightness";
  if (!(max_delta >= 0)) fail_expected(function, "max_delta of 0 or more", std::to_string(max_delta));
  return adjust_brightness(images, amounts(function, images, -max_delta, max_delta));
}
Tensor random_contrast(const Tensor& images, double lower, double upper) {
  const char* const function = "image.random_contrast";
  require_factors(function, lower, upper);
  return adjust_contrast(images, amounts(function, images, lower, upper));
}
Tensor random_hue(const Tensor& images, double max_delta) {
  const char* const function = "image.random_hue";
  require_delta(function, max_delta, 0.5);
  return adjust_hue(images, amounts(function, images, -max_delta, max_delta));
}
Tensor random_saturation(const Tensor& images, double lower, double upper) {
  const char* const function = "image.random_saturation";
  require_factors(function, lower, upper);
  return adjust_saturation(images, amounts(function, images, lower, upper));
}

Tensor random_crop(const Tensor& images, const std::array<std::int64_t, 2>& size) {
  const char* const function = "image.random_crop";
  const std::int64_t count = count_of(function, images);
  const int rank = images.shape().rank();
  const std::int64_t height = images.shape()[rank - 3], width = images.shape()[rank - 2];
  if (size[0] < 1 || size[1] < 1 || size[0] > height || size[1] > width)
    fail_expected(function, "a size within " + to_string(images.type()),
                  std::to_string(size[0]) + " x " + std::to_string(size[1]));
  const Tensor tops = random::randint({count}, 0, height - size[0] + 1, DType::i64).to(Device{});
  const Tensor lefts = random::randint({count}, 0, width - size[1] + 1, DType::i64).to(Device{});
  if (rank == 3) return crop(images, tops.at<std::int64_t>(0), lefts.at<std::int64_t>(0), size[0], size[1]);
  Tensors parts;
  for (std::int64_t i = 0; i < count; ++i)
    parts.push_back(crop(images.rows(i, i + 1), tops.at<std::int64_t>(i), lefts.at<std::int64_t>(i), size[0], size[1]));
  return count == 0 ? crop(images, 0, 0, size[0], size[1]) : concatenate(parts, 0);
}

}  // namespace strata::image
