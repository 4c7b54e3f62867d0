// JPEG files, whole and at a part of their size.
#include "tests/fuzz/image.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace strata;
  for (const std::array<std::int64_t, 2> at_least : {std::array<std::int64_t, 2>{0, 0}, {1, 1}, {7, 9}})
    fuzzing::decode_in_all_ways(
        [&](std::string_view bytes, int channels) { return data::decode_jpeg(bytes, channels, "input", at_least); },
        data, size);
  return 0;
}
