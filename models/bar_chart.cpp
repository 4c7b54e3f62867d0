#include "models/bar_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace strata {

namespace {
constexpr double width = 760, margin = 32, value_width = 168;
constexpr double row_height = 30, bar_height = 18;
constexpr const char* ink = "#1f2933";
constexpr const char* quiet = "#6b7785";
constexpr const char* rail = "#eef1f4";
constexpr const char* blue = "#2f6fde";
constexpr const char* pale_blue = "#a9c5f5";

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text)
    out += c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '"' ? "&quot;" : std::string(1, c);
  return out;
}

double length_of(const BarChart::Bar& bar) {
  return std::max(std::accumulate(bar.parts.begin(), bar.parts.end(), 0.0), bar.high);
}
}  // namespace

BarChart::BarChart(const std::string& title, const std::string& subtitle, double label_width)
    : bar_left_(margin + label_width), y_(92) {
  text(margin, 44, title, 20, ink, true);
  text(margin, 66, subtitle, 13, quiet);
}

void BarChart::add(const std::string& heading, const std::vector<Bar>& bars) {
  const double room = width - bar_left_ - value_width - margin;
  text(margin, y_ + 14, heading, 14, ink, true);
  y_ += 26;
  double longest = 0;
  for (const Bar& bar : bars) longest = std::max(longest, length_of(bar));
  const double scale = longest > 0 ? room / longest : 0;
  for (const Bar& bar : bars) {
    text(margin, y_ + 14, bar.label, 13, quiet);
    rectangle(bar_left_, y_, room, rail);
    double x = bar_left_;
    for (std::size_t p = 0; p < bar.parts.size(); ++p) {
      rectangle(x, y_, bar.parts[p] * scale, p == 0 ? blue : pale_blue);
      x += bar.parts[p] * scale;
    }
    if (bar.high > bar.low) range(bar_left_ + bar.low * scale, bar_left_ + bar.high * scale, y_ + bar_height / 2);
    text(bar_left_ + room + 12, y_ + 14, bar.value, 13, ink);
    y_ += row_height;
  }
  y_ += 14;
}

std::string BarChart::svg() const {
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" "
      "height=\"{1:.0f}\" "
      "font-family=\"Inter, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif\">\n"
      "  <rect width=\"{0:.0f}\" height=\"{1:.0f}\" fill=\"#ffffff\"/>\n{2}</svg>\n",
      width, y_ + 4, body_);
}

void BarChart::text(double x, double y, const std::string& words, int size, const char* fill, bool bold) {
  body_ += fmt::format("  <text x=\"{:.1f}\" y=\"{:.1f}\" font-size=\"{}\" fill=\"{}\"{}>{}</text>\n", x, y, size, fill,
                       bold ? " font-weight=\"600\"" : "", escaped(words));
}

void BarChart::rectangle(double x, double y, double w, const char* fill) {
  body_ += fmt::format("  <rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" rx=\"2\" fill=\"{}\"/>\n",
                       x, y, std::max(w, 0.0), bar_height, fill);
}

void BarChart::line(double x1, double y1, double x2, double y2) {
  body_ += fmt::format(
      "  <line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\" stroke-width=\"1.5\"/>\n", x1, y1,
      x2, y2, ink);
}

void BarChart::range(double from, double to, double middle) {
  line(from, middle, to, middle);
  for (const double end : {from, to}) line(end, middle - 4, end, middle + 4);
}

}  // namespace strata
