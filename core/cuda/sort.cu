#include "core/cuda/sort.h"

#include "core/cuda/launch.h"
#if defined(__CUDACC__)
#include <cub/device/device_radix_sort.cuh>
#else
#include <algorithm>
#include <numeric>
#endif

namespace strata::cuda {

namespace {
struct Number {
  std::uint32_t* out;
  STRATA_HD void operator()(std::int64_t i) const { out[i] = static_cast<std::uint32_t>(i); }
};

std::size_t numbers_bytes(std::int64_t count) { return (static_cast<std::size_t>(count) * 4 + 255) / 256 * 256; }
}  // namespace

#if defined(__CUDACC__)
namespace {
std::size_t radix_bytes(std::int64_t count) {
  std::size_t bytes = 0;
  const std::uint32_t* in = nullptr;
  std::uint32_t* out = nullptr;
  const cudaError_t status = cub::DeviceRadixSort::SortPairs(nullptr, bytes, in, out, in, out, static_cast<int>(count));
  if (status != cudaSuccess)
    throw Error("gpu", std::string("cub::DeviceRadixSort failed: ") + cudaGetErrorString(status));
  return bytes;
}
}  // namespace

std::size_t sort_scratch(std::int64_t count) { return numbers_bytes(count) + radix_bytes(count); }

void sort_positions(Cuda& gpu, const std::uint32_t* keys, std::int64_t count, std::uint32_t* sorted_keys,
                    std::uint32_t* positions, std::byte* scratch) {
  auto* numbers = reinterpret_cast<std::uint32_t*>(scratch);
  for_each(gpu, count, Number{numbers});
  std::size_t bytes = radix_bytes(count);
  const cudaError_t status =
      cub::DeviceRadixSort::SortPairs(scratch + numbers_bytes(count), bytes, keys, sorted_keys, numbers, positions,
                                      static_cast<int>(count), 0, 32, detail::stream_of(gpu));
  if (status != cudaSuccess)
    throw Error("gpu", std::string("cub::DeviceRadixSort failed: ") + cudaGetErrorString(status));
}
#else
std::size_t sort_scratch(std::int64_t count) { return numbers_bytes(count); }

void sort_positions(Cuda& gpu, const std::uint32_t* keys, std::int64_t count, std::uint32_t* sorted_keys,
                    std::uint32_t* positions, std::byte*) {
  enqueue(gpu.stream().handle(), [=] {
    for (std::int64_t i = 0; i < count; ++i) positions[i] = static_cast<std::uint32_t>(i);
    std::stable_sort(positions, positions + count,
                     [keys](std::uint32_t a, std::uint32_t b) { return keys[a] < keys[b]; });
    for (std::int64_t i = 0; i < count; ++i) sorted_keys[i] = keys[positions[i]];
  });
}
#endif

}  // namespace strata::cuda
