#include "data/idx.h"

#include <cstdint>
#include <cstdio>
#include <cstring>

#include "core/base/error.h"

namespace strata::data {

namespace {

std::uint32_t big_endian(std::span<const std::byte> content, std::size_t offset) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = (value << 8) | std::to_integer<std::uint32_t>(content[offset + i]);
  return value;
}

std::string hex(std::uint32_t value) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%08x", value);
  return text;
}

}  // namespace

Tensor parse_idx(std::span<const std::byte> content, int rank, const std::string& where) {
  const std::size_t header = 4 + 4 * static_cast<std::size_t>(rank);
  if (content.size() < header)
    throw Error(where, "is truncated: expected an IDX header of " + std::to_string(header) + " bytes; received " +
                           std::to_string(content.size()));
  const std::uint32_t expected = 0x00000800u + static_cast<std::uint32_t>(rank);
  if (big_endian(content, 0) != expected)
    throw Error(where, "wrong magic number: expected " + hex(expected) + "; received " + hex(big_endian(content, 0)));
  Shape shape;
  std::uint64_t count = 1;  // each factor is below 2^32, and the product is checked as it grows
  for (int axis = 0; axis < rank; ++axis) {
    const std::uint32_t size = big_endian(content, 4 + 4 * static_cast<std::size_t>(axis));
    shape.push_back(size);
    count *= size;
    if (count > (std::uint64_t{1} << 31)) throw Error(where, "declares more than 2 GiB of elements");
  }
  if (content.size() - header < count)
    throw Error(where, "is truncated: expected " + std::to_string(count) + " bytes for shape " + to_string(shape) +
                           "; received " + std::to_string(content.size() - header));
  if (content.size() - header > count)
    throw Error(where, "expected " + std::to_string(count) + " bytes for shape " + to_string(shape) + "; received " +
                           std::to_string(content.size() - header));
  Tensor t(DType::u8, shape, Device{});
  if (count > 0) std::memcpy(t.mutable_raw(), content.data() + header, count);
  return t;
}

}  // namespace strata::data
