#pragma once

#include <algorithm>
#include <bit>

#include "core/cuda/launch.h"
#if !defined(__CUDACC__)
#include "core/cuda/crew_emulated.h"
#endif

/// Loops over rows and columns in which threads share the work: what reductions, softmax and normalizations are made
/// of. For .cu files only. How the work is shared follows from the sizes alone, so results are the same on every GPU.
namespace strata::cuda {

#if defined(__CUDACC__)
// Decorates what takes part in a team: a body's operator() and what it calls.
#define STRATA_DEVICE __device__

/// The threads that work on one row together: 1 to 32 neighbours, a power of two, or the 256 of a block.
class Team {
 public:
  static constexpr int most = 256;
  static constexpr std::size_t most_bytes = 32;  ///< of what is combined

  __device__ Team(int size, char* memory)
      : size_(size), rank_(static_cast<int>(threadIdx.x) & (size - 1)), memory_(memory) {}
  __device__ int rank() const { return rank_; }
  __device__ int size() const { return size_; }
  /// What members wrote before is seen by all of them afterwards.
  __device__ void sync() const {
    if (size_ > 32)
      __syncthreads();
    else
      __syncwarp(lanes());
  }
  /// Combines what the members bring, in the order of their ranks; each gets the result. `combine` is associative.
  template <class T, class Combine>
  __device__ T reduce(T x, Combine combine) const {
    static_assert(sizeof(T) <= most_bytes);
    for (int apart = 1; apart < size_ && apart < 32; apart *= 2) {
      const T other = exchanged(x, apart);
      x = (rank_ & apart) != 0 ? combine(other, x) : combine(x, other);
    }
    if (size_ <= 32) return x;
    T* parts = reinterpret_cast<T*>(memory_);
    __syncthreads();
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = x;
    __syncthreads();
    T all = parts[0];
    for (int warp = 1; warp < most / 32; ++warp) all = combine(all, parts[warp]);
    return all;
  }

 private:
  __device__ unsigned lanes() const {
    return size_ >= 32 ? 0xffffffffu : ((1u << size_) - 1u) << (threadIdx.x % 32 & ~static_cast<unsigned>(size_ - 1));
  }
  template <class T>
  __device__ T exchanged(const T& x, int apart) const {
    struct Words {
      unsigned word[(sizeof(T) + 3) / 4];
    } words{};
    T other;
    memcpy(&words, &x, sizeof(T));
    for (unsigned& word : words.word) word = __shfl_xor_sync(lanes(), word, apart);
    memcpy(&other, &words, sizeof(T));
    return other;
  }
  int size_, rank_;
  char* memory_;
};

namespace detail {
template <class Body>
__global__ void __launch_bounds__(Team::most) rows_of(std::int64_t count, int width, const Body body) {
  __shared__ alignas(16) char memory[Team::most / 32 * Team::most_bytes];
  const Team team(width, memory);
  const int teams = Team::most / width;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * teams;
  for (std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * teams + threadIdx.x / width; row < count; row += step)
    body(row, team);
}
}  // namespace detail

/// body(row, team) for every row in [0, count), each by a team of `width` threads.
template <class Body>
void for_rows(Cuda& gpu, std::int64_t count, int width, const Body& body) {
  if (count == 0) return;
  const std::int64_t teams = Team::most / width,
                     most = static_cast<std::int64_t>(gpu.properties().multiprocessors) * 32;
  const auto blocks = static_cast<unsigned>(std::min((count + teams - 1) / teams, most));
  detail::rows_of<<<blocks, Team::most, 0, detail::stream_of(gpu)>>>(count, width, body);
  detail::check_launch(typeid(Body).name());
}

#else  // the emulated GPU
#define STRATA_DEVICE

class Team {
 public:
  static constexpr int most = 256;
  /// A few members meet as many would.
  static constexpr int most_emulated = 4;

  Team(int size, int rank, const void** brought) : size_(size), rank_(rank), brought_(brought) {}
  int rank() const { return rank_; }
  int size() const { return size_; }
  void sync() const {
    if (size_ > 1) Crew::meet();
  }
  template <class T, class Combine>
  T reduce(T x, Combine combine) const {
    if (size_ == 1) return x;
    brought_[rank_] = &x;
    Crew::meet();
    T all = *static_cast<const T*>(brought_[0]);
    for (int r = 1; r < size_; ++r) all = combine(all, *static_cast<const T*>(brought_[r]));
    Crew::meet();
    return all;
  }

 private:
  int size_, rank_;
  const void** brought_;
};

template <class Body>
void for_rows(Cuda& gpu, std::int64_t count, int width, const Body& body) {
  if (count == 0) return;
  enqueue(gpu.stream().handle(), [count, body, size = std::min(width, Team::most_emulated)] {
    const void* brought[Team::most_emulated];
    const auto work = [&](int rank) {
      const Team team(size, rank, brought);
      for (std::int64_t row = 0; row < count; ++row) body(row, team);
    };
    if (size == 1)
      work(0);
    else
      Crew::run(size, work);
  });
}
#endif

/// i / n of numbers that are not negative; in 32 bits where these are enough, which is several times cheaper.
STRATA_HD inline std::int64_t quotient(std::int64_t i, std::int64_t n) {
  if (((i | n) >> 32) == 0) return static_cast<std::uint32_t>(i) / static_cast<std::uint32_t>(n);
  return i / n;
}

/// Lines along the middle axis of [outer, length, inner].
struct Lines {
  std::int64_t length = 1, inner = 1;
  /// Offset of a line's first element; the others follow `inner` apart.
  STRATA_HD std::int64_t start(std::int64_t line) const {
    const std::int64_t outer = quotient(line, inner);
    return outer * length * inner + (line - outer * inner);
  }
};

/// Threads for a row of so many neighbouring elements: each gets four or more.
inline int row_width(std::int64_t length) {
  if (length > 1024) return Team::most;
  return static_cast<int>(
      std::clamp(std::bit_ceil(static_cast<std::uint64_t>(length) / 4), std::uint64_t{1}, std::uint64_t{32}));
}

/// Threads for each of `count` lines: neighbouring threads read neighbouring elements, of the line itself or, where
/// there are lines enough, of the lines beside it.
inline int line_width(std::int64_t count, const Lines& lines) {
  if (lines.inner == 1) return row_width(lines.length);
  return lines.length <= 8 || count >= 16384 ? 1 : std::min(32, row_width(lines.length));
}

/// Into how many parts to cut each of `columns` columns of `length` elements, so that a GPU has work for `threads`
/// threads of eight elements or more. Part p of n takes the elements p, p + n, p + 2 n, ...: neighbouring threads,
/// which have neighbouring columns and parts, read neighbouring elements however few columns there are.
inline std::int64_t column_parts(std::int64_t columns, std::int64_t length, std::int64_t threads = 65536) {
  const std::int64_t most = std::clamp<std::int64_t>(length / 8, 1, 8192);
  return std::clamp<std::int64_t>(threads / std::max<std::int64_t>(1, columns), 1, most);
}

/// Combines read(i) for i = first, first + step, ... below last: four at a time, so that loads overlap, and 128 before
/// they join the rest, so that long sums keep their digits.
template <class T, class Combine, class Read>
STRATA_DEVICE inline T fold(T nothing, Combine combine, std::int64_t first, std::int64_t last, std::int64_t step,
                            Read read) {
  T total = nothing;
  for (std::int64_t start = first; start < last; start += 128 * step) {
    const std::int64_t end = start + 128 * step < last ? start + 128 * step : last;
    T block = nothing;
    std::int64_t i = start;
    for (; i + 3 * step < end; i += 4 * step) {
      const T a = read(i), b = read(i + step), c = read(i + 2 * step), d = read(i + 3 * step);
      block = combine(block, combine(combine(a, b), combine(c, d)));
    }
    for (; i < end; i += step) block = combine(block, read(i));
    total = combine(total, block);
  }
  return total;
}

/// write(i, read(i)) for i = first, first + step, ... below last: four are read before they are written, so that loads
/// overlap even where what is written may be what is read.
template <class Read, class Write>
STRATA_DEVICE inline void transfer(std::int64_t first, std::int64_t last, std::int64_t step, Read read, Write write) {
  std::int64_t i = first;
  for (; i + 3 * step < last; i += 4 * step) {
    const auto a = read(i), b = read(i + step), c = read(i + 2 * step), d = read(i + 3 * step);
    write(i, a);
    write(i + step, b);
    write(i + 2 * step, c);
    write(i + 3 * step, d);
  }
  for (; i < last; i += step) write(i, read(i));
}

/// The sum of read(i) over [0, n), and the largest (NaN if one is), known to every member of the team. Member r reads
/// r, r + size, ... only.
template <class A, class Read>
STRATA_DEVICE inline A sum_over(const Team& team, std::int64_t n, Read read) {
  const auto plus = [](A a, A b) { return a + b; };
  return team.reduce(fold(A(0), plus, team.rank(), n, team.size(), read), plus);
}
template <class A, class Read>
STRATA_DEVICE inline A largest_over(const Team& team, std::int64_t n, Read read) {
  const auto larger = [](A a, A b) { return math::maximum(a, b); };
  return team.reduce(fold(-A(math::detail::infinity()), larger, team.rank(), n, team.size(), read), larger);
}
/// transfer() over [0, n) with the same shares.
template <class Read, class Write>
STRATA_DEVICE inline void transfer_over(const Team& team, std::int64_t n, Read read, Write write) {
  transfer(team.rank(), n, team.size(), read, write);
}

}  // namespace strata::cuda
