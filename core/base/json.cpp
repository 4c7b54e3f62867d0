#include "core/base/json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace strata {

namespace {

void write_string(std::string& out, const std::string& text) {
  // Names may hold any bytes: what is not UTF-8 becomes U+FFFD instead of an exception.
  out += nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

void write_number(std::string& out, double v) {
  if (std::isnan(v)) {
    out += "NaN";
  } else if (std::isinf(v)) {
    out += v > 0 ? "Infinity" : "-Infinity";
  } else {
    char digits[32];
    const auto end = std::to_chars(digits, digits + sizeof digits, v).ptr;
    const std::string_view text(digits, static_cast<std::size_t>(end - digits));
    out += text;
    if (text.find_first_of(".e") == std::string_view::npos) out += ".0";
  }
}

class Writer {
 public:
  Writer(std::string& out, int indent) : out_(out), indent_(indent) {}

  void write(const ConfigValue& value, int depth) {
    struct Visitor {
      Writer& w;
      int depth;
      void operator()(std::nullptr_t) const { w.out_ += "null"; }
      void operator()(bool v) const { w.out_ += v ? "true" : "false"; }
      void operator()(std::int64_t v) const { w.out_ += std::to_string(v); }
      void operator()(double v) const { write_number(w.out_, v); }
      void operator()(const std::string& v) const { write_string(w.out_, v); }
      void operator()(const ConfigValue::List& v) const {
        w.sequence('[', ']', v, depth, [&](const ConfigValue& x) { w.write(x, depth + 1); });
      }
      void operator()(const Config& v) const {
        w.sequence('{', '}', v.items(), depth, [&](const auto& item) {
          write_string(w.out_, item.first);
          w.out_ += ": ";
          w.write(item.second, depth + 1);
        });
      }
    };
    std::visit(Visitor{*this, depth}, value.variant());
  }

 private:
  template <class Items, class F>
  void sequence(char open, char close, const Items& items, int depth, const F& each) {
    out_ += open;
    bool first = true;
    for (const auto& item : items) {
      if (!first) out_ += indent_ < 0 ? ", " : ",";
      first = false;
      line(depth + 1);
      each(item);
    }
    if (!first) line(depth);
    out_ += close;
  }
  void line(int depth) {
    if (indent_ >= 0) out_.append(1, '\n').append(static_cast<std::size_t>(indent_ * depth), ' ');
  }
  std::string& out_;
  int indent_;
};

// JSON has no NaN and no infinities, Python writes them: they travel through the parser as strings that no file holds,
// since a NUL inside a JSON string has to be escaped.
constexpr std::string_view python_numbers[] = {"NaN", "-Infinity", "Infinity"};

std::string without_python_numbers(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      out += c;
      if (c == '\\' && i + 1 < text.size()) out += text[++i];
      if (c == '"') in_string = false;
      continue;
    }
    const auto found = std::find_if(std::begin(python_numbers), std::end(python_numbers),
                                    [&](std::string_view word) { return text.substr(i, word.size()) == word; });
    if (found != std::end(python_numbers)) {
      out.append("\"\\u0000").append(*found).append("\"");
      i += found->size() - 1;
    } else {
      in_string = c == '"';
      out += c;
    }
  }
  return out;
}

ConfigValue string_or_number(const std::string& text) {
  if (!text.empty() && text[0] == '\0') {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    if (text.compare(1, std::string::npos, "NaN") == 0) return std::numeric_limits<double>::quiet_NaN();
    if (text.compare(1, std::string::npos, "Infinity") == 0) return infinity;
    if (text.compare(1, std::string::npos, "-Infinity") == 0) return -infinity;
  }
  return text;
}

/// Builds a ConfigValue from the parser's events, without recursion.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Builder(const std::string& where) : where_(where) {}
  ConfigValue take() { return std::move(result_); }

  bool null() override { return add(nullptr); }
  bool boolean(bool v) override { return add(v); }
  bool number_integer(number_integer_t v) override { return add(v); }
  bool number_unsigned(number_unsigned_t v) override {
    if (v > static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max())) return add(static_cast<double>(v));
    return add(static_cast<std::int64_t>(v));
  }
  bool number_float(number_float_t v, const string_t&) override { return add(v); }
  bool string(string_t& v) override { return add(string_or_number(v)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(false); }
  bool start_array(std::size_t) override { return open(true); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& v) override {
    // Keys are found by searching, which is made for few of them.
    comparisons_ += open_.back().config.items().size();
    if (comparisons_ > most_comparisons) throw Error(where_, "malformed JSON: objects with too many keys");
    if (open_.back().config.contains(v)) throw Error(where_, "malformed JSON: the key '" + v + "' comes twice");
    open_.back().key = std::move(v);
    return true;
  }
  bool parse_error(std::size_t position, const std::string& last, const nlohmann::detail::exception&) override {
    throw Error(where_, "malformed JSON at byte " + std::to_string(position) + ", near '" + last.substr(0, 40) + "'");
  }

 private:
  struct Frame {
    bool is_list = false;
    std::string key;
    Config config;
    ConfigValue::List list;
  };
  bool add(ConfigValue v) {
    if (open_.empty()) {
      result_ = std::move(v);
    } else if (open_.back().is_list) {
      open_.back().list.push_back(std::move(v));
    } else {
      open_.back().config.set(std::move(open_.back().key), std::move(v));
    }
    return true;
  }
  bool open(bool is_list) {
    if (open_.size() >= 200) throw Error(where_, "malformed JSON: nested deeper than 200 levels");
    open_.push_back({.is_list = is_list, .key = {}, .config = {}, .list = {}});
    return true;
  }
  bool close() {
    Frame frame = std::move(open_.back());
    open_.pop_back();
    return frame.is_list ? add(std::move(frame.list)) : add(std::move(frame.config));
  }
  static constexpr std::uint64_t most_comparisons = 200'000'000;  // a second; one object with 20,000 keys
  const std::string& where_;
  std::vector<Frame> open_;
  std::uint64_t comparisons_ = 0;
  ConfigValue result_;
};
}  // namespace

std::string to_json(const ConfigValue& value, int indent) {
  std::string out;
  Writer(out, indent).write(value, 0);
  return out;
}

ConfigValue parse_json(std::string_view text, const std::string& where) {
  Builder builder(where);
  const std::string standard = without_python_numbers(text);
  nlohmann::json::sax_parse(standard, &builder);
  return builder.take();
}

}  // namespace strata
