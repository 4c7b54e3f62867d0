#include "layers/image_resize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>
#include <vector>

#include "core/device/allocation_budget.h"
#include "core/ops/ops.h"
#include "layers/checks.h"

namespace strata::layers {
namespace {

double radius_of(Interpolation kind) {
  switch (kind) {
    case Interpolation::nearest:
      return 0;
    case Interpolation::bilinear:
      return 1;
    case Interpolation::bicubic:
      return 2;
    case Interpolation::lanczos3:
      return 3;
    case Interpolation::lanczos5:
      return 5;
  }
  return 0;
}

double lanczos(double x, double radius) {
  if (x < 1e-3) return 1;
  const double pi_x = std::numbers::pi * x;
  return radius * std::sin(pi_x) * std::sin(pi_x / radius) / (pi_x * pi_x);
}

/// The weight of a pixel at this distance.
double kernel(Interpolation kind, double distance) {
  const double x = std::abs(distance), radius = radius_of(kind);
  if (x >= radius) return 0;
  if (kind == Interpolation::bilinear) return 1 - x;
  if (kind == Interpolation::bicubic) return x < 1 ? (1.5 * x - 2.5) * x * x + 1 : ((-0.5 * x + 2.5) * x - 4) * x + 2;
  return lanczos(x, radius);
}

struct Tap {
  std::int32_t pixel = 0;
  double weight = 0;
};
using Taps = std::vector<Tap>;

/// The pixels behind position `i` of `size`, of `given` pixels.
Taps taps_of(Interpolation kind, std::int64_t i, std::int64_t size, std::int64_t given, bool antialias) {
  if (kind == Interpolation::nearest)
    return {{static_cast<std::int32_t>(std::min((2 * i + 1) * given / (2 * size), given - 1)), 1}};
  const double step = static_cast<double>(given) / static_cast<double>(size);
  const double widening = antialias ? std::max(step, 1.0) : 1.0, reach = radius_of(kind) * widening;
  const double center = (static_cast<double>(i) + 0.5) * step;
  const auto first = std::max<std::int64_t>(static_cast<std::int64_t>(std::ceil(center - reach - 0.5)), 0);
  const auto last = std::min(static_cast<std::int64_t>(std::floor(center + reach - 0.5)), given - 1);
  Taps taps;
  double total = 0;
  for (std::int64_t pixel = first; pixel <= last; ++pixel) {
    const double weight = kernel(kind, (static_cast<double>(pixel) + 0.5 - center) / widening);
    if (weight == 0) continue;
    taps.push_back({static_cast<std::int32_t>(pixel), weight});
    total += weight;
  }
  for (Tap& tap : taps) tap.weight /= total;
  return taps;
}

/// Error for sizes whose table of taps cannot be, or is more than a file may ask for.
void check_table(Interpolation kind, std::int64_t given, std::int64_t size, bool antialias) {
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  if (given > most || size > most)
    fail_expected("resize", "sizes below 2^31", std::to_string(given) + " to " + std::to_string(size));
  const double widening = antialias ? std::max(static_cast<double>(given) / static_cast<double>(size), 1.0) : 1.0;
  const double taps = 1 + 2 * radius_of(kind) * widening;
  AllocationBudget::take_table(size, sizeof(Taps) + static_cast<std::size_t>(2 * taps) * sizeof(Tap));
}

/// `size` positions along `axis`, each a weighted sum of pixels: as many gathers as the longest sum has terms.
Value resize_axis(const Value& x, std::int64_t axis, std::int64_t size, Interpolation kind, bool antialias) {
  const std::int64_t given = x.shape()[axis];
  if (given == size || given == 0) return x;
  check_table(kind, given, size, antialias);
  std::vector<Taps> positions;
  std::size_t longest = 1;
  for (std::int64_t i = 0; i < size; ++i) {
    positions.push_back(taps_of(kind, i, size, given, antialias));
    longest = std::max(longest, positions.back().size());
  }
  Shape along_axis(std::vector<std::int64_t>(static_cast<std::size_t>(x.shape().rank()), 1));
  along_axis[axis] = size;
  Value sum;
  for (std::size_t term = 0; term < longest; ++term) {
    std::vector<std::int32_t> pixels;
    std::vector<double> weights;
    for (const Taps& taps : positions) {
      const Tap tap = term < taps.size() ? taps[term] : Tap{};
      pixels.push_back(tap.pixel);
      weights.push_back(tap.weight);
    }
    const Value picked = gather(x, constant(Tensor::from({size}, pixels)), axis);
    if (kind == Interpolation::nearest) return picked;
    const Value part = picked * cast(constant(Tensor::from(along_axis, weights)), x.dtype());
    sum = sum ? sum + part : part;
  }
  return sum;
}
}  // namespace

Interpolation interpolation_named(std::string_view where, const std::string& name) {
  constexpr std::array<std::pair<std::string_view, Interpolation>, 5> known{{{"nearest", Interpolation::nearest},
                                                                             {"bilinear", Interpolation::bilinear},
                                                                             {"bicubic", Interpolation::bicubic},
                                                                             {"lanczos3", Interpolation::lanczos3},
                                                                             {"lanczos5", Interpolation::lanczos5}}};
  for (const auto& [known_name, kind] : known)
    if (name == known_name) return kind;
  fail_expected(where, "interpolation \"nearest\", \"bilinear\", \"bicubic\", \"lanczos3\" or \"lanczos5\"",
                "\"" + name + "\"" + (name == "area" ? ", which Keras has with TensorFlow only" : ""));
}

Value resize_images(const Value& images, std::int64_t height, std::int64_t width, Interpolation kind, bool antialias) {
  const Value x = kind == Interpolation::nearest ? images : to_compute(images);
  return resize_axis(resize_axis(x, 1, height, kind, antialias), 2, width, kind, antialias);
}

Value middle_of(const Value& images, std::int64_t height, std::int64_t width) {
  const std::int64_t top = (images.shape()[1] - height) / 2, left = (images.shape()[2] - width) / 2;
  return slice(images, {0, top, left}, {slice_end, top + height, left + width});
}

Value cut_to_ratio(const Value& images, std::int64_t height, std::int64_t width) {
  const std::int64_t given_height = images.shape()[1], given_width = images.shape()[2];
  return middle_of(images, std::clamp<std::int64_t>(given_width * height / width, 1, given_height),
                   std::clamp<std::int64_t>(given_height * width / height, 1, given_width));
}

}  // namespace strata::layers
