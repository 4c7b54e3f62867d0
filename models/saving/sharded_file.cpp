#include "models/saving/sharded_file.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>

#include "core/base/error.h"
#include "core/base/json.h"
#include "models/saving/model_file.h"

namespace strata {

namespace fs = std::filesystem;

namespace {

std::string read_list(const fs::path& list) {
  std::error_code status;
  if (const auto size = fs::file_size(list, status); !status && size > ModelFile::most_text)
    throw Error(list.string(), "the list of a sharded weights file has at most " +
                                   std::to_string(ModelFile::most_text) + " bytes; this one has " +
                                   std::to_string(size));
  std::ifstream in(list, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in) throw Error(list.string(), "cannot be read");
  return text;
}

/// The files that the list names, each once.
std::set<std::string> shard_names(const fs::path& list) {
  const ConfigValue value = parse_json(read_list(list), list.string());
  const auto* top = std::get_if<Config>(&value.variant());
  const auto* map =
      top && top->contains("weight_map") ? std::get_if<Config>(&top->at("weight_map").variant()) : nullptr;
  if (!map) fail_expected(list.string(), "a list of shards, with a \"weight_map\"", "something else");
  std::set<std::string> names;
  const auto add = [&](const ConfigValue& file) {
    const auto* name = std::get_if<std::string>(&file.variant());
    const bool is_near =
        name && name->ends_with(".weights.h5") && name->find_first_of(std::string("/\\\0", 3)) == name->npos;
    if (!is_near) fail_expected(list.string(), "names of `.weights.h5` files in the same folder", to_json(file));
    names.insert(*name);
  };
  for (const auto& [group, files] : map->items()) {
    if (const auto* several = std::get_if<ConfigValue::List>(&files.variant()))
      std::for_each(several->begin(), several->end(), add);
    else
      add(files);
  }
  if (names.empty()) fail_expected(list.string(), "a list of shards", "an empty one");
  return names;
}

}  // namespace

ShardedTree::ShardedTree(const fs::path& list) {
  for (const std::string& name : shard_names(list)) shards_.push_back(Hdf5File::open(list.parent_path() / name));
}

bool ShardedTree::has_group(const std::string& path) const {
  return std::any_of(shards_.begin(), shards_.end(), [&](const auto& f) { return f->has_group(path); });
}

bool ShardedTree::has_dataset(const std::string& path) const {
  return std::any_of(shards_.begin(), shards_.end(), [&](const auto& f) { return f->has_dataset(path); });
}

std::vector<std::string> ShardedTree::children(const std::string& group) const {
  std::set<std::string> all;
  for (const auto& shard : shards_)
    if (shard->has_group(group))
      for (const std::string& name : shard->children(group)) all.insert(name);
  return {all.begin(), all.end()};
}

// Where no shard has it, the first one says so.
const Hdf5File& ShardedTree::with_dataset(const std::string& path) const {
  const auto found = std::find_if(shards_.begin(), shards_.end(), [&](const auto& f) { return f->has_dataset(path); });
  return found == shards_.end() ? *shards_.front() : **found;
}

const Hdf5File& ShardedTree::with_attribute(const std::string& object, const std::string& name) const {
  const auto found = std::find_if(shards_.begin(), shards_.end(), [&](const auto& f) {
    return (f->has_group(object) || f->has_dataset(object)) && f->has_attribute(object, name);
  });
  return found == shards_.end() ? *shards_.front() : **found;
}

Type ShardedTree::dataset_type(const std::string& path) const { return with_dataset(path).dataset_type(path); }
StoredArray ShardedTree::describe(const std::string& path) const { return with_dataset(path).describe(path); }
Tensor ShardedTree::read(const std::string& path, DType dtype) const { return with_dataset(path).read(path, dtype); }

bool ShardedTree::has_attribute(const std::string& object, const std::string& name) const {
  return with_attribute(object, name).has_attribute(object, name);
}
std::string ShardedTree::read_text(const std::string& object, const std::string& name) const {
  return with_attribute(object, name).read_text(object, name);
}
std::vector<std::string> ShardedTree::read_texts(const std::string& object, const std::string& name) const {
  return with_attribute(object, name).read_texts(object, name);
}

std::uint64_t bytes_of_shards(const fs::path& list) {
  const std::string name = list.filename().string(), ending = ".weights.json";
  const std::string stem = name.substr(0, name.size() - ending.size()) + "_";
  std::uint64_t total = fs::file_size(list);
  for (const fs::directory_entry& entry : fs::directory_iterator(fs::absolute(list).parent_path())) {
    const std::string other = entry.path().filename().string();
    if (other.starts_with(stem) && other.ends_with(".weights.h5") && entry.is_regular_file())
      total += entry.file_size();
  }
  return total;
}

}  // namespace strata
