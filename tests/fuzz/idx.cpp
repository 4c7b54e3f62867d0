// IDX files, compressed or not, as the data sets read them.
#include "data/idx.h"

#include "data/gzip.h"
#include "tests/fuzz/fuzzing.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace strata;
  constexpr std::size_t limit = std::size_t{1} << 24;
  const fuzzing::File file(data, size);
  fuzzing::expect_error_or_success([&] {
    const data::Bytes content = data::read_content(file.path(), limit);
    for (const int rank : {1, 3})
      fuzzing::expect_error_or_success([&] {
        const Tensor array = data::parse_idx(content, rank, "input");
        fuzzing::check(array.shape().rank() == rank && array.bytes() < content.size(), "more elements than bytes");
      });
  });
  return 0;
}
