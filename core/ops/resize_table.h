#pragma once

#include "core/kernels/resize.h"
#include "core/ops/resize_images.h"

/// The weights of resize_images. Internal.
namespace strata::resizing {

using Table = kernels::ResizeTable<double>;

/// From `given` pixels to `size` along one axis; `first` never decreases. Error for sizes of 2^31 or more, and where
/// the table is more than the thread's AllocationBudget leaves.
Table make_table(Interpolation, std::int64_t given, std::int64_t size, bool antialias);

/// What brings gradients of the positions back to the pixels: the same weights, by pixel. Of a table by make_table.
Table transposed(const Table&);

template <class T>
kernels::ResizeTable<T> table_of(const Table& t) {
  return {t.given, t.size, t.taps, t.first, {t.weights.begin(), t.weights.end()}};
}

/// Of the rows and of the columns of an op's input.
struct Tables {
  Table rows, columns;
};
Tables tables_of(const ResizeImages&, const Signature&);
Tables tables_of(const ResizeImagesGradient&, const Signature&);

}  // namespace strata::resizing
