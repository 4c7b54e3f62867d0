#pragma once

#include "data/image_codecs.h"
#include "data/image_decoding.h"
#include "tests/fuzz/fuzzing.h"

namespace strata::fuzzing {

/// Reads one file as images of every number of channels.
template <class Decode>
void decode_in_all_ways(const Decode& decode, const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const int channels : {1, 3, 4})
    expect_error_or_success([&] {
      const Tensor image = decode(bytes, channels);
      check(image.dtype() == DType::u8 && image.shape().rank() == 3 && image.shape()[2] == channels,
            "an image of another kind");
      check(image.size() > 0 && image.size() <= data::most_image_pixels * channels, "an image of absurd size");
    });
}

}  // namespace strata::fuzzing
