// The chart of a comparison of devices, as SVG.
#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "models/compare_devices.h"
#include "models/quantities.h"

namespace strata {

namespace {
constexpr double width = 760, margin = 32, label_width = 72, value_width = 168;
constexpr double bar_left = margin + label_width, bar_room = width - bar_left - value_width - margin;
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

/// Shapes from top to bottom; the height follows from what was drawn.
class Drawing {
 public:
  void rectangle(double x, double y, double w, double h, const char* fill) {
    body_ +=
        fmt::format("  <rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" rx=\"2\" fill=\"{}\"/>\n", x,
                    y, std::max(w, 0.0), h, fill);
  }
  void line(double x1, double y1, double x2, double y2) {
    body_ += fmt::format(
        "  <line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\" stroke-width=\"1.5\"/>\n", x1,
        y1, x2, y2, ink);
  }
  void text(double x, double y, const std::string& words, int size, const char* fill, bool bold = false) {
    body_ += fmt::format("  <text x=\"{:.1f}\" y=\"{:.1f}\" font-size=\"{}\" fill=\"{}\"{}>{}</text>\n", x, y, size,
                         fill, bold ? " font-weight=\"600\"" : "", escaped(words));
  }
  std::string document(double height) const {
    return fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" "
        "height=\"{1:.0f}\" "
        "font-family=\"Inter, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif\">\n"
        "  <rect width=\"{0:.0f}\" height=\"{1:.0f}\" fill=\"#ffffff\"/>\n{2}</svg>\n",
        width, height, body_);
  }

 private:
  std::string body_;
};

/// One bar: its parts from left to right, a range at its end, and what is written beside it.
struct Bar {
  std::vector<double> parts;
  double low = 0, high = 0;  ///< equal: no range
  std::string value;
};

/// A heading and a bar for each device, on one scale. Returns where the next may begin.
double panel(Drawing& drawing, double y, const std::string& heading, const std::vector<DeviceMeasures>& devices,
             const std::function<Bar(const DeviceMeasures&)>& bar_of) {
  drawing.text(margin, y + 14, heading, 14, ink, true);
  y += 26;
  double longest = 0;
  for (const DeviceMeasures& m : devices) {
    const Bar bar = bar_of(m);
    double sum = 0;
    for (const double p : bar.parts) sum += p;
    longest = std::max({longest, sum, bar.high});
  }
  const double scale = longest > 0 ? bar_room / longest : 0;
  for (const DeviceMeasures& m : devices) {
    const Bar bar = bar_of(m);
    drawing.text(margin, y + 14, to_string(m.device), 13, quiet);
    drawing.rectangle(bar_left, y, bar_room, bar_height, rail);
    double x = bar_left;
    for (std::size_t p = 0; p < bar.parts.size(); ++p) {
      drawing.rectangle(x, y, bar.parts[p] * scale, bar_height, p == 0 ? blue : pale_blue);
      x += bar.parts[p] * scale;
    }
    if (bar.high > bar.low) {
      const double from = bar_left + bar.low * scale, to = bar_left + bar.high * scale, middle = y + bar_height / 2;
      drawing.line(from, middle, to, middle);
      for (const double end : {from, to}) drawing.line(end, middle - 4, end, middle + 4);
    }
    drawing.text(bar_left + bar_room + 12, y + 14, bar.value, 13, ink);
    y += row_height;
  }
  return y + 14;
}
}  // namespace

std::string DeviceComparison::svg() const {
  Drawing drawing;
  drawing.text(margin, 44, options_.title, 20, ink, true);
  drawing.text(margin, 66,
               fmt::format("training, batches of {} {}, median of {} steps on each device", options_.batch_size,
                           options_.unit, options_.steps),
               13, quiet);
  double y = 92;
  y = panel(drawing, y, options_.unit + " per second", devices_, [](const DeviceMeasures& m) {
    return Bar{{m.per_second}, 0, 0, fmt::format("{}  ({:.2f}x)", count_text(m.per_second), m.speed_up)};
  });
  y = panel(drawing, y, "time of a step, and the range of its middle half", devices_, [](const DeviceMeasures& m) {
    return Bar{{m.median}, m.low, m.high, time_text(m.median)};
  });
  y = panel(drawing, y, "memory: variables, and the plan of a step (pale)", devices_, [](const DeviceMeasures& m) {
    const auto variables = static_cast<double>(m.variable_bytes), plan = static_cast<double>(m.plan_bytes);
    return Bar{{variables, plan}, 0, 0, bytes_text(variables) + " + " + bytes_text(plan)};
  });
  if (options_.epochs > 0)
    y = panel(drawing, y, fmt::format("predicted for {} epochs", options_.epochs), devices_,
              [](const DeviceMeasures& m) {
                return Bar{{m.hours}, 0, 0, time_text(m.hours * 3600)};
              });
  return drawing.document(y + 4);
}

}  // namespace strata
