#include "models/saving/name_lists.h"

#include <algorithm>

#include "core/base/error.h"

namespace strata {

namespace {

constexpr std::size_t most_bytes = 64512;

using Names = std::vector<std::string>;

/// As numpy.array_split: the first names.size() % count parts hold one name more.
std::vector<Names> split(const Names& names, std::size_t count) {
  std::vector<Names> parts;
  auto at = names.begin();
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t size = names.size() / count + (i < names.size() % count ? 1 : 0);
    const auto end = at + static_cast<std::ptrdiff_t>(size);
    parts.emplace_back(at, end);
    at = end;
  }
  return parts;
}

}  // namespace

void write_name_list(Hdf5File& file, const std::string& object, const std::string& attribute, const Names& names) {
  std::size_t longest = 1;
  for (const std::string& name : names) longest = std::max(longest, name.size());
  if (longest > most_bytes)
    throw Error("save", "a name of " + std::to_string(longest) + " bytes does not fit an HDF5 attribute, which holds " +
                            std::to_string(most_bytes));
  const std::size_t per_part = most_bytes / longest;
  const std::size_t parts = (names.size() + per_part - 1) / per_part;
  if (parts <= 1) return file.write_texts(object, attribute, names, Hdf5Text::fixed_ascii);
  std::size_t number = 0;
  for (const Names& part : split(names, parts))
    file.write_texts(object, attribute + std::to_string(number++), part, Hdf5Text::fixed_ascii);
}

Names read_name_list(const StoredTree& file, const std::string& object, const std::string& attribute) {
  if (file.has_attribute(object, attribute) || !file.has_attribute(object, attribute + "0"))
    return file.read_texts(object, attribute);
  Names names;
  for (int part = 0; file.has_attribute(object, attribute + std::to_string(part)); ++part) {
    const Names more = file.read_texts(object, attribute + std::to_string(part));
    names.insert(names.end(), more.begin(), more.end());
  }
  return names;
}

}  // namespace strata
