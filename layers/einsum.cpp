#include "layers/einsum.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "core/ops/ops.h"

namespace strata::layers {
namespace {

bool has(const std::string& letters, char c) { return letters.find(c) != std::string::npos; }

void require_letters(std::string_view where, const std::string& text, const std::string& letters) {
  const std::set<char> distinct(letters.begin(), letters.end());
  const bool alphabetic =
      std::all_of(letters.begin(), letters.end(), [](unsigned char c) { return std::isalpha(c) != 0; });
  if (letters.empty() || !alphabetic)
    throw Error(where, "Invalid einsum equation '" + text +
                           "'. Equations must be in the form [X],[Y]->[Z], ...[X],[Y]->...[Z], or [X]...,[Y]->[Z]....");
  if (distinct.size() != letters.size())
    fail_expected(where, "an einsum equation without a letter twice in one part", "'" + text + "'");
}

/// Cuts three dots off one end.
bool strip(std::string& part, bool left) {
  if (!(left ? part.starts_with("...") : part.ends_with("..."))) return false;
  part = left ? part.substr(3) : part.substr(0, part.size() - 3);
  return true;
}

void require_matches(std::string_view where, const EinsumEquation& e) {
  for (const char c : e.output)
    if (!has(e.input, c) && !has(e.weight, c))
      throw Error(where, std::string("Dimension '") + c + "' was specified in the output '" + e.output +
                             "' but has no corresponding dim in the input spec '" + e.input + "' or weight spec '" +
                             e.weight + "'");
  for (const char c : e.weight)
    if (!has(e.input, c) && !has(e.output, c))
      throw Error(where, std::string("Weight dimension '") + c + "' did not have a match in either the input spec '" +
                             e.input + "' or the output spec '" + e.output +
                             "'. For this layer, the weight must be fully specified.");
}

/// An array whose axes are named by letters.
struct Labelled {
  Value value;
  std::string letters;

  std::int64_t size(char c) const { return value.shape()[static_cast<std::int64_t>(letters.find(c))]; }

  /// With the axes in this order, which holds the same letters.
  Labelled ordered(const std::string& order) const {
    Axes axes;
    for (const char c : order) axes.push_back(static_cast<std::int64_t>(letters.find(c)));
    return {std::ranges::is_sorted(axes) ? value : transpose(value, axes), order};
  }

  /// Without the axes that `keep` lacks: summed.
  Labelled summed_to(const std::string& keep) const {
    Axes axes;
    std::string left;
    for (std::size_t i = 0; i < letters.size(); ++i)
      if (has(keep, letters[i]))
        left += letters[i];
      else
        axes.push_back(static_cast<std::int64_t>(i));
    return {axes.empty() ? value : sum(value, axes), left};
  }
};

std::int64_t product(const Labelled& a, const std::string& letters) {
  std::int64_t n = 1;
  for (const char c : letters) n *= a.size(c);
  return n;
}

/// The letters of `from` that pass.
template <class Test>
std::string pick(const std::string& from, Test&& test) {
  std::string picked;
  std::copy_if(from.begin(), from.end(), std::back_inserter(picked), test);
  return picked;
}

/// As one matrix product for each place on the axes that all three share.
Value multiply_labelled(const Labelled& x, const Labelled& w, const std::string& output) {
  const std::string shared = pick(x.letters, [&](char c) { return has(w.letters, c) && has(output, c); });
  const std::string inner = pick(x.letters, [&](char c) { return has(w.letters, c) && !has(output, c); });
  const std::string rows = pick(x.letters, [&](char c) { return !has(w.letters, c); });
  const std::string columns = pick(w.letters, [&](char c) { return !has(x.letters, c); });
  const std::int64_t k = product(x, inner), m = product(x, rows), n = product(w, columns);
  const Value a = x.ordered(shared + rows + inner).value, b = w.ordered(shared + inner + columns).value;
  Shape batch, result;
  for (const char c : shared) result.push_back(x.size(c));
  if (!shared.empty()) batch.push_back(product(x, shared));
  const auto with = [&](std::int64_t first, std::int64_t second) {
    Shape shape = batch;
    shape.push_back(first);
    shape.push_back(second);
    return shape;
  };
  for (const char c : rows) result.push_back(x.size(c));
  for (const char c : columns) result.push_back(w.size(c));
  const Value y = reshape(matmul(reshape(a, with(m, k)), reshape(b, with(k, n))), result);
  return Labelled{y, shared + rows + columns}.ordered(output).value;
}
}  // namespace

EinsumEquation EinsumEquation::parse(std::string_view where, const std::string& text) {
  const std::size_t comma = text.find(','), arrow = text.find("->");
  EinsumEquation e;
  if (comma != std::string::npos && arrow != std::string::npos && comma < arrow) {
    e.input = text.substr(0, comma);
    e.weight = text.substr(comma + 1, arrow - comma - 1);
    e.output = text.substr(arrow + 2);
    e.dots_left = strip(e.input, true);
    e.dots_right = !e.dots_left && strip(e.input, false);
    if ((e.dots_left && !strip(e.output, true)) || (e.dots_right && !strip(e.output, false))) e.output.clear();
  }
  for (const std::string& part : {e.input, e.weight, e.output}) require_letters(where, text, part);
  require_matches(where, e);
  return e;
}

int EinsumEquation::elided(std::string_view where, int input_rank) const {
  const int letters = static_cast<int>(input.size());
  if (input_rank < letters || (input_rank > letters && !dots_left && !dots_right))
    fail_expected(where,
                  std::string(dots_left || dots_right ? "at least " : "") + std::to_string(letters) +
                      " axes, as the equation's '" + input + "' says",
                  "an input of rank " + std::to_string(input_rank));
  return input_rank - letters;
}

Value einsum(std::string_view where, const EinsumEquation& e, const Value& input, const Value& weight) {
  // The axes that the dots stand for get characters that are no letters.
  std::string dots;
  for (int i = 0; i < e.elided(where, input.shape().rank()); ++i) dots += static_cast<char>('0' + i);
  const std::string left = e.dots_left ? dots : "", right = e.dots_right ? dots : "";
  const std::string output = left + e.output + right;
  const Labelled x{input, left + e.input + right}, w{weight, e.weight};
  return multiply_labelled(x.summed_to(output + e.weight), w, output);
}

}  // namespace strata::layers
