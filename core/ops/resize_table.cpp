#include "core/ops/resize_table.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>

#include "core/base/error.h"
#include "core/device/allocation_budget.h"

namespace strata::resizing {
namespace {

using kernels::Index;

double radius_of(Interpolation kind) {
  switch (kind) {
    case Interpolation::nearest:
    case Interpolation::area:
      return 0.5;
    case Interpolation::bilinear:
      return 1;
    case Interpolation::gaussian:
      return 1.5;
    case Interpolation::bicubic:
    case Interpolation::mitchellcubic:
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

/// The weight of a pixel at this distance, before they are scaled to a sum of 1.
double kernel(Interpolation kind, double distance) {
  const double x = std::abs(distance), radius = radius_of(kind);
  if (x >= radius) return 0;
  switch (kind) {
    case Interpolation::bilinear:
      return 1 - x;
    case Interpolation::bicubic:
      return x < 1 ? (1.5 * x - 2.5) * x * x + 1 : ((-0.5 * x + 2.5) * x - 4) * x + 2;
    case Interpolation::mitchellcubic:
      return (x < 1 ? (7 * x - 12) * x * x + 16.0 / 3 : ((-7.0 / 3 * x + 12) * x - 20) * x + 32.0 / 3) / 6;
    case Interpolation::gaussian:
      return std::exp(-2 * x * x);  // a third of the radius is the standard deviation
    default:
      return lanczos(x, radius);
  }
}

/// The pixels behind one position, neighbours.
struct Taps {
  std::int64_t first = 0;
  std::vector<double> weights;
};

/// As much of each pixel as lies in the position's part of the image.
Taps overlaps(std::int64_t i, std::int64_t size, std::int64_t given) {
  const std::int64_t begin = i * given, end = begin + given;  // in units of 1 / size pixels
  Taps taps{begin / size, {}};
  for (std::int64_t pixel = taps.first; pixel * size < end; ++pixel) {
    const std::int64_t overlap = std::min(end, (pixel + 1) * size) - std::max(begin, pixel * size);
    taps.weights.push_back(static_cast<double>(overlap) / static_cast<double>(given));
  }
  return taps;
}

Taps taps_of(Interpolation kind, std::int64_t i, std::int64_t size, std::int64_t given, bool antialias) {
  if (kind == Interpolation::nearest) return {(2 * i + 1) * given / (2 * size), {1}};
  if (kind == Interpolation::area) return overlaps(i, size, given);
  const double step = static_cast<double>(given) / static_cast<double>(size);
  const double widening = antialias ? std::max(step, 1.0) : 1.0, reach = radius_of(kind) * widening;
  const double center = (static_cast<double>(i) + 0.5) * step;
  const auto first = std::max<std::int64_t>(static_cast<std::int64_t>(std::ceil(center - reach - 0.5)), 0);
  const auto last = std::min(static_cast<std::int64_t>(std::floor(center + reach - 0.5)), given - 1);
  Taps taps{first, {}};
  double total = 0;
  for (std::int64_t pixel = first; pixel <= last; ++pixel) {
    taps.weights.push_back(kernel(kind, (static_cast<double>(pixel) + 0.5 - center) / widening));
    total += taps.weights.back();
  }
  for (double& weight : taps.weights) weight /= total;
  return taps;
}

/// Brings all positions to the same number of taps.
Table padded(std::int64_t given, const std::vector<Taps>& positions) {
  std::size_t longest = 1;
  for (const Taps& taps : positions) longest = std::max(longest, taps.weights.size());
  const auto size = static_cast<Index>(positions.size()), length = static_cast<Index>(longest);
  Table table{given, size, length, {}, std::vector<double>(positions.size() * longest)};
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const std::int64_t first = std::min<std::int64_t>(positions[i].first, given - length);
    table.first.push_back(static_cast<std::int32_t>(first));
    const auto shift = static_cast<std::size_t>(positions[i].first - first);
    std::ranges::copy(positions[i].weights, table.weights.begin() + static_cast<Index>(i * longest + shift));
  }
  return table;
}

}  // namespace

Table make_table(Interpolation kind, std::int64_t given, std::int64_t size, bool antialias) {
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  if (given > most || size > most)
    fail_expected("resize_images", "sizes below 2^31", std::to_string(given) + " to " + std::to_string(size));
  const double step = static_cast<double>(given) / static_cast<double>(size);
  const bool widens = antialias || kind == Interpolation::area;
  const auto longest = static_cast<std::size_t>(2 + 2 * radius_of(kind) * (widens ? std::max(step, 1.0) : 1.0));
  AllocationBudget::take_table(size, sizeof(Taps) + 3 * longest * sizeof(double));
  std::vector<Taps> positions;
  for (std::int64_t i = 0; i < size; ++i) positions.push_back(taps_of(kind, i, size, given, antialias));
  return padded(given, positions);
}

Table transposed(const Table& table) {
  // Positions that look at one pixel are neighbours, since `first` never decreases.
  std::vector<Taps> pixels(static_cast<std::size_t>(table.given));
  for (Index i = 0; i < table.size; ++i)
    for (Index t = 0; t < table.taps; ++t) {
      const double weight = table.weights[static_cast<std::size_t>(i * table.taps + t)];
      if (weight == 0) continue;
      Taps& pixel = pixels[static_cast<std::size_t>(table.first[static_cast<std::size_t>(i)] + t)];
      if (pixel.weights.empty()) pixel.first = i;
      pixel.weights.resize(static_cast<std::size_t>(i - pixel.first));
      pixel.weights.push_back(weight);
    }
  return padded(table.size, pixels);
}

}  // namespace strata::resizing
