#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "models/functional.h"
#include "models/model.h"
#include "models/trainer.h"

namespace strata {

namespace {
using Cells = std::vector<std::string>;

/// Columns that a text takes: continuation bytes of UTF-8 take none.
std::size_t columns(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string with_commas(std::int64_t n) {
  std::string digits = std::to_string(n), out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out += ',';
    out += digits[i];
  }
  return out;
}

std::string readable_bytes(std::int64_t bytes) {
  constexpr const char* units[] = {"B", "KB", "MB", "GB", "TB"};
  auto size = static_cast<double>(bytes);
  int unit = 0;
  while (size >= 1024 && unit < 4) {
    size /= 1024;
    ++unit;
  }
  return fmt::format("{:.2f} {}", size, units[unit]);
}

/// Lines of at most `width` columns; breaks at spaces where there are any. ASCII only, as names are.
Cells wrapped(const std::string& text, std::size_t width) {
  Cells lines;
  std::string rest = text;
  while (columns(rest) > width) {
    std::size_t cut = rest.rfind(' ', width);
    if (cut == std::string::npos || cut == 0) cut = width;
    lines.push_back(rest.substr(0, cut));
    rest = rest.substr(rest[cut] == ' ' ? cut + 1 : cut);
  }
  lines.push_back(rest);
  return lines;
}

/// Keras's table: heavy box around the header, light box around the rows.
class Table {
 public:
  Table(Cells header, std::vector<std::size_t> widths, std::size_t right_aligned)
      : widths_(std::move(widths)), right_aligned_(right_aligned) {
    text_ = rule("┏", "━", "┳", "┓") + cells(header, "┃", true) + rule("┡", "━", "╇", "┩");
  }

  void row(const Cells& values) {
    if (rows_++ > 0) text_ += rule("├", "─", "┼", "┤");
    text_ += cells(values, "│", false);
  }

  std::string finish() { return text_ + rule("└", "─", "┴", "┘"); }

 private:
  std::string rule(const char* left, const char* line, const char* cross, const char* right) const {
    std::string out = left;
    for (std::size_t c = 0; c < widths_.size(); ++c) {
      if (c > 0) out += cross;
      for (std::size_t i = 0; i < widths_[c]; ++i) out += line;
    }
    return out + right + "\n";
  }

  std::string cells(const Cells& values, const char* bar, bool header) const {
    std::vector<Cells> lines;
    std::size_t height = 1;
    for (std::size_t c = 0; c < values.size(); ++c) {
      lines.push_back(wrapped(values[c], widths_[c] - 2));
      height = std::max(height, lines.back().size());
    }
    std::string out;
    for (std::size_t h = 0; h < height; ++h) {
      for (std::size_t c = 0; c < values.size(); ++c) {
        const std::string text = h < lines[c].size() ? lines[c][h] : "";
        const std::string pad(widths_[c] - 2 - std::min(columns(text), widths_[c] - 2), ' ');
        out += bar + std::string(" ") + (c == right_aligned_ || (header && c == right_aligned_) ? pad + text : text + pad) + " ";
      }
      out += std::string(bar) + "\n";
    }
    return out;
  }

  std::vector<std::size_t> widths_;
  std::size_t right_aligned_;
  std::string text_;
  int rows_ = 0;
};

int terminal_columns() {
  if (const char* set = std::getenv("COLUMNS"); set != nullptr && std::atoi(set) > 0) return std::atoi(set);
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

/// Keras's positions of the column ends, as fractions of the line, to widths between the bars.
std::vector<std::size_t> column_widths(int line, bool linear, bool trainable) {
  std::vector<double> ends = linear ? std::vector<double>{0.45, 0.80, 1.0} : std::vector<double>{0.3, 0.56, 0.74, 1.0};
  std::vector<std::size_t> widths;
  int at = 0;
  for (double e : ends) {
    const int end = static_cast<int>(line * e);
    widths.push_back(static_cast<std::size_t>(std::max(6, end - at - 1)));
    at = end;
  }
  --widths[widths.size() - 2];
  if (trainable) widths.push_back(11);
  return widths;
}

class Summary {
 public:
  Summary(const Model& model, const SummaryOptions& options) : model_(model), definition_(model.definition()), options_(options) {
    linear_ = definition_.is_sequential() || is_chain();
  }

  std::string text() {
    const int wanted = options_.line_length > 0 ? options_.line_length : linear_ ? 88 : 108;
    const int line = options_.line_length > 0 ? wanted : std::min(wanted, terminal_columns() - 4);
    Cells header{"Layer (type)", "Output Shape", "Param #"};
    if (!linear_) header.push_back("Connected to");
    if (options_.show_trainable) header.push_back("Trainable");
    Table table(header, column_widths(line, linear_, options_.show_trainable), 2);
    add_rows(table, definition_, "");
    return "Model: \"" + model_.name() + "\"\n" + table.finish() + totals();
  }

 private:
  bool is_chain() const {
    const auto& ops = definition_.operations();
    return std::all_of(ops.begin(), ops.end(), [](const auto& node) { return node->inputs.size() <= 1; }) &&
           definition_.outputs().size() == 1 && definition_.inputs().size() == 1;
  }

  static std::string shapes_of(const Types& types) {
    std::string text;
    for (const Type& t : types) text += (text.empty() ? "" : ", ") + to_keras_string(t.shape);
    return types.size() == 1 ? text : "[" + text + "]";
  }

  void add_rows(Table& table, const ModelDefinition& model, const std::string& prefix) {
    if (!model.has_graph()) {  // a Sequential without input: nothing is known yet
      for (const Layer& layer : model.sublayers())
        row(table, prefix + layer.name() + " (" + layer.class_name() + ")", "?", "0 (unbuilt)", "", layer.trainable() ? "Y" : "N");
      return;
    }
    for (const auto& node : model.operations()) {
      if (!node->callee && model.is_sequential()) continue;
      const auto layer = std::dynamic_pointer_cast<layers::Base>(node->callee);
      const std::string name = node->callee ? node->callee->name() + " (" + node->callee->class_name() + ")" : node->input_name + " (InputLayer)";
      std::string connected;
      for (const Symbol& in : node->inputs) {
        const SymbolNode& from = *in.node();
        connected += (connected.empty() ? "" : ", ") + (from.callee ? from.callee->name() : from.input_name) + "[0][" + std::to_string(in.index()) + "]";
      }
      row(table, prefix + name, shapes_of(node->types), layer ? with_commas(layer->count_params()) : "0", connected.empty() ? "-" : connected,
          !layer || layer->weights().empty() ? "-" : layer->trainable() ? "Y" : "N");
      const auto nested = std::dynamic_pointer_cast<ModelDefinition>(node->callee);
      if (nested && options_.expand_nested) add_rows(table, *nested, prefix + "   └ ");
    }
  }

  void row(Table& table, const std::string& name, const std::string& shape, const std::string& params, const std::string& connected,
           const std::string& trainable) const {
    Cells cells{name, shape, params};
    if (!linear_) cells.push_back(connected);
    if (options_.show_trainable) cells.push_back(trainable);
    table.row(cells);
  }

  struct Count {
    std::int64_t elements = 0, bytes = 0;
    void add(const Variables& variables) {
      for (const Variable& v : variables) {
        elements += v.shape().elements();
        bytes += static_cast<std::int64_t>(v.value().bytes());
      }
    }
    std::string text() const { return with_commas(elements) + " (" + readable_bytes(bytes) + ")\n"; }
  };

  std::string totals() const {
    Count total, trainable, fixed, optimizer;
    total.add(model_.weights());
    trainable.add(model_.trainable_weights());
    fixed.add(model_.non_trainable_weights());
    if (definition_.trainer && definition_.trainer->optimizer().built()) optimizer.add(definition_.trainer->optimizer().variables());
    total.elements += optimizer.elements;
    total.bytes += optimizer.bytes;
    std::string text = " Total params: " + total.text() + " Trainable params: " + trainable.text() + " Non-trainable params: " + fixed.text();
    if (optimizer.elements > 0) text += " Optimizer params: " + optimizer.text();
    return text;
  }

  const Model& model_;
  const ModelDefinition& definition_;
  SummaryOptions options_;
  bool linear_;
};
}  // namespace

std::string Model::summary_text(const SummaryOptions& options) const { return Summary(*this, options).text(); }

void Model::summary(const SummaryOptions& options) const {
  std::string text = summary_text(options);
  if (isatty(STDOUT_FILENO) != 0) text = "\x1b[1m" + text.insert(text.find('\n'), "\x1b[0m");
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

}  // namespace strata
