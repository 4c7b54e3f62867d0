#pragma once

#include <numeric>

#include "core/cuda/rows.h"
#include "core/kernels/pack.h"

/// Sweeps over x [rows, channels] in which each thread keeps to its columns, so that what belongs to a channel is read
/// once per thread, and moves several elements at once. For .cu files only.
namespace strata::cuda {

/// What a thread moves at once; addresses must be multiples of it (core/cuda/alignment.h).
inline constexpr int pack_bytes = 16;

/// Which packs of elements a thread visits: number `first` and every `step`-th after it below `last`, which all begin
/// in one column. What it makes of their column k goes to place `result + k` of an array of partial results.
struct Visit {
  std::int64_t first, last, step;
  std::int64_t column;  ///< of joined rows: Columns::channel
  std::int64_t result;
};

/// x [rows, channels] cut into packs of `width` elements, and its columns of packs into parts. Where the channels are
/// no multiple of the width, several rows count as one line with as many columns as they have elements. Rows that are
/// left over are visited element by element.
class Columns {
 public:
  /// So many parts that about `threads` threads have eight packs or more each (cuda::column_parts).
  Columns(std::int64_t rows, std::int64_t channels, int width, std::int64_t threads)
      : channels_(channels), joined_(width / std::gcd(channels, static_cast<std::int64_t>(width))), rows_(rows) {
    const std::int64_t lines = rows / joined_;
    vectors_ = joined_ * channels / width;
    packs_ = lines * vectors_;
    rows_left_ = rows - lines * joined_;
    parts_ = column_parts(vectors_, lines, threads);
  }

  STRATA_HD std::int64_t rows() const { return rows_; }
  STRATA_HD std::int64_t channels() const { return channels_; }
  /// Threads that visit packs; behind them one for each element that is left over.
  STRATA_HD std::int64_t tasks() const { return parts_ * vectors_; }
  std::int64_t all_tasks() const { return tasks() + rows_left_ * channels_; }
  /// Partial results of all visits: [this many, channels].
  STRATA_HD std::int64_t partial_rows() const { return parts_ * joined_ + rows_left_; }
  STRATA_HD std::int64_t channel(std::int64_t column) const { return column - quotient(column, channels_) * channels_; }

  template <int width>
  STRATA_HD Visit packs(std::int64_t task) const {
    return {task, packs_, tasks(), (task - quotient(task, vectors_) * vectors_) * width, task * width};
  }
  template <int width>
  STRATA_HD Visit element_left(std::int64_t task) const {
    const std::int64_t i = task - tasks(), element = packs_ * width + i;
    return {element, element + 1, 1, i, tasks() * width + i};
  }

 private:
  std::int64_t channels_, joined_, rows_, vectors_ = 0, packs_ = 0, rows_left_ = 0, parts_ = 1;
};

namespace detail {
template <class Body, int width>
struct VisitColumns {
  Body body;
  Columns columns;
  STRATA_DEVICE void operator()(std::int64_t task) const {
    if constexpr (width > 1)
      if (task >= columns.tasks()) return body.template visit<1>(columns.template element_left<width>(task));
    body.template visit<width>(columns.template packs<width>(task));
  }
};
}  // namespace detail

/// body.visit<w>(visit) for packs of w = `width` elements, and with w = 1 for elements that are left over.
template <int width, class Body>
void for_columns(Cuda& gpu, const Columns& columns, const Body& body) {
  for_each(gpu, columns.all_tasks(), detail::VisitColumns<Body, width>{body, columns});
}

/// The partial results [partial rows, channels] of one channel combined, for every member of the team.
template <class T, class Combine>
STRATA_DEVICE inline T combined_parts(const Team& team, const Columns& columns, const T* parts, std::int64_t channel,
                                      Combine combine) {
  const auto read = [from = parts + channel, channels = columns.channels()](std::int64_t i) {
    return from[i * channels];
  };
  return team.reduce(fold(T{}, combine, team.rank(), columns.partial_rows(), team.size(), read), combine);
}

/// body(channel, team) for every channel, by a team that is large enough for the partial results.
template <class Body>
void for_channels(Cuda& gpu, const Columns& columns, const Body& body) {
  const std::int64_t parts = columns.partial_rows(), channels = columns.channels();
  const int width = parts > 1024 ? Team::most : line_width(channels, {parts, channels});
  for_rows(gpu, channels, width, body);
}

}  // namespace strata::cuda
