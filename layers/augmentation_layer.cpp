#include "layers/augmentation_layer.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/ops/ops.h"
#include "core/ops/random_beta.h"
#include "layers/checks.h"

namespace strata::layers {

std::uint32_t Draws::next_stream() const { return static_cast<std::uint32_t>(next_call_index(layer_)); }

Value Draws::uniform(const Shape& shape) const {
  return apply(RandomUniform{shape, 0, 1, next_stream(), DType::f32}, state_);
}
Value Draws::each(const Interval& range) const { return within(range, uniform(Shape{images_})); }
Value Draws::normal(const Shape& shape) const {
  return apply(RandomNormal{shape, 0, 1, next_stream(), DType::f32}, state_);
}
Value Draws::beta(const Value& alpha) const {
  return apply(RandomBeta{{images_}, next_stream()}, state_, alpha, alpha);
}
Value Draws::integers(const Shape& shape, std::int64_t count) const {
  return apply(RandomInt{shape, 0, count, next_stream(), DType::i32}, state_);
}

void Augmentation::check_inputs(const Shapes& inputs) const { require_rank(describe(), inputs[0], 4); }

Value Augmentation::call(Value x, Mode mode) {
  x = to_compute(x);
  if (mode != Mode::train) return inferred(x);
  if (seed_) advance_seed(state_);
  return transformation(x.shape(), Draws(*this, state_, x.shape()[0]))(x);
}

Value per_image(const Value& numbers, const Value& images) {
  return cast(reshape(numbers, {images.shape()[0], 1, 1, 1}), images.dtype());
}

Value in_random_interval(const Draws& draws, const Value& lengths, std::int64_t size, int axis) {
  const Value start = draws.uniform(lengths.shape()) * (static_cast<double>(size) - lengths);
  Shape positions{1, 1, 1, 1};
  positions[axis] = size;
  const Value place = constant(reshape(arange(0, static_cast<double>(size)), positions));
  const Shape each{lengths.shape()[0], 1, 1, 1};
  return logical_and(place >= reshape(start, each), place < reshape(start + lengths, each));
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

void require_colours(std::string_view where, const Shape& images) { require_axis(where, images, -1, 3); }

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
