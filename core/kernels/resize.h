#pragma once

// Images [batch, height, width, channels] of another size, separably: each row of the result is a weighted sum of rows,
// each of its pixels a weighted sum along that row. The tables of weights come from the op.

#include <cstdint>
#include <vector>

#include "core/kernels/conv_geometry.h"

namespace strata::kernels {

// How pixels along one axis become others: position i is the sum over t in [0, taps) of weights[i * taps + t] times
// pixel first[i] + t. All of these lie in the image; weights that a position does not need are zero.
template <class T>
struct ResizeTable {
  Index given = 0, size = 0, taps = 0;
  std::vector<std::int32_t> first;
  std::vector<T> weights;
};

// Elements of scratch for resize_rows.
inline Index resize_scratch(Index given_width, Index channels) { return given_width * channels + 4; }

// Rows [first_row, last_row) of the result, counted through all images: row r is row r % rows.size of image
// r / rows.size. x and y point at the whole batch. From: T or, with T float, std::uint8_t.
template <class From, class T>
void resize_rows(const ResizeTable<T>& rows, const ResizeTable<T>& columns, Index channels, Index first_row,
                 Index last_row, const From* x, T* y, T* scratch);

}  // namespace strata::kernels
