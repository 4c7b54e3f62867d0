#include "core/base/zip_archive.h"

#include <algorithm>

namespace strata {

std::unique_ptr<ZipReader> ZipReader::open(const std::filesystem::path& file) { return loaded<ZipModule>().open(file); }

bool ZipReader::contains(std::string_view member) const {
  return std::any_of(members().begin(), members().end(), [&](const Member& m) { return m.name == member; });
}

void write_zip(const std::filesystem::path& file, const std::vector<ZipContent>& members) {
  loaded<ZipModule>().write(file, members);
}

}  // namespace strata
