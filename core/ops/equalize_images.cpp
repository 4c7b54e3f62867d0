#include "core/ops/equalize_images.h"

#include <algorithm>

#include "core/kernels/equalization.h"
#include "core/ops/elementwise.h"
#include "core/ops/widen.h"

namespace strata {

namespace {
constexpr std::size_t grain = 4096;  // pixels that make a range worth a thread and its own counts

/// Pixels of all images, one after the other, and the sizes of a table with a row of bins for each channel.
struct Sizes {
  std::size_t pixels, channels, bins;
  std::size_t table() const { return channels * bins; }
};

/// counts[part] of each part of the pixels, of which there are as many as returned.
template <class T>
std::size_t count_pixels(Cpu& cpu, const T* images, const Sizes& n, std::int64_t* counts) {
  cpu.parallel_ranges(n.pixels, grain, [&](std::size_t first, std::size_t last, int part) {
    std::int64_t* own = counts + static_cast<std::size_t>(part) * n.table();
    std::fill_n(own, n.table(), 0);
    for (std::size_t p = first; p < last; ++p)
      for (std::size_t c = 0; c < n.channels; ++c)
        ++own[c * n.bins +
              static_cast<std::size_t>(kernels::counted_bin(images[p * n.channels + c], static_cast<long>(n.bins)))];
  });
  return static_cast<std::size_t>(cpu.parts_of(n.pixels, grain));
}

template <class T>
void equalize(Cpu& cpu, const Buffers& io, const Sizes& n, T* levels, std::int64_t* counts) {
  const T* images = io.in<T>(0).data();
  T* out = io.out<T>(0).data();
  const std::size_t parts = count_pixels(cpu, images, n, counts);
  const auto bins = static_cast<long>(n.bins);
  cpu.parallel_for(
      n.channels,
      [&](std::size_t c) {
        std::int64_t* sum = counts + c * n.bins;
        for (std::size_t part = 1; part < parts; ++part)
          for (std::size_t bin = 0; bin < n.bins; ++bin) sum[bin] += sum[part * n.table() + bin];
        kernels::find_levels(sum, levels + c * n.bins, bins, static_cast<long>(n.pixels));
      },
      1);
  cpu.parallel_ranges(n.pixels, grain, [&](std::size_t first, std::size_t last, int) {
    for (std::size_t p = first; p < last; ++p)
      for (std::size_t c = 0; c < n.channels; ++c)
        out[p * n.channels + c] = kernels::equalized(images[p * n.channels + c], levels + c * n.bins, bins);
  });
}
}  // namespace

Type EqualizeImages::infer(std::span<const Type> in) const {
  detail::require_inputs(name, 1, in);
  if (in[0].shape.rank() != 4 || !is_floating(in[0].dtype))
    fail_expected(name, "images [N,H,W,C] of a floating type", to_string(in[0]));
  if (bins < 1 || bins > 65536) fail_expected(name, "1 to 65536 bins", std::to_string(bins));
  return in[0];
}

Kernel EqualizeImages::prepare(const CpuTarget& target, const Signature& s) const {
  if (has_16_bit_floats(s)) return widened(s, [&](const Signature& wide) { return prepare(target, wide); });
  const Shape& images = s.inputs[0].shape;
  const Sizes n{static_cast<std::size_t>(images[0] * images[1] * images[2]), static_cast<std::size_t>(images[3]),
                static_cast<std::size_t>(bins)};
  Kernel kernel;
  const std::size_t counts = n.table() * static_cast<std::size_t>(std::max(1, target.threads));
  kernel.scratch_bytes = counts * sizeof(std::int64_t) + n.table() * size_of(s.inputs[0].dtype);
  kernel.in_place = {{}};
  kernel.run = [n, counts](Cpu& cpu, const Buffers& io) {
    if (n.pixels * n.channels == 0) return;
    auto* const first = io.scratch<std::int64_t>();
    if (io.in_type(0).dtype == DType::f64)
      equalize(cpu, io, n, reinterpret_cast<double*>(first + counts), first);
    else
      equalize(cpu, io, n, reinterpret_cast<float*>(first + counts), first);
  };
  return kernel;
}

}  // namespace strata
