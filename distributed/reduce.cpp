#include "distributed/reduce.h"

#include <algorithm>
#include <array>
#include <type_traits>

#include "core/base/error.h"

namespace strata::distribute {

namespace {
template <class T>
inline constexpr bool narrow = std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>;
/// What sums are formed in.
template <class T>
using Wide = std::conditional_t<narrow<T>, float, T>;

template <class T>
Wide<T> widened(T x) {
  if constexpr (narrow<T>)
    return to_float(x);
  else
    return x;
}

template <class T>
T narrowed(Wide<T> x) {
  if constexpr (std::is_same_v<T, Half>)
    return to_half(x);
  else if constexpr (std::is_same_v<T, BFloat16>)
    return to_bfloat16(x);
  else
    return x;
}

/// NaN wins.
template <class W>
W larger(W a, W b) {
  return b > a || b != b ? b : a;
}

constexpr std::size_t block_size = 512;  // elements that stay in the first-level cache while replicas are added

template <class T>
void reduce_elements(Reduction reduction, const std::vector<const void*>& in, const std::vector<void*>& out,
                     std::size_t begin, std::size_t end) {
  std::array<Wide<T>, block_size> block;
  for (std::size_t at = begin; at < end; at += block_size) {
    const std::size_t n = std::min(block_size, end - at);
    const auto* first = static_cast<const T*>(in[0]) + at;
    for (std::size_t i = 0; i < n; ++i) block[i] = widened(first[i]);
    for (std::size_t r = 1; r < in.size(); ++r) {
      const auto* next = static_cast<const T*>(in[r]) + at;
      if (reduction == Reduction::max)
        for (std::size_t i = 0; i < n; ++i) block[i] = larger(block[i], widened(next[i]));
      else
        for (std::size_t i = 0; i < n; ++i) block[i] += widened(next[i]);
    }
    if (reduction == Reduction::mean)
      for (std::size_t i = 0; i < n; ++i) block[i] /= static_cast<Wide<T>>(in.size());
    for (void* to : out)
      for (std::size_t i = 0; i < n; ++i) (static_cast<T*>(to) + at)[i] = narrowed<T>(block[i]);
  }
}
}  // namespace

void check_reducible(Reduction reduction, DType dtype) {
  if (dtype == DType::u8 || dtype == DType::boolean || (reduction == Reduction::mean && !is_floating(dtype)))
    fail_expected("communicator",
                  reduction == Reduction::mean ? "numbers of f32, f64, f16 or bf16 for a mean"
                                               : "numbers of f32, f64, f16, bf16, i32 or i64",
                  to_string(dtype));
}

void reduce(Reduction reduction, DType dtype, const std::vector<const void*>& in, const std::vector<void*>& out,
            std::size_t begin, std::size_t end) {
  dispatch(dtype, [&]<class T>() {
    if constexpr (!std::is_same_v<T, bool> && !std::is_same_v<T, std::uint8_t>)
      reduce_elements<T>(reduction, in, out, begin, end);
  });
}

}  // namespace strata::distribute
