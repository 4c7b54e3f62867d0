#include "layers/augmentation_layer.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/ops/ops.h"
#include "layers/checks.h"

namespace strata::layers {

void Augmentation::check_inputs(const Shapes& inputs) const { require_rank(describe(), inputs[0], 4); }

Value Augmentation::call(Value x, Mode mode) {
  x = to_compute(x);
  if (mode != Mode::train) return inferred(x);
  advance_seed(state_);
  return augmented(x);
}

Value Augmentation::draw(const Shape& shape) const {
  const auto stream = static_cast<std::uint32_t>(next_call_index(this));
  return apply(RandomUniform{shape, 0, 1, stream, DType::f32}, state_);
}

Value Augmentation::draw(const Value& images, const Interval& range) const {
  return within(range, draw(Shape{images.shape()[0]}));
}

Value within(const Interval& range, const Value& u) { return u * (range.upper - range.lower) + range.lower; }

Interval signed_factor(std::string_view where, std::string_view argument, const Interval& given, double lowest,
                       double highest) {
  const bool fits =
      given.single ? given.lower >= lowest && given.lower <= highest : given.lower <= highest && given.upper >= lowest;
  if (!fits) {
    const std::string name(argument);
    const std::string received =
        given.single ? to_python(given.lower) : "(" + to_python(given.lower) + ", " + to_python(given.upper) + ")";
    throw Error(where, "The `" + name + "` argument should be a number (or a list of two numbers) in the range [" +
                           to_python(lowest) + ", " + to_python(highest) + "]. Received: " + name + "=" + received);
  }
  if (!given.single) return given.ordered();
  const double f = std::abs(given.lower);
  return {std::max(-f, lowest), f};
}

Interval value_range(std::string_view where, const Interval& given) {
  if (given.single)
    throw Error(where, "The `value_range` argument should be a list of two numbers. Received: value_range=" +
                           to_python(given.lower));
  return given.ordered();
}

namespace {
template <std::size_t N>
void require_one_of(std::string_view where, const std::string& argument, const std::string& given,
                    const std::array<std::string_view, N>& known) {
  if (std::ranges::find(known, given) != known.end()) return;
  std::string list;
  for (const std::string_view name : known) list += (list.empty() ? "'" : ", '") + std::string(name) + "'";
  throw Error(where, "Unknown `" + argument + "` " + given + ". Expected of one (" + list + ").");
}
}  // namespace

void require_transform(std::string_view where, const image::TransformOptions& o) {
  using Names2 = std::array<std::string_view, 2>;
  using Names4 = std::array<std::string_view, 4>;
  require_one_of(where, "fill_mode", o.fill_mode, Names4{"reflect", "wrap", "constant", "nearest"});
  require_one_of(where, "interpolation", o.interpolation, Names2{"nearest", "bilinear"});
}

}  // namespace strata::layers
