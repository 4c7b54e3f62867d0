// PNG files.
#include "tests/fuzz/image.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace strata;
  fuzzing::decode_in_all_ways(
      [](std::string_view bytes, int channels) { return data::decode_png(bytes, channels, "input"); }, data, size);
  return 0;
}
