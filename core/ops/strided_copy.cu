#include <cstring>
#include <limits>

#include "core/cuda/launch.h"
#include "core/ops/strided_copy.h"

namespace strata {

namespace {
/// Element number i of the output, counted in the order of its axes. I: wide enough for all offsets; divisions of 32
/// bits are several times cheaper.
template <class E, class I>
struct Move {
  const E* in;
  E* out;
  int axes;
  I sizes[StridedCopy::most_axes], in_strides[StridedCopy::most_axes], out_strides[StridedCopy::most_axes];

  STRATA_HD void operator()(std::int64_t i) const {
    I rest = static_cast<I>(i), from = 0, to = 0;
    for (int axis = axes - 1; axis > 0; --axis) {
      const I quotient = rest / sizes[axis], index = rest - quotient * sizes[axis];
      from += index * in_strides[axis];
      to += index * out_strides[axis];
      rest = quotient;
    }
    out[to + rest * out_strides[0]] = in[from + rest * in_strides[0]];
  }
};

struct alignas(16) Sixteen {
  std::uint64_t a, b;
};

template <class E, class I>
void move(Cuda& gpu, const StridedCopy::Axes& axes, std::int64_t count, const std::byte* in, std::byte* out) {
  Move<E, I> body{
      reinterpret_cast<const E*>(in), reinterpret_cast<E*>(out), static_cast<int>(axes.sizes.size()), {}, {}, {}};
  for (std::size_t a = 0; a < axes.sizes.size(); ++a) {
    body.sizes[a] = static_cast<I>(axes.sizes[a]);
    body.in_strides[a] = static_cast<I>(axes.in[a]);
    body.out_strides[a] = static_cast<I>(axes.out[a]);
  }
  cuda::for_each(gpu, count, body);
}

/// The same copy in units of `factor` elements, where both sides hold them together.
bool widen(StridedCopy::Axes& axes, std::int64_t factor, const std::byte* in, const std::byte* out, std::size_t bytes) {
  if (axes.in.back() != 1 || axes.out.back() != 1 || axes.sizes.back() % factor != 0) return false;
  if (reinterpret_cast<std::uintptr_t>(in) % bytes != 0 || reinterpret_cast<std::uintptr_t>(out) % bytes != 0)
    return false;
  for (std::size_t a = 0; a + 1 < axes.sizes.size(); ++a)
    if (axes.in[a] % factor != 0 || axes.out[a] % factor != 0) return false;
  axes.sizes.back() /= factor;
  for (std::size_t a = 0; a + 1 < axes.sizes.size(); ++a) {
    axes.in[a] /= factor;
    axes.out[a] /= factor;
  }
  return true;
}

std::int64_t reach(const StridedCopy::Strides& sizes, const StridedCopy::Strides& strides) {
  std::int64_t last = 0;
  for (std::size_t a = 0; a < sizes.size(); ++a) last += (sizes[a] - 1) * (strides[a] < 0 ? -strides[a] : strides[a]);
  return last;
}
}  // namespace

void StridedCopy::launch(Cuda& gpu, const std::byte* in, std::byte* out) const {
  Axes axes = axes_;
  std::size_t bytes = element_bytes_;
  const auto factor = static_cast<std::int64_t>(16 / bytes);
  if (widen(axes, factor, in, out, 16)) bytes = 16;
  std::int64_t count = 1;
  for (std::int64_t size : axes.sizes) count *= size;
  if (count == 0) return;
  const bool narrow = std::max({count, reach(axes.sizes, axes.in), reach(axes.sizes, axes.out)}) <=
                      std::numeric_limits<std::int32_t>::max();
  const auto go = [&]<class E>(E) {
    if (narrow)
      move<E, std::int32_t>(gpu, axes, count, in, out);
    else
      move<E, std::int64_t>(gpu, axes, count, in, out);
  };
  if (bytes == 16) return go(Sixteen{});
  with_element_type(bytes, go);
}

namespace {
template <class E>
struct FillElements {
  E* out;
  E element;
  STRATA_HD void operator()(std::int64_t i) const { out[i] = element; }
};

void fill(Cuda& gpu, std::byte* out, const std::byte* element, std::size_t element_bytes, std::int64_t count) {
  with_element_type(element_bytes, [&]<class E>(E value) {
    std::memcpy(&value, element, sizeof(E));
    cuda::for_each(gpu, count, FillElements<E>{reinterpret_cast<E*>(out), value});
  });
}
}  // namespace

void launch_moves(const Moves& m, Cuda& gpu, const Buffers& io) {
  if (m.background.defined())
    fill(gpu, static_cast<std::byte*>(io.out_raw()[0]), m.background.raw(), m.background.bytes(),
         io.out_type(0).shape.elements());
  for (const Moves::Piece& p : m.pieces)
    p.copy.launch(gpu, static_cast<const std::byte*>(io.in_raw()[p.input]) + p.from,
                  static_cast<std::byte*>(io.out_raw()[p.output]) + p.to);
}

}  // namespace strata
