#include "data/npy_header.h"

#include <cctype>
#include <limits>

#include "core/base/error.h"

namespace strata::data {

namespace {

constexpr std::string_view magic("\x93NUMPY", 6);
constexpr int most_dimensions = 64;  // NumPy's own limit

/// Reads the few Python literals that the text is made of.
class LiteralReader {
 public:
  LiteralReader(std::string_view text, const std::string& where) : text_(text), where_(where) {}

  [[noreturn]] void fail(const std::string& expected) const {
    fail_expected(where_, expected + " at character " + std::to_string(at_) + " of the header",
                  at_ < text_.size() ? "'" + std::string(text_.substr(at_, 12)) + "'" : "its end");
  }
  bool accept(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail(std::string("'") + c + "'");
  }
  std::string text() {
    skip_space();
    const char quote = at_ < text_.size() ? text_[at_] : '\0';
    const std::size_t end = quote == '\'' || quote == '"' ? text_.find(quote, at_ + 1) : std::string_view::npos;
    if (end == std::string_view::npos) fail("a text in quotes (arrays of records are not supported)");
    const std::string found(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return found;
  }
  bool boolean() {
    skip_space();
    for (const auto& [word, value] : {std::pair{std::string_view("True"), true}, {std::string_view("False"), false}})
      if (text_.substr(at_).starts_with(word)) {
        at_ += word.size();
        return value;
      }
    fail("True or False");
  }
  std::int64_t size() {
    skip_space();
    const std::size_t begin = at_;
    std::int64_t value = 0;
    for (; at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])); ++at_) {
      if (value > std::numeric_limits<std::int64_t>::max() / 10 - 1) fail("a smaller size");
      value = value * 10 + (text_[at_] - '0');
    }
    if (at_ == begin) fail("a size");
    accept('L');  // Python 2's long integers
    return value;
  }
  Shape tuple() {
    Shape shape;
    expect('(');
    while (!accept(')')) {
      if (shape.rank() == most_dimensions) fail("at most " + std::to_string(most_dimensions) + " sizes");
      shape.push_back(size());
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return shape;
  }
  void expect_end() {
    skip_space();
    if (at_ != text_.size()) fail("nothing more");
  }

 private:
  void skip_space() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }
  std::string_view text_;
  const std::string& where_;
  std::size_t at_ = 0;
};

void read_descr(NpyHeader& header, const std::string& descr, const std::string& where) {
  const auto unsupported = [&] {
    fail_expected(where, "elements that are numbers or booleans",
                  "the type '" + descr + "'" +
                      (descr.find('O') != std::string::npos ? " (Python objects, which are never run)" : ""));
  };
  if (descr.size() != 3 || std::string_view("<>|=").find(descr[0]) == std::string_view::npos) unsupported();
  header.order = descr[0] == '=' ? '<' : descr[0];
  header.kind = descr[1];
  header.size = static_cast<std::size_t>(descr[2] - '0');
  const std::string_view widths = header.kind == 'f' ? "248" : header.kind == 'b' ? "1" : "1248";
  if (std::string_view("fiub").find(header.kind) == std::string_view::npos ||
      widths.find(descr[2]) == std::string_view::npos)
    unsupported();
}

}  // namespace

NpyHeader parse_npy_header(std::string_view content, const std::string& where) {
  if (!content.starts_with(magic) || content.size() < 10) fail_expected(where, "a `.npy` file", "other content");
  const int version = content[6];
  if (version < 1 || version > 3) fail_expected(where, "version 1 to 3 of the `.npy` format", std::to_string(version));
  const std::size_t length_bytes = version == 1 ? 2 : 4;
  const std::size_t begin = 8 + length_bytes;
  if (content.size() < begin) fail_expected(where, "a header", "the end of the file");
  std::size_t length = 0;
  for (std::size_t i = length_bytes; i-- > 0;) length = length << 8 | static_cast<unsigned char>(content[8 + i]);
  if (length > content.size() - begin)
    fail_expected(where, "a header of " + std::to_string(length) + " bytes", "a file that ends before");
  NpyHeader header;
  header.header_bytes = begin + length;
  LiteralReader text(content.substr(begin, length), where);
  int known = 0;
  text.expect('{');
  while (!text.accept('}')) {
    const std::string key = text.text();
    text.expect(':');
    if (key == "descr")
      read_descr(header, text.text(), where);
    else if (key == "fortran_order")
      header.fortran_order = text.boolean();
    else if (key == "shape")
      header.shape = text.tuple();
    else
      fail_expected(where, "descr, fortran_order and shape in the header", "'" + key + "'");
    ++known;
    if (!text.accept(',')) {
      text.expect('}');
      break;
    }
  }
  text.expect_end();
  if (known != 3)
    fail_expected(where, "descr, fortran_order and shape in the header, once each", std::to_string(known) + " keys");
  return header;
}

std::string npy_header(std::string_view descr, const Shape& shape) {
  std::string sizes;
  for (const std::int64_t d : shape) sizes += std::to_string(d) + (shape.rank() == 1 ? "," : ", ");
  if (shape.rank() > 1) sizes.resize(sizes.size() - 2);
  std::string text = "{'descr': '" + std::string(descr) + "', 'fortran_order': False, 'shape': (" + sizes + "), }";
  constexpr std::size_t before = 10, alignment = 64;
  text.resize((before + text.size() + 1 + alignment - 1) / alignment * alignment - before, ' ');
  text.back() = '\n';
  std::string header(magic);
  header += {'\1', '\0', static_cast<char>(text.size() & 0xff), static_cast<char>(text.size() >> 8)};
  return header + text;
}

}  // namespace strata::data
