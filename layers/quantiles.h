#pragma once

#include <cstdint>
#include <vector>

/// Approximate quantiles of numbers that come in parts, as Keras's Discretization takes them. Internal.
namespace strata::layers {

class Quantiles {
 public:
  /// Keeps about 1 / epsilon numbers, evenly spaced by rank.
  explicit Quantiles(double epsilon) : epsilon_(epsilon) {}
  void add(std::vector<double> values);
  /// The borders between `bins` bins of equal weight: bins - 1 of them, in ascending order; fewer when few numbers
  /// came.
  std::vector<double> boundaries(std::int64_t bins) const;

 private:
  /// A number, and how many it stands for.
  struct Entry {
    double value = 0, weight = 0;
  };
  using Summary = std::vector<Entry>;
  static Summary compressed(const Summary&, double epsilon);
  double epsilon_;
  Summary summary_;
};

}  // namespace strata::layers
