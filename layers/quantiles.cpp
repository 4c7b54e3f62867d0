#include "layers/quantiles.h"

#include <algorithm>
#include <cmath>

namespace strata::layers {

namespace {
/// y at x on the line through points with ascending xs; the first or last y outside.
double interpolate(double x, const std::vector<double>& xs, const std::vector<double>& ys) {
  const auto above = std::upper_bound(xs.begin(), xs.end(), x) - xs.begin();
  if (above == 0) return ys.front();
  const auto i = static_cast<std::size_t>(above);
  if (i == xs.size()) return ys.back();
  return ys[i - 1] + (ys[i] - ys[i - 1]) * (x - xs[i - 1]) / (xs[i] - xs[i - 1]);
}
}  // namespace

/// New entries at the multiples of epsilon of the total weight.
Quantiles::Summary Quantiles::compressed(const Summary& summary, double epsilon) {
  if (static_cast<double>(summary.size()) * epsilon < 1) return summary;
  std::vector<double> values, cumulative, shares;
  double total = 0;
  for (const Entry& entry : summary) {
    values.push_back(entry.value);
    cumulative.push_back(total += entry.weight);
  }
  for (const double weight : cumulative) shares.push_back(weight / total);
  Summary result;
  double before = 0;
  const auto count = static_cast<std::int64_t>(std::ceil(1 / epsilon));
  for (std::int64_t i = 0; i < count; ++i) {
    const double share = epsilon + epsilon * static_cast<double>(i);
    const double weight = interpolate(share, shares, cumulative);
    // Keras keeps its summaries in single precision.
    result.push_back({static_cast<float>(interpolate(share, shares, values)), static_cast<float>(weight - before)});
    before = weight;
  }
  return result;
}

void Quantiles::add(std::vector<double> values) {
  if (values.empty()) return;
  std::ranges::sort(values);
  const double step = std::max(static_cast<double>(values.size()) * epsilon_, 1.0);
  for (auto i = static_cast<std::size_t>(step - 1); i < values.size(); i += static_cast<std::size_t>(step))
    summary_.push_back({values[i], step});
  std::ranges::stable_sort(summary_, {}, &Entry::value);
  summary_ = compressed(summary_, epsilon_);
}

std::vector<double> Quantiles::boundaries(std::int64_t bins) const {
  std::vector<double> result;
  for (const Entry& entry : compressed(summary_, 1.0 / static_cast<double>(bins))) result.push_back(entry.value);
  if (!result.empty()) result.pop_back();
  return result;
}

}  // namespace strata::layers
