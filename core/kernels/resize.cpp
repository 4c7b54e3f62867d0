#include "core/kernels/resize.h"

#include <cstring>
#include <type_traits>

namespace strata::kernels {
namespace {

// The weighted sum of rows of n elements, `apart` elements from one another.
template <class From, class T>
void sum_rows(const From* x, Index apart, const T* weights, Index taps, Index n, T* to) {
  if (taps == 1) {
    const T w = weights[0];
    for (Index k = 0; k < n; ++k) to[k] = w * static_cast<T>(x[k]);
    return;
  }
  const auto add_two = [&](Index t, auto start) {
    const From *const a = x + t * apart, *const b = a + apart;
    const T w = weights[t], v = weights[t + 1];
    for (Index k = 0; k < n; ++k) to[k] = start(to[k]) + (w * static_cast<T>(a[k]) + v * static_cast<T>(b[k]));
  };
  add_two(0, [](T) { return T(0); });
  Index t = 2;
  for (; t + 1 < taps; t += 2) add_two(t, [](T sum) { return sum; });
  if (t == taps) return;
  const From* const last = x + t * apart;
  for (Index k = 0; k < n; ++k) to[k] += weights[t] * static_cast<T>(last[k]);
}

// Adjacent channels of one pixel in one register; those beyond a pixel's last belong to its neighbour and are written
// again with it.
typedef float Four __attribute__((vector_size(16)));

// kTaps: known to the compiler, or 0.
template <int kTaps>
void sum_pixels_of_few_channels(const ResizeTable<float>& columns, Index channels, const float* row, float* y) {
  const Index taps = kTaps > 0 ? kTaps : columns.taps;
  const auto pixel = [&](Index j) {
    Four sum{};
    const float* const from = row + columns.first[static_cast<std::size_t>(j)] * channels;
    const float* const weights = columns.weights.data() + j * taps;
    for (Index t = 0; t < taps; ++t) {
      Four x;
      std::memcpy(&x, from + t * channels, sizeof x);
      sum += weights[t] * x;
    }
    return sum;
  };
  // The last pixels have no neighbours to write over.
  const Index whole = columns.size - (4 + channels - 1) / channels + 1;
  Index j = 0;
  for (; j < whole; ++j) {
    const Four sum = pixel(j);
    std::memcpy(y + j * channels, &sum, sizeof sum);
  }
  for (; j < columns.size; ++j) {
    const Four sum = pixel(j);
    std::memcpy(y + j * channels, &sum, static_cast<std::size_t>(channels) * sizeof(float));
  }
}

template <class T>
void sum_pixels(const ResizeTable<T>& columns, Index channels, const T* row, T* y) {
  for (Index j = 0; j < columns.size; ++j) {
    const T* const from = row + columns.first[static_cast<std::size_t>(j)] * channels;
    const T* const weights = columns.weights.data() + j * columns.taps;
    T* const to = y + j * channels;
    for (Index c = 0; c < channels; ++c) to[c] = weights[0] * from[c];
    for (Index t = 1; t < columns.taps; ++t)
      for (Index c = 0; c < channels; ++c) to[c] += weights[t] * from[t * channels + c];
  }
}

}  // namespace

template <class From, class T>
void resize_rows(const ResizeTable<T>& rows, const ResizeTable<T>& columns, Index channels, Index first_row,
                 Index last_row, const From* x, T* y, T* scratch) {
  const Index given_row = columns.given * channels, row = columns.size * channels;
  for (Index c = 0; c < 4; ++c) scratch[given_row + c] = 0;  // the last pixel is read as one of four channels
  for (Index r = first_row; r < last_row; ++r) {
    const Index image = r / rows.size, i = r % rows.size;
    const Index first = image * rows.given + rows.first[static_cast<std::size_t>(i)];
    sum_rows(x + first * given_row, given_row, rows.weights.data() + i * rows.taps, rows.taps, given_row, scratch);
    T* const to = y + r * row;
    if constexpr (std::is_same_v<T, float>) {
      if (channels <= 4) {
        if (columns.taps == 2)
          sum_pixels_of_few_channels<2>(columns, channels, scratch, to);
        else
          sum_pixels_of_few_channels<0>(columns, channels, scratch, to);
        continue;
      }
    }
    sum_pixels(columns, channels, scratch, to);
  }
}

template void resize_rows(const ResizeTable<float>&, const ResizeTable<float>&, Index, Index, Index, const float*,
                          float*, float*);
template void resize_rows(const ResizeTable<float>&, const ResizeTable<float>&, Index, Index, Index,
                          const std::uint8_t*, float*, float*);
template void resize_rows(const ResizeTable<double>&, const ResizeTable<double>&, Index, Index, Index, const double*,
                          double*, double*);

}  // namespace strata::kernels
