#include "core/ops/equalize_images.h"

#include "core/cuda/element_types.h"
#include "core/cuda/rows.h"
#include "core/graph/tile_loops.h"
#include "core/kernels/equalization.h"

namespace strata {

namespace {
/// Pixels of all images, one after the other; a table has a row of bins for each channel. The pixels are counted in
/// parts, each by a thread with counts of its own: [channel, bin, part], so that neighbouring threads, whose pixels are
/// alike, write side by side.
struct Sizes {
  std::int64_t pixels, channels, bins, parts;
  std::int64_t table() const { return channels * bins; }
};

struct NoCount {
  std::uint32_t* counts;
  STRATA_HD void operator()(std::int64_t i) const { counts[i] = 0; }
};

template <class T>
struct CountPart {
  const T* images;
  std::uint32_t* counts;
  Sizes n;
  STRATA_HD void operator()(std::int64_t i) const {
    const std::int64_t part = i / n.channels, c = i - part * n.channels;
    for (std::int64_t p = part; p < n.pixels; p += n.parts) {
      const std::int64_t bin = kernels::counted_bin(tiles::load(images[p * n.channels + c]), n.bins);
      ++counts[(c * n.bins + bin) * n.parts + part];
    }
  }
};

/// One bin of one channel.
struct SumParts {
  const std::uint32_t* counts;
  std::int64_t* sums;
  std::int64_t parts;
  STRATA_DEVICE void operator()(std::int64_t bin, const cuda::Team& team) const {
    const std::uint32_t* own = counts + bin * parts;
    const auto sum =
        cuda::sum_over<std::int64_t>(team, parts, [own](std::int64_t i) { return static_cast<std::int64_t>(own[i]); });
    if (team.rank() == 0) sums[bin] = sum;
  }
};

template <class A>
struct FindLevels {
  const std::int64_t* sums;
  A* levels;
  Sizes n;
  STRATA_HD void operator()(std::int64_t c) const {
    kernels::find_levels(sums + c * n.bins, levels + c * n.bins, n.bins, n.pixels);
  }
};

template <class T>
struct EqualizePixel {
  const T* images;
  const tiles::Arithmetic<T>* levels;
  T* out;
  std::int64_t channels, bins;
  STRATA_HD void operator()(std::int64_t i) const {
    out[i] = tiles::store<T>(kernels::equalized(tiles::load(images[i]), levels + i % channels * bins, bins));
  }
};

/// Parts enough for 4096 threads, unless their counts took more than 16 MB.
std::int64_t parts_of(std::int64_t pixels, std::int64_t channels, std::int64_t bins) {
  return std::min(cuda::column_parts(channels, pixels, 4096),
                  std::max<std::int64_t>(1, (std::int64_t{1} << 22) / std::max<std::int64_t>(1, channels * bins)));
}
}  // namespace

std::optional<Kernel> EqualizeImages::prepare(const CudaTarget&, const Signature& s) const {
  const Shape& shape = s.inputs[0].shape;
  const std::int64_t pixels = shape[0] * shape[1] * shape[2];
  if (pixels >= std::int64_t{1} << 32) return std::nullopt;
  const Sizes n{pixels, shape[3], bins, parts_of(pixels, shape[3], bins)};
  const auto table = static_cast<std::size_t>(n.table());
  // Sums and levels of 8 bytes at most, then the counts.
  return Kernel{.run = {},
                .scratch_bytes = table * (16 + 4 * static_cast<std::size_t>(n.parts)),
                .in_place = {{}},
                .launch = [n](Cuda& gpu, const Buffers& io) {
                  if (n.pixels * n.channels == 0) return;
                  auto* sums = io.scratch<std::int64_t>();
                  auto* counts = reinterpret_cast<std::uint32_t*>(sums + 2 * n.table());
                  cuda::for_each(gpu, n.table() * n.parts, NoCount{counts});
                  cuda::dispatch_floating(io.in_type(0).dtype, [&]<class T>() {
                    using A = tiles::Arithmetic<T>;
                    auto* levels = reinterpret_cast<A*>(sums + n.table());
                    const T* images = io.in<T>(0).data();
                    cuda::for_each(gpu, n.channels * n.parts, CountPart<T>{images, counts, n});
                    cuda::for_rows(gpu, n.table(), cuda::row_width(n.parts), SumParts{counts, sums, n.parts});
                    cuda::for_each(gpu, n.channels, FindLevels<A>{sums, levels, n});
                    cuda::for_each(gpu, n.pixels * n.channels,
                                   EqualizePixel<T>{images, levels, io.out<T>(0).data(), n.channels, n.bins});
                  });
                }};
}

}  // namespace strata
