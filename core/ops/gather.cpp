#include "core/ops/gather.h"

#include <algorithm>
#include <cstring>

#include "core/ops/gather_common.h"
#include "core/ops/widen.h"

namespace strata {

namespace {
bool is_index_type(DType d) { return d == DType::i32 || d == DType::i64 || d == DType::u8; }

void check_indices(std::string_view name, const Type& indices) {
  if (!is_index_type(indices.dtype)) fail_expected(name, "indices of type i32, i64 or u8", to_string(indices));
}

/// Index number `i` as a position; error outside of [0, size).
template <class I>
std::size_t position(std::string_view name, const I* indices, std::size_t i, std::size_t size) {
  const auto index = static_cast<std::int64_t>(indices[i]);
  if (index < 0 || index >= static_cast<std::int64_t>(size))
    fail_expected(name, "indices in [0, " + std::to_string(size) + ")",
                  std::to_string(index) + " at position " + std::to_string(i));
  return static_cast<std::size_t>(index);
}

/// f(indices as their own type)
template <class F>
void with_indices(const Type& type, const void* indices, F&& f) {
  if (type.dtype == DType::i32) return f(static_cast<const std::int32_t*>(indices));
  if (type.dtype == DType::i64) return f(static_cast<const std::int64_t*>(indices));
  f(static_cast<const std::uint8_t*>(indices));
}

Shape gathered_shape(const Shape& params, const Shape& indices, int axis) {
  Shape out = params.slice(0, axis);
  for (std::int64_t d : indices) out.push_back(d);
  for (std::int64_t d : params.slice(axis + 1, params.rank())) out.push_back(d);
  return out;
}
}  // namespace

Type Gather::infer(std::span<const Type> in) const {
  if (in.size() != 2) fail_expected(name, "2 inputs", std::to_string(in.size()));
  check_indices(name, in[1]);
  return {in[0].dtype, gathered_shape(in[0].shape, in[1].shape, normalize_axis(axis, in[0].shape.rank(), name))};
}

Values Gather::vjp(const Node& node, Value g) const {
  if (!is_floating(g.dtype())) return no_gradient();
  const Shape& shape = node.input(0).shape();
  return {apply(ScatterAdd{shape, normalize_axis(axis, shape.rank(), name)}, node.input(1), g), {}};
}

Kernel Gather::prepare(const CpuTarget&, const Signature& s) const {
  const AxisView<std::size_t> view(s.inputs[0].shape, normalize_axis(axis, s.inputs[0].shape.rank(), name));
  const auto count = static_cast<std::size_t>(s.inputs[1].shape.elements());
  const std::size_t bytes = view.inner * size_of(s.inputs[0].dtype);
  Kernel kernel;
  kernel.run = [view, count, bytes](Cpu& cpu, const Buffers& io) {
    const auto* from = static_cast<const std::byte*>(io.in_raw()[0]);
    auto* to = static_cast<std::byte*>(io.out_raw()[0]);
    with_indices(io.in_type(1), io.in_raw()[1], [&](const auto* indices) {
      cpu.parallel_for(
          view.outer * count,
          [&](std::size_t i) {
            const std::size_t p = position(name, indices, i % count, view.size);
            if (bytes > 0) std::memcpy(to + i * bytes, from + (i / count * view.size + p) * bytes, bytes);
          },
          std::max<std::size_t>(1, 16384 / std::max<std::size_t>(1, bytes)));
    });
  };
  return kernel;
}

Type ScatterAdd::infer(std::span<const Type> in) const {
  if (in.size() != 2) fail_expected(name, "2 inputs", std::to_string(in.size()));
  check_indices(name, in[0]);
  if (!is_floating(in[1].dtype)) fail_expected(name, "updates of a floating type", to_string(in[1]));
  const Shape expected = gathered_shape(shape, in[0].shape, normalize_axis(axis, shape.rank(), name));
  if (in[1].shape != expected) fail_expected(name, "updates of shape " + to_string(expected), to_string(in[1]));
  return {in[1].dtype, shape};
}

Values ScatterAdd::vjp(const Node& node, Value g) const { return {{}, apply(Gather{axis}, g, node.input(0))}; }

Kernel ScatterAdd::prepare(const CpuTarget& target, const Signature& s) const {
  if (has_16_bit_floats(s)) return widened(s, [&](const Signature& wide) { return prepare(target, wide); });
  const AxisView<std::size_t> view(shape, normalize_axis(axis, shape.rank(), name));
  const auto count = static_cast<std::size_t>(s.inputs[0].shape.elements());
  Kernel kernel;
  // The threads cut the inner elements, so each element's additions happen in the order of the indices.
  kernel.run = [view, count](Cpu& cpu, const Buffers& io) {
    dispatch(io.in_type(1).dtype, [&]<class T>() {
      if constexpr (std::floating_point<T>) {
        const T* updates = io.in<T>(1).data();
        T* out = io.out<T>(0).data();
        std::fill_n(out, view.outer * view.size * view.inner, T(0));
        with_indices(io.in_type(0), io.in_raw()[0], [&](const auto* indices) {
          cpu.parallel_ranges(view.inner, 16, [&](std::size_t first, std::size_t last, int) {
            for (std::size_t o = 0; o < view.outer; ++o)
              for (std::size_t i = 0; i < count; ++i) {
                T* to = out + (o * view.size + position(name, indices, i, view.size)) * view.inner;
                const T* from = updates + (o * count + i) * view.inner;
                for (std::size_t k = first; k < last; ++k) to[k] += from[k];
              }
          });
        });
      }
    });
  };
  return kernel;
}

Type OneHot::infer(std::span<const Type> in) const {
  if (in.size() != 1) fail_expected(name, "1 input", std::to_string(in.size()));
  check_indices(name, in[0]);
  if (depth < 1) fail_expected(name, "a depth of at least 1", std::to_string(depth));
  Shape out = in[0].shape;
  out.push_back(depth);
  return {dtype, out};
}

Kernel OneHot::prepare(const CpuTarget&, const Signature&) const {
  Kernel kernel;
  kernel.run = [classes = static_cast<std::size_t>(depth)](Cpu&, const Buffers& io) {
    const auto count = static_cast<std::size_t>(io.in_type(0).shape.elements());
    dispatch(io.out_type(0).dtype, [&]<class T>() {
      T* out = io.out<T>(0).data();
      std::fill_n(out, count * classes, T{});
      T one{};
      if constexpr (std::same_as<T, Half>)
        one = to_half(1.0f);
      else if constexpr (std::same_as<T, BFloat16>)
        one = to_bfloat16(1.0f);
      else
        one = T(1);
      with_indices(io.in_type(0), io.in_raw()[0], [&](const auto* indices) {
        for (std::size_t i = 0; i < count; ++i) {
          const auto index = static_cast<std::int64_t>(indices[i]);
          if (index >= 0 && index < static_cast<std::int64_t>(classes))
            out[i * classes + static_cast<std::size_t>(index)] = one;
        }
      });
    });
  };
  return kernel;
}

}  // namespace strata
