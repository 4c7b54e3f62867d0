// `.npy` files.
#include "data/npy.h"

#include "tests/fuzz/fuzzing.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace strata;
  const fuzzing::File file(data, size);
  fuzzing::expect_error_or_success([&] {
    const Tensor array = data::load_npy(file.path());
    // i8, i16 and u16 become i32, u32 becomes i64: at most four times the bytes.
    fuzzing::check(array.bytes() <= 4 * size, "more elements than bytes");
  });
  return 0;
}
