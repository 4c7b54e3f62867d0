#include "core/kernels/pool.h"

#include <algorithm>

#include "core/kernels/simd.h"

namespace strata::kernels {
namespace {

// The part of a window inside of x, as offsets of channel 0.
struct Window {
  Index x;              // its first position
  Index y;
  Index height, width;
};

// Calls f(window) for every window of the images.
template <typename F>
__attribute__((always_inline)) inline void for_each_window(const Pool2DGeometry& g,
                                                           Index first_image, Index last_image,
                                                           F&& f) {
  for (Index n = first_image; n < last_image; ++n) {
    for (Index i = 0; i < g.out_height; ++i) {
      const Pool2DGeometry::Span rows = g.rows(i);
      for (Index j = 0; j < g.out_width; ++j) {
        const Pool2DGeometry::Span columns = g.columns(j);
        f(Window{((n * g.in_height + rows.first) * g.in_width + columns.first) * g.channels,
                 ((n * g.out_height + i) * g.out_width + j) * g.channels, rows.size, columns.size});
      }
    }
  }
}

// Calls f(x offset) for the positions of a window, rows first.
template <typename F>
__attribute__((always_inline)) inline void for_each_position(const Pool2DGeometry& g,
                                                             const Window& window, F&& f) {
  for (Index p = 0; p < window.height; ++p) {
    const Index row = window.x + p * g.in_width * g.channels;
    for (Index q = 0; q < window.width; ++q) f(row + q * g.channels);
  }
}

// Whether each position of x lies in one window, so that a gradient is stored and not added.
bool windows_tile_input(const Pool2DGeometry& g) {
  return !g.adaptive && g.pad_top == 0 && g.pad_left == 0 && g.stride_height == g.window_height &&
         g.stride_width == g.window_width && g.out_height * g.stride_height == g.in_height &&
         g.out_width * g.stride_width == g.in_width;
}

void clear_images(const Pool2DGeometry& g, Index first_image, Index last_image, float* dx) {
  std::fill(dx + first_image * g.in_image(), dx + last_image * g.in_image(), 0.0f);
}

template <bool kAdd, typename Io>
void send_to_first_maximum(const Pool2DGeometry& g, const Window& window, Index c, const Io& io,
                           const float* x, const float* y, const float* dy, float* dx) {
  const Vec top = io.read(y + window.y + c);
  Vec left = io.read(dy + window.y + c);  // what no position has taken yet
  for_each_position(g, window, [&](Index at) {
    const Vec value = io.read(x + at + c);
    const auto is_top = (value == top) | ((value != value) & (top != top));
    const Vec taken = is_top ? left : Vec{};
    left = is_top ? Vec{} : left;
    io.write(dx + at + c, kAdd ? io.read(dx + at + c) + taken : taken);
  });
}

template <bool kAdd>
void max_pool_backward_as(const Pool2DGeometry& g, Index first_image, Index last_image,
                          const float* x, const float* y, const float* dy, float* dx) {
  for_each_window(g, first_image, last_image, [&](const Window& window) {
    for_each_vector(g.channels, [&](Index c, auto io) {
      send_to_first_maximum<kAdd>(g, window, c, io, x, y, dy, dx);
    });
  });
}

}  // namespace

void max_pool_forward(const Pool2DGeometry& g, Index first_image, Index last_image, const float* x,
                      float* y) {
  for_each_window(g, first_image, last_image, [&](const Window& window) {
    for_each_vector(g.channels, [&](Index c, auto io) {
      Vec top = io.read(x + window.x + c);
      for_each_position(g, window, [&](Index at) {
        const Vec value = io.read(x + at + c);
        // A NaN replaces the maximum and, being greater than nothing and nothing greater than it,
        // stays.
        top = value > top ? value : value != value ? value : top;
      });
      io.write(y + window.y + c, top);
    });
  });
}

void max_pool_backward(const Pool2DGeometry& g, Index first_image, Index last_image,
                       const float* x, const float* y, const float* dy, float* dx) {
  if (windows_tile_input(g)) {
    max_pool_backward_as<false>(g, first_image, last_image, x, y, dy, dx);
  } else {
    clear_images(g, first_image, last_image, dx);
    max_pool_backward_as<true>(g, first_image, last_image, x, y, dy, dx);
  }
}

void average_pool_forward(const Pool2DGeometry& g, Index first_image, Index last_image,
                          const float* x, float* y) {
  for_each_window(g, first_image, last_image, [&](const Window& window) {
    const float scale = 1.0f / static_cast<float>(window.height * window.width);
    for_each_vector(g.channels, [&](Index c, auto io) {
      Vec sum{};
      for_each_position(g, window, [&](Index at) { sum += io.read(x + at + c); });
      io.write(y + window.y + c, sum * scale);
    });
  });
}

void average_pool_backward(const Pool2DGeometry& g, Index first_image, Index last_image,
                           const float* dy, float* dx) {
  clear_images(g, first_image, last_image, dx);
  for_each_window(g, first_image, last_image, [&](const Window& window) {
    const float scale = 1.0f / static_cast<float>(window.height * window.width);
    for_each_vector(g.channels, [&](Index c, auto io) {
      const Vec share = io.read(dy + window.y + c) * scale;
      for_each_position(g, window, [&](Index at) {
        io.write(dx + at + c, io.read(dx + at + c) + share);
      });
    });
  });
}

}  // namespace strata::kernels
