#pragma once

#include <fuzzer/FuzzedDataProvider.h>

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "models/saving/stored_tree.h"
#include "tests/fuzz/fuzzing.h"

namespace strata::fuzzing {

/// The content of a weights file as readers see it, to be damaged in ways that an intact HDF5 file can be wrong in.
/// HDF5's own library, which crashes on damaged bytes, has no part in it.
class DamagedTree : public StoredTree {
 public:
  /// A copy of what is in `file`.
  explicit DamagedTree(const StoredTree& file) { copy_group(file, ""); }

  /// Applies changes that the input chooses.
  void damage(FuzzedDataProvider& input) {
    for (int i = input.ConsumeIntegralInRange(1, 12); i > 0; --i) damage_once(input);
  }

  bool has_group(const std::string& path) const override { return path.empty() || groups_.contains(path); }
  bool has_dataset(const std::string& path) const override { return datasets_.contains(path); }
  std::vector<std::string> children(const std::string& group) const override {
    if (!has_group(group)) throw Error("tree", "'" + group + "' is not a group");
    std::set<std::string> names;
    for (const std::string& path : paths())
      if (parent_of(path) == group) names.insert(path.substr(group.empty() ? 0 : group.size() + 1));
    return {names.begin(), names.end()};
  }
  Type dataset_type(const std::string& path) const override { return dataset(path).type; }
  StoredArray describe(const std::string& path) const override {
    const Type type = dataset_type(path);
    return {std::string(to_string(type.dtype)), type.shape, type.bytes()};
  }
  Tensor read(const std::string& path, DType dtype) const override {
    const Stored& stored = dataset(path);
    // Shapes are compared before values are read, or a file could ask for any amount of memory.
    check(stored.type.shape.elements() < 4096, "a data set was read whose shape nothing had compared");
    Tensor value(dtype, stored.type.shape, Device{});
    std::memset(value.mutable_raw(), dtype == DType::boolean ? stored.fill & 1 : stored.fill, value.bytes());
    return value;
  }
  bool has_attribute(const std::string& object, const std::string& name) const override {
    return attributes_.contains({object, name});
  }
  std::string read_text(const std::string& object, const std::string& name) const override {
    const std::vector<std::string> texts = read_texts(object, name);
    if (texts.size() != 1) throw Error("tree", "expected one text");
    return texts[0];
  }
  std::vector<std::string> read_texts(const std::string& object, const std::string& name) const override {
    const auto found = attributes_.find({object, name});
    if (found == attributes_.end()) throw Error("tree", "'" + object + "' has no attribute '" + name + "'");
    return found->second;
  }

 private:
  struct Stored {
    Type type;
    unsigned char fill = 0;
  };
  using Attribute = std::pair<std::string, std::string>;  // of an object, by name

  static std::string parent_of(const std::string& path) {
    const std::size_t end = path.rfind('/');
    return end == std::string::npos ? "" : path.substr(0, end);
  }
  static bool is_below(const std::string& path, const std::string& top) {
    return path == top || path.starts_with(top + "/");
  }

  const Stored& dataset(const std::string& path) const {
    const auto found = datasets_.find(path);
    if (found == datasets_.end()) throw Error("tree", "'" + path + "' is not a data set");
    return found->second;
  }
  std::vector<std::string> paths() const {
    std::vector<std::string> all(groups_.begin(), groups_.end());
    for (const auto& [path, stored] : datasets_) all.push_back(path);
    return all;
  }

  void copy_group(const StoredTree& file, const std::string& group) {
    for (const char* name : {"name", "layer_names", "weight_names"})
      if (file.has_attribute(group, name))
        attributes_[{group, name}] =
            std::string_view(name) == "name" ? std::vector{file.read_text(group, name)} : file.read_texts(group, name);
    for (const std::string& child : file.children(group)) {
      const std::string path = joined_path(group, child);
      if (file.has_group(path)) {
        groups_.insert(path);
        copy_group(file, path);
      } else {
        datasets_[path] = {file.dataset_type(path)};
      }
    }
  }

  void remove(const std::string& top) {
    std::erase_if(groups_, [&](const std::string& path) { return is_below(path, top); });
    std::erase_if(datasets_, [&](const auto& entry) { return is_below(entry.first, top); });
    std::erase_if(attributes_, [&](const auto& entry) { return is_below(entry.first.first, top); });
  }

  /// As a hard link would: the same content under another name.
  void link(const std::string& from, const std::string& to) {
    if (is_below(to, from)) return;  // a copy cannot hold itself
    const auto moved = [&](const std::string& path) { return to + path.substr(from.size()); };
    for (const std::string& path : std::set(groups_))
      if (is_below(path, from)) groups_.insert(moved(path));
    for (const auto& [path, stored] : std::map(datasets_))
      if (is_below(path, from)) datasets_[moved(path)] = stored;
    for (const auto& [attribute, texts] : std::map(attributes_))
      if (is_below(attribute.first, from)) attributes_[{moved(attribute.first), attribute.second}] = texts;
  }

  static Type any_type(FuzzedDataProvider& input) {
    static constexpr std::int64_t sizes[] = {
        0, 1, 2, 3, 4, 6, 64, std::int64_t{1} << 31, std::int64_t{1} << 40, std::int64_t{1} << 62};
    Type type{static_cast<DType>(input.ConsumeIntegralInRange(0, static_cast<int>(DType::boolean))), {}};
    for (int i = input.ConsumeIntegralInRange(0, 4); i > 0; --i) type.shape.push_back(input.PickValueInArray(sizes));
    return type;
  }

  static void change_texts(std::vector<std::string>& texts, FuzzedDataProvider& input) {
    const std::size_t at = texts.empty() ? 0 : input.ConsumeIntegralInRange<std::size_t>(0, texts.size() - 1);
    switch (input.ConsumeIntegralInRange(0, 3)) {
      case 0:
        if (!texts.empty()) texts.erase(texts.begin() + static_cast<std::ptrdiff_t>(at));
        break;
      case 1:
        if (!texts.empty()) texts.push_back(std::string(texts[at]));
        break;
      case 2:
        if (!texts.empty()) texts[at] = input.ConsumeRandomLengthString(40);
        break;
      default:
        texts.push_back(input.ConsumeRandomLengthString(40));
    }
  }

  void damage_once(FuzzedDataProvider& input) {
    const std::vector<std::string> all = paths();
    const std::string some = all.empty() ? "" : all[input.ConsumeIntegralInRange<std::size_t>(0, all.size() - 1)];
    switch (input.ConsumeIntegralInRange(0, 6)) {
      case 0:
        remove(some);
        break;
      case 1:
        link(some, joined_path(parent_of(some), input.ConsumeRandomLengthString(20)));
        break;
      case 2:
        if (!all.empty()) link(some, all[input.ConsumeIntegralInRange<std::size_t>(0, all.size() - 1)]);
        break;
      case 3:
        if (datasets_.contains(some)) datasets_[some].type = any_type(input);
        break;
      case 4:
        if (datasets_.contains(some)) datasets_[some].fill = input.ConsumeIntegral<unsigned char>();
        break;
      case 5:
        for (const char* name : {"name", "layer_names", "weight_names"})
          if (attributes_.contains({some, name})) change_texts(attributes_[{some, name}], input);
        break;
      default:
        attributes_[{some, input.ConsumeBool() ? "weight_names" : "layer_names"}] = {
            input.ConsumeRandomLengthString(40)};
    }
  }

  std::set<std::string> groups_;
  std::map<std::string, Stored> datasets_;
  std::map<Attribute, std::vector<std::string>> attributes_;
};

}  // namespace strata::fuzzing
