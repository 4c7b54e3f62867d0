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
struct Span {
  std::int64_t first = 0, count = 0;
};

/// How positions along one axis look at pixels.
class Axis {
 public:
  Axis(Interpolation kind, std::int64_t given, std::int64_t size, bool antialias)
      : kind_(kind),
        given_(given),
        size_(size),
        step_(static_cast<double>(given) / static_cast<double>(size)),
        widening_(antialias ? std::max(step_, 1.0) : 1.0) {}

  Span span(std::int64_t i) const {
    if (kind_ == Interpolation::nearest) return {(2 * i + 1) * given_ / (2 * size_), 1};
    if (kind_ == Interpolation::area) {
      const std::int64_t first = i * given_ / size_;
      return {first, ((i + 1) * given_ - 1) / size_ - first + 1};
    }
    const double reach = radius_of(kind_) * widening_;
    const auto first = std::max<std::int64_t>(static_cast<std::int64_t>(std::ceil(center(i) - reach - 0.5)), 0);
    const auto last = std::min(static_cast<std::int64_t>(std::floor(center(i) + reach - 0.5)), given_ - 1);
    return {first, last - first + 1};
  }

  void write_weights(std::int64_t i, const Span& pixels, double* weights) const {
    double total = 0;
    for (std::int64_t k = 0; k < pixels.count; ++k) total += weights[k] = weight(i, pixels.first + k);
    for (std::int64_t k = 0; k < pixels.count; ++k) weights[k] /= total;
  }

 private:
  double center(std::int64_t i) const { return (static_cast<double>(i) + 0.5) * step_; }
  double weight(std::int64_t i, std::int64_t pixel) const {
    if (kind_ == Interpolation::nearest) return 1;
    if (kind_ == Interpolation::area)  // what they share, in units of 1 / size pixels
      return static_cast<double>(std::min((i + 1) * given_, (pixel + 1) * size_) - std::max(i * given_, pixel * size_));
    return kernel(kind_, (static_cast<double>(pixel) + 0.5 - center(i)) / widening_);
  }
  Interpolation kind_;
  std::int64_t given_, size_;
  double step_, widening_;
};

/// A table without weights yet, as wide as the longest span; each span's weights begin at place(table, span, i).
Table table_for(std::int64_t given, const std::vector<Span>& spans) {
  std::int64_t longest = 1;
  for (const Span& span : spans) longest = std::max(longest, span.count);
  const auto size = static_cast<Index>(spans.size());
  Table table{given, size, longest, {}, std::vector<double>(static_cast<std::size_t>(size * longest))};
  table.first.reserve(spans.size());
  for (const Span& span : spans)
    table.first.push_back(static_cast<std::int32_t>(std::min(span.first, given - longest)));
  return table;
}
double* place(Table& table, const Span& span, Index i) {
  return table.weights.data() + i * table.taps + (span.first - table.first[static_cast<std::size_t>(i)]);
}

}  // namespace

Table make_table(Interpolation kind, std::int64_t given, std::int64_t size, bool antialias) {
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  if (given > most || size > most)
    fail_expected("resize_images", "sizes below 2^31", std::to_string(given) + " to " + std::to_string(size));
  const double step = static_cast<double>(given) / static_cast<double>(size);
  const bool widens = antialias || kind == Interpolation::area;
  const auto longest = static_cast<std::size_t>(2 + 2 * radius_of(kind) * (widens ? std::max(step, 1.0) : 1.0));
  AllocationBudget::take_table(size, sizeof(Span) + 3 * longest * sizeof(double));
  const Axis axis(kind, given, size, antialias);
  std::vector<Span> spans;
  spans.reserve(static_cast<std::size_t>(size));
  for (std::int64_t i = 0; i < size; ++i) spans.push_back(axis.span(i));
  Table table = table_for(given, spans);
  for (std::int64_t i = 0; i < size; ++i) {
    const Span& span = spans[static_cast<std::size_t>(i)];
    axis.write_weights(i, span, place(table, span, i));
  }
  return table;
}

Table transposed(const Table& table) {
  // f(position, pixel, weight) for all weights that count, by position.
  const auto for_weights = [&](auto f) {
    for (Index i = 0; i < table.size; ++i)
      for (Index t = 0; t < table.taps; ++t)
        if (const double weight = table.weights[static_cast<std::size_t>(i * table.taps + t)]; weight != 0)
          f(i, table.first[static_cast<std::size_t>(i)] + t, weight);
  };
  // Positions that look at one pixel are neighbours, since `first` never decreases.
  std::vector<Span> spans(static_cast<std::size_t>(table.given));
  for_weights([&](Index i, Index pixel, double) {
    Span& span = spans[static_cast<std::size_t>(pixel)];
    if (span.count == 0) span.first = i;
    span.count = i - span.first + 1;
  });
  Table by_pixel = table_for(table.size, spans);
  for_weights([&](Index i, Index pixel, double weight) {
    const Span& span = spans[static_cast<std::size_t>(pixel)];
    place(by_pixel, span, pixel)[i - span.first] = weight;
  });
  return by_pixel;
}

}  // namespace strata::resizing
