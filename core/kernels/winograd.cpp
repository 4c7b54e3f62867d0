#include "core/kernels/winograd.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "core/kernels/gemm.h"
#include "core/kernels/gemm_micro.h"
#include "core/kernels/winograd_transforms.h"

namespace strata::kernels {
namespace {

constexpr Index kPoints = kWinogradPoints;
// The transformed tiles of one block should stay in the second-level cache together.
constexpr Index kBlockBytes = 1 << 20;
constexpr Index kMinTiles = 4 * kTileRows;  // below this the kernel's panels are read too often
constexpr Index kMaxTiles = 20 * kTileRows; // one depth block of the weight gradient's product

constexpr Index round_up(Index x, Index unit) { return (x + unit - 1) / unit * unit; }
constexpr Index ceil_div(Index x, Index unit) { return (x + unit - 1) / unit; }

std::size_t unsigned_of(Index x) { return static_cast<std::size_t>(x); }

struct Layout {
  explicit Layout(const Conv2DGeometry& g)
      : tile_rows(ceil_div(g.out_height, kWinogradOut)),
        tile_columns(ceil_div(g.out_width, kWinogradOut)),
        in_padded(round_up(g.in_channels, kLanes)),
        out_padded(round_up(g.out_channels, kTileColumns)) {
    // Lines exactly pages apart would share one set of the cache.
    if (in_padded % 512 == 0) in_padded += kLanes;
    const Index tile_bytes = kPoints * (in_padded + out_padded) * Index{sizeof(float)};
    const Index fitting = kBlockBytes / tile_bytes / kTileRows * kTileRows;
    tiles = std::clamp(fitting, kMinTiles, kMaxTiles);
    in_point = odd_lines(tiles * in_padded);
    out_point = odd_lines(tiles * out_padded);
  }
  // The 36 streams of a tile must not fall into few sets of the cache either.
  static Index odd_lines(Index floats) { return round_up(floats, 32) + 16; }

  Index tile_rows, tile_columns;
  Index in_padded, out_padded;  // floats of a tile at one point
  Index tiles;                  // per block
  Index in_point, out_point;    // floats between points
};

struct Tile {
  Index image, row, column;  // row and column of its first output
};

Tile tile_at(const Layout& layout, Index index) {
  const Index row = index / layout.tile_columns;
  return {row / layout.tile_rows, row % layout.tile_rows * kWinogradOut,
          index % layout.tile_columns * kWinogradOut};
}

// A window of a [height, width, channels] image whose top left corner may lie outside; what is
// outside reads as zero and is not written.
struct Window {
  Index top, left, height, width, channels;
  bool covers(Index size) const {
    return top >= 0 && left >= 0 && top + size <= height && left + size <= width;
  }
  bool inside(Index i, Index j) const {
    return top + i >= 0 && top + i < height && left + j >= 0 && left + j < width;
  }
  Index offset(Index i, Index j) const { return ((top + i) * width + left + j) * channels; }
};

// Transforms one tile of `image` for all channels; channel c of point k goes to
// out(c) + k * point_step.
template <typename T, typename Out>
void transform_in(const float* image, const Window& window, Index point_step, Out&& out) {
  const bool whole = window.covers(T::kFrom);
  const float* corner = image + window.offset(0, 0);
  const Index row_step = window.width * window.channels;
  for (Index c = 0; c < window.channels; c += kLanes) {
    float* to = out(c);
    const auto write = [&](int i, int j, Vec v) __attribute__((always_inline)) {
      store(to + (i * T::kTo + j) * point_step, v);
    };
    if (whole && c + kLanes <= window.channels) {
      transform_tile<T>([&](int i, int j) __attribute__((always_inline)) {
        return load(corner + i * row_step + j * window.channels + c);
      }, write);
    } else {
      const int lanes = static_cast<int>(std::min<Index>(kLanes, window.channels - c));
      transform_tile<T>([&](int i, int j) __attribute__((always_inline)) {
        return window.inside(i, j) ? load_first(image + window.offset(i, j) + c, lanes) : Vec{};
      }, write);
    }
  }
}

void transform_inputs(const Conv2DGeometry& g, const Layout& layout, Index first, Index count,
                      const float* x, float* v) {
  for (Index t = 0; t < count; ++t) {
    const Tile tile = tile_at(layout, first + t);
    const Window window{tile.row - g.pad_top, tile.column - g.pad_left, g.in_height, g.in_width,
                        g.in_channels};
    transform_in<InputTransform>(x + tile.image * g.in_image(), window, layout.in_point,
                                 [&](Index c) { return v + t * layout.in_padded + c; });
  }
}

bool all_zero(const float* x, Index n) {
  for (Index c = 0; c < n; c += kLanes) {
    std::uint32_t any = 0;
    for (Index i = c; i < std::min(n, c + kLanes); ++i) any |= std::bit_cast<std::uint32_t>(x[i]) << 1;
    if (any != 0) return false;
  }
  return true;
}

// Which of a tile's outputs have nothing but zeros under their 3x3 patch: bit 4 * row + column. The
// transforms would leave rounding noise there, and a ReLU behind would take half of it for
// active. Zero patches are common: the background of drawings, images behind a ReLU.
using ZeroPatches = std::uint32_t;
ZeroPatches zero_patches(const float* image, const Window& window) {
  std::array<std::uint32_t, kWinogradIn> rows{};  // bit j: the position in column j is not zero
  for (int i = 0; i < kWinogradIn; ++i) {
    for (int j = 0; j < kWinogradIn; ++j) {
      if (window.inside(i, j) && !all_zero(image + window.offset(i, j), window.channels)) {
        rows[static_cast<std::size_t>(i)] |= 1u << j;
      }
    }
    auto& row = rows[static_cast<std::size_t>(i)];
    row = row | row >> 1 | row >> 2;  // bit j: something under the patch that starts in column j
  }
  ZeroPatches patches = 0;
  for (std::size_t i = 0; i < kWinogradOut; ++i) {
    const std::uint32_t something = rows[i] | rows[i + 1] | rows[i + 2];
    patches |= (~something & 0xfu) << (kWinogradOut * i);
  }
  return patches;
}

// What a convolution of zeros is: the bias.
void write_zero_patches(ZeroPatches patches, const Window& window, const float* bias, bool with_relu,
                        float* image) {
  for (int k = 0; k < kWinogradOut * kWinogradOut; ++k) {
    const int i = k / kWinogradOut, j = k % kWinogradOut;
    if ((patches >> k & 1u) == 0 || !window.inside(i, j)) continue;
    float* at = image + window.offset(i, j);
    for (Index o = 0; o < window.channels; ++o) {
      const float value = bias == nullptr ? 0.0f : bias[o];
      at[o] = with_relu && value < 0.0f ? 0.0f : value;
    }
  }
}

void transform_outputs(const Conv2DGeometry& g, const Layout& layout, Index first, Index count,
                       const float* m, const float* x, const float* bias, bool with_relu, float* y) {
  for (Index t = 0; t < count; ++t) {
    const Tile tile = tile_at(layout, first + t);
    const Window window{tile.row, tile.column, g.out_height, g.out_width, g.out_channels};
    const bool whole_tile = window.covers(kWinogradOut);
    float* image = y + tile.image * g.out_image();
    for (Index o = 0; o < g.out_channels; o += kLanes) {
      const int lanes = static_cast<int>(std::min<Index>(kLanes, g.out_channels - o));
      const bool whole = whole_tile && lanes == kLanes;
      const Vec shift = bias == nullptr ? Vec{} : load_first(bias + o, lanes);
      const float* from = m + t * layout.out_padded + o;
      transform_tile<OutputTransform>([&](int i, int j) __attribute__((always_inline)) {
        return load(from + (i * kWinogradIn + j) * layout.out_point);
      }, [&](int i, int j, Vec value) __attribute__((always_inline)) {
        value += shift;
        if (with_relu) value = relu(value);
        float* at = image + window.offset(i, j) + o;
        if (whole) {
          store(at, value);
        } else if (window.inside(i, j)) {
          store_first(at, value, lanes);
        }
      });
    }
    const Window patches{tile.row - g.pad_top, tile.column - g.pad_left, g.in_height, g.in_width, g.in_channels};
    const ZeroPatches zeros = zero_patches(x + tile.image * g.in_image(), patches);
    if (zeros != 0) write_zero_patches(zeros, window, bias, with_relu, image);
  }
}

// Calls f(first tile, tiles) for the blocks of a range of units.
template <typename F>
void for_each_block(const Layout& layout, Index first_unit, Index last_unit, F&& f) {
  const Index last = last_unit * layout.tile_columns;
  for (Index first = first_unit * layout.tile_columns; first < last; first += layout.tiles) {
    f(first, std::min(layout.tiles, last - first));
  }
}

// The taps of kLanes rows (input channels) x kLanes columns (output channels) of the kernel.
struct TapBlock {
  Vec taps[kWinogradTaps * kWinogradTaps][kLanes];

  TapBlock(const Conv2DGeometry& g, WinogradKernel kind, const float* w, Index row, Index column) {
    const bool mirrored = kind == WinogradKernel::data_gradient;
    const Index stride = mirrored ? g.in_channels : g.out_channels;
    const Index rows = g.in_channels - row, columns = g.out_channels - column;
    for (int tap = 0; tap < 9; ++tap) {
      const float* from = w + (mirrored ? 8 - tap : tap) * g.in_channels * g.out_channels;
      from += mirrored ? column * stride + row : row * stride + column;
      const Index lines = mirrored ? columns : rows;
      const int lanes = static_cast<int>(std::min<Index>(kLanes, mirrored ? rows : columns));
      for (Index i = 0; i < kLanes; ++i) {
        taps[tap][i] = i < lines ? load_first(from + i * stride, lanes) : Vec{};
      }
      if (mirrored) transpose(taps[tap]);
    }
  }
};

std::size_t bytes_of(Index floats) { return unsigned_of(floats) * sizeof(float); }

Index kernel_point_floats(const Conv2DGeometry& g) {
  return static_cast<Index>(
      gemm_packed_b_bytes(unsigned_of(g.out_channels), unsigned_of(g.in_channels)) / sizeof(float));
}

}  // namespace

bool winograd_applies(const Conv2DGeometry& g) {
  return g.kernel_height == 3 && g.kernel_width == 3 && g.stride_height == 1 &&
         g.stride_width == 1 && g.dilation_height == 1 && g.dilation_width == 1 && g.groups == 1;
}

Index winograd_units(const Conv2DGeometry& g) { return g.batch * Layout(g).tile_rows; }

Conv2DGeometry winograd_data_gradient_geometry(const Conv2DGeometry& g) {
  Conv2DGeometry d = g;
  std::swap(d.in_height, d.out_height);
  std::swap(d.in_width, d.out_width);
  std::swap(d.in_channels, d.out_channels);
  d.pad_top = kWinogradTaps - 1 - g.pad_top;
  d.pad_left = kWinogradTaps - 1 - g.pad_left;
  return d;
}

std::size_t winograd_kernel_bytes(const Conv2DGeometry& g) {
  return bytes_of(kPoints * kernel_point_floats(g));
}

void winograd_transform_kernel(const Conv2DGeometry& g, WinogradKernel kind, const float* w,
                               float* transformed, Index part, Index parts) {
  const Index blocks = ceil_div(g.in_channels, kLanes);
  const Index first = blocks * part / parts * kLanes;
  const Index last = std::min(g.in_channels, blocks * (part + 1) / parts * kLanes);
  const Index point_step = kernel_point_floats(g);
  for (Index row = first; row < last; row += kLanes) {
    for (Index column = 0; column < g.out_channels; column += kLanes) {
      const TapBlock block(g, kind, w, row, column);
      for (Index r = 0; r < std::min<Index>(kLanes, last - row); ++r) {
        float* to = transformed +
                    gemm_packed_b_offset(unsigned_of(g.out_channels), unsigned_of(g.in_channels),
                                         unsigned_of(row + r), unsigned_of(column));
        transform_tile<KernelTransform>(
            [&](int i, int j) { return block.taps[i * kWinogradTaps + j][r]; },
            [&](int i, int j, Vec u) { store(to + (i * kWinogradIn + j) * point_step, u); });
      }
    }
  }
}

std::size_t winograd_forward_scratch_bytes(const Conv2DGeometry& g) {
  const Layout layout(g);
  return bytes_of(kPoints * (layout.in_point + layout.out_point)) +
         gemm_packed_scratch_bytes(unsigned_of(layout.tiles), unsigned_of(g.in_channels));
}

void winograd_forward(const Conv2DGeometry& g, Index first_unit, Index last_unit, const float* x,
                      const float* transformed, const float* bias, bool relu, float* y,
                      void* scratch) {
  const Layout layout(g);
  auto* v = static_cast<float*>(scratch);
  float* m = v + kPoints * layout.in_point;
  float* product_scratch = m + kPoints * layout.out_point;
  const Index kernel_step = kernel_point_floats(g);
  for_each_block(layout, first_unit, last_unit, [&](Index first, Index count) {
    transform_inputs(g, layout, first, count, x, v);
    for (Index k = 0; k < kPoints; ++k) {
      gemm_packed(unsigned_of(count), unsigned_of(g.out_channels), unsigned_of(g.in_channels),
                  {v + k * layout.in_point, layout.in_padded}, transformed + k * kernel_step,
                  m + k * layout.out_point, layout.out_padded, {}, product_scratch);
    }
    transform_outputs(g, layout, first, count, m, x, bias, relu, y);
  });
}

std::size_t winograd_partial_bytes(const Conv2DGeometry& g) {
  return bytes_of(kPoints * g.in_channels * g.out_channels);
}

std::size_t winograd_weight_gradient_scratch_bytes(const Conv2DGeometry& g) {
  const Layout layout(g);
  return bytes_of(kPoints * (layout.in_point + layout.out_point)) +
         gemm_packed_scratch_bytes(unsigned_of(g.in_channels), unsigned_of(layout.tiles));
}

void winograd_weight_gradient(const Conv2DGeometry& g, Index first_unit, Index last_unit,
                              const float* x, const float* dy, float* partial, void* scratch) {
  const Layout layout(g);
  auto* v = static_cast<float*>(scratch);
  float* s = v + kPoints * layout.in_point;
  float* product_scratch = s + kPoints * layout.out_point;
  const Index size = g.in_channels * g.out_channels;
  if (first_unit == last_unit) std::fill(partial, partial + kPoints * size, 0.0f);
  GemmEpilogue epilogue;
  for_each_block(layout, first_unit, last_unit, [&](Index first, Index count) {
    transform_inputs(g, layout, first, count, x, v);
    for (Index t = 0; t < count; ++t) {
      const Tile tile = tile_at(layout, first + t);
      const Window window{tile.row, tile.column, g.out_height, g.out_width, g.out_channels};
      transform_in<OutputGradientTransform>(
          dy + tile.image * g.out_image(), window, layout.out_point, [&](Index o) {
            return s + gemm_packed_b_offset(unsigned_of(g.out_channels), unsigned_of(count),
                                            unsigned_of(t), unsigned_of(o));
          });
    }
    for (Index k = 0; k < kPoints; ++k) {
      gemm_packed(unsigned_of(g.in_channels), unsigned_of(g.out_channels), unsigned_of(count),
                  {v + k * layout.in_point, layout.in_padded, true}, s + k * layout.out_point,
                  partial + k * size, g.out_channels, epilogue, product_scratch);
    }
    epilogue.beta = 1.0f;
  });
}

void winograd_weight_gradient_finish(const Conv2DGeometry& g, const float* partials,
                                     Index partial_stride, Index count, Index first_channel,
                                     Index last_channel, float* dw) {
  const Index size = g.in_channels * g.out_channels;
  for (Index c = first_channel; c < last_channel; ++c) {
    for (Index o = 0; o < g.out_channels; o += kLanes) {
      const int lanes = static_cast<int>(std::min<Index>(kLanes, g.out_channels - o));
      const float* from = partials + c * g.out_channels + o;
      float* to = dw + c * g.out_channels + o;
      transform_tile<KernelGradientTransform>(
          [&](int i, int j) {
            const float* at = from + (i * kWinogradIn + j) * size;
            Vec sum = load_first(at, lanes);
            for (Index p = 1; p < count; ++p) sum += load_first(at + p * partial_stride, lanes);
            return sum;
          },
          [&](int i, int j, Vec value) {
            store_first(to + (i * kWinogradTaps + j) * size, value, lanes);
          });
    }
  }
}

}  // namespace strata::kernels
