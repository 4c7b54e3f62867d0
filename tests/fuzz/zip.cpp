// Zip archives: what `.keras` and `.npz` files are.
#include "core/base/zip_archive.h"

#include "tests/fuzz/fuzzing.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace strata;
  constexpr std::uint64_t limit = std::uint64_t{1} << 24;
  const fuzzing::File file(data, size);
  fuzzing::expect_error_or_success([&] {
    const auto archive = ZipReader::open(file.path());
    for (const ZipReader::Member& member : archive->members()) {
      fuzzing::check(!member.name.starts_with('/') && ("/" + member.name + "/").find("/../") == std::string::npos,
                     "a name that leads out of the archive");
      fuzzing::expect_error_or_success([&] {
        fuzzing::check(archive->read(member.name, limit).size() == member.size,
                       "a content of another size than declared");
      });
    }
  });
  return 0;
}
