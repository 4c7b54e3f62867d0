#include "core/cuda/element_types.h"
#include "core/cuda/launch.h"
#include "core/cuda/sort.h"
#include "core/graph/tile_loops.h"
#include "core/ops/gather.h"
#include "core/ops/gather_common.h"

namespace strata {

namespace {
cuda::Integers indices_of(const Buffers& io, std::size_t input) {
  return {io.in_raw()[input], io.in_type(input).dtype};
}

/// One unit of a gathered row. There is nobody to report a wrong index to: it gives zeros.
template <class E>
struct GatherUnit {
  const E* from;
  E* to;
  cuda::Integers indices;
  std::int64_t count, size, inner;
  STRATA_HD void operator()(std::int64_t i) const {
    const std::int64_t row = i / inner, k = i - row * inner, outer = row / count;
    const std::int64_t index = indices[row - outer * count];
    to[i] = index >= 0 && index < size ? from[(outer * size + index) * inner + k] : E{};
  }
};

struct alignas(16) Sixteen {
  std::uint64_t a = 0, b = 0;
};

template <class E>
void gather_as(Cuda& gpu, const Buffers& io, const AxisView<std::int64_t>& view, std::int64_t count,
               std::int64_t inner) {
  cuda::for_each(gpu, view.outer * count * inner,
                 GatherUnit<E>{static_cast<const E*>(io.in_raw()[0]), static_cast<E*>(io.out_raw()[0]),
                               indices_of(io, 1), count, view.size, inner});
}

bool aligned(const Buffers& io, std::uintptr_t bytes) {
  return (reinterpret_cast<std::uintptr_t>(io.in_raw()[0]) | reinterpret_cast<std::uintptr_t>(io.out_raw()[0])) %
             bytes ==
         0;
}
}  // namespace

std::optional<Kernel> Gather::prepare(const CudaTarget&, const Signature& s) const {
  const AxisView<std::int64_t> view(s.inputs[0].shape, normalize_axis(axis, s.inputs[0].shape.rank(), name));
  const std::int64_t count = s.inputs[1].shape.elements();
  const std::int64_t bytes = view.inner * static_cast<std::int64_t>(size_of(s.inputs[0].dtype));
  return Kernel{.run = {}, .in_place = {}, .launch = [view, count, bytes](Cuda& gpu, const Buffers& io) {
                  if (bytes % 16 == 0 && aligned(io, 16)) return gather_as<Sixteen>(gpu, io, view, count, bytes / 16);
                  if (bytes % 4 == 0 && aligned(io, 4))
                    return gather_as<std::uint32_t>(gpu, io, view, count, bytes / 4);
                  if (bytes % 2 == 0) return gather_as<std::uint16_t>(gpu, io, view, count, bytes / 2);
                  gather_as<std::uint8_t>(gpu, io, view, count, bytes);
                }};
}

namespace {
/// The index as a key to sort by; wrong ones come last.
struct Key {
  cuda::Integers indices;
  std::int64_t size;
  std::uint32_t* keys;
  STRATA_HD void operator()(std::int64_t i) const {
    const std::int64_t index = indices[i];
    keys[i] = static_cast<std::uint32_t>(index >= 0 && index < size ? index : size);
  }
};

template <class T>
struct Zero {
  T* out;
  STRATA_HD void operator()(std::int64_t i) const { out[i] = T{}; }
};

/// Sums the updates of one index: the thread whose sorted place begins a run of equal keys walks along it, so that the
/// sum has the order of the positions.
template <class T>
struct AddRun {
  const std::uint32_t *keys, *positions;
  const T* updates;
  T* out;
  std::int64_t count, size, inner;
  STRATA_HD void operator()(std::int64_t i) const {
    const std::int64_t row = i / inner, k = i - row * inner, outer = row / count, at = row - outer * count;
    const std::uint32_t key = keys[at];
    if (key == static_cast<std::uint32_t>(size) || (at > 0 && keys[at - 1] == key)) return;
    tiles::Arithmetic<T> sum{};
    for (std::int64_t j = at; j < count && keys[j] == key; ++j)
      sum += tiles::load(updates[(outer * count + positions[j]) * inner + k]);
    out[(outer * size + key) * inner + k] = tiles::store<T>(sum);
  }
};

std::size_t table_bytes(std::int64_t count) { return (static_cast<std::size_t>(count) * 4 + 255) / 256 * 256; }

template <class T>
void scatter_as(Cuda& gpu, const Buffers& io, const AxisView<std::int64_t>& view, std::int64_t count) {
  auto* keys = io.scratch<std::uint32_t>();
  auto* sorted = io.scratch<std::uint32_t>() + table_bytes(count) / 4;
  auto* positions = sorted + table_bytes(count) / 4;
  cuda::for_each(gpu, view.outer * view.size * view.inner, Zero<T>{io.out<T>(0).data()});
  if (count == 0) return;
  cuda::for_each(gpu, count, Key{indices_of(io, 0), view.size, keys});
  cuda::sort_positions(gpu, keys, count, sorted, positions, io.scratch() + 3 * table_bytes(count));
  cuda::for_each(gpu, view.outer * count * view.inner,
                 AddRun<T>{sorted, positions, io.in<T>(1).data(), io.out<T>(0).data(), count, view.size, view.inner});
}
}  // namespace

std::optional<Kernel> ScatterAdd::prepare(const CudaTarget&, const Signature& s) const {
  const AxisView<std::int64_t> view(shape, normalize_axis(axis, shape.rank(), name));
  const std::int64_t count = s.inputs[0].shape.elements();
  if (view.size >= std::int64_t{1} << 31 || count >= std::int64_t{1} << 31) return std::nullopt;
  const std::size_t scratch = 3 * table_bytes(count) + (count > 0 ? cuda::sort_scratch(count) : 0);
  return Kernel{
      .run = {}, .scratch_bytes = scratch, .in_place = {}, .launch = [view, count](Cuda& gpu, const Buffers& io) {
        cuda::dispatch_floating(io.in_type(1).dtype, [&]<class T>() { scatter_as<T>(gpu, io, view, count); });
      }};
}

namespace {
template <class T>
struct OneHotElement {
  T* out;
  cuda::Integers indices;
  std::int64_t classes;
  STRATA_HD void operator()(std::int64_t i) const {
    const std::int64_t row = i / classes;
    out[i] = tiles::store<T>(static_cast<tiles::Arithmetic<T>>(indices[row] == i - row * classes ? 1 : 0));
  }
};
}  // namespace

std::optional<Kernel> OneHot::prepare(const CudaTarget&, const Signature&) const {
  return Kernel{.run = {}, .in_place = {}, .launch = [](Cuda& gpu, const Buffers& io) {
                  dispatch(io.out_type(0).dtype, [&]<class T>() {
                    cuda::for_each(
                        gpu, io.out_type(0).shape.elements(),
                        OneHotElement<T>{io.out<T>(0).data(), indices_of(io, 0), io.out_type(0).shape.back()});
                  });
                }};
}

}  // namespace strata
