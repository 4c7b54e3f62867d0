#pragma once

#include <string>
#include <vector>

#include "core/base/export.h"

namespace strata {

/// A chart of horizontal bars as SVG: a title, then panels from top to bottom.
class STRATA_API BarChart {
 public:
  struct Bar {
    std::string label;          ///< to its left
    std::vector<double> parts;  ///< from left to right, the first in a stronger color
    double low = 0, high = 0;   ///< a range that is drawn over it; equal: none
    std::string value;          ///< written to its right
  };

  /// `label_width`: room for the labels, of 760 in all.
  BarChart(const std::string& title, const std::string& subtitle, double label_width = 72);
  /// A heading and bars, on one scale of their own.
  void add(const std::string& heading, const std::vector<Bar>& bars);
  std::string svg() const;

 private:
  void text(double x, double y, const std::string& words, int size, const char* fill, bool bold = false);
  void rectangle(double x, double y, double width, const char* fill);
  void line(double x1, double y1, double x2, double y2);
  void range(double from, double to, double middle);

  double bar_left_, y_;
  std::string body_;
};

}  // namespace strata
