#include "data/cifar.h"

#include <algorithm>

#include "core/base/error.h"
#include "data/checksum.h"
#include "data/gzip.h"

namespace strata::data {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t test_records = 10000;
constexpr std::size_t plane = 32 * 32, pixels = 3 * plane;

// The files as they were found: one buffer for each of format.train_files, then the test file's.
struct CifarFiles {
  std::vector<Bytes> contents;
};

std::vector<std::string> all_files(const CifarFormat& format) {
  std::vector<std::string> names = format.train_files;
  names.push_back(format.test_file);
  return names;
}

std::size_t file_bytes(const CifarFormat& format, std::size_t file) {
  const bool test = file == format.train_files.size();
  return static_cast<std::size_t>(test ? test_records : format.records_per_train_file) *
         (format.classes.size() + pixels);
}

void append_records(const CifarFormat& format, const Bytes& content, const std::string& where, std::int64_t first,
                    datasets::Split& to) {
  const std::size_t record = format.classes.size() + pixels;
  const std::size_t count = content.size() / record;
  std::uint8_t* x = to.x.mutable_data<std::uint8_t>().data() + static_cast<std::size_t>(first) * pixels;
  std::uint8_t* y = to.y.mutable_data<std::uint8_t>().data() + first;
  for (std::size_t r = 0; r < count; ++r) {
    const auto* from = reinterpret_cast<const std::uint8_t*>(content.data()) + r * record;
    for (std::size_t k = 0; k < format.classes.size(); ++k)
      if (from[k] >= format.classes[k])
        fail_expected(where, "labels below " + std::to_string(format.classes[k]),
                      std::to_string(from[k]) + " in record " + std::to_string(r));
    y[r] = from[format.label];
    from += format.classes.size();
    for (std::size_t p = 0; p < plane; ++p, x += 3) {
      x[0] = from[p];
      x[1] = from[plane + p];
      x[2] = from[2 * plane + p];
    }
  }
}

datasets::Data assemble(const CifarFormat& format, CifarFiles files, const std::string& where) {
  const auto split = [](std::int64_t n) {
    return datasets::Split{Tensor(DType::u8, {n, 32, 32, 3}, Device{}), Tensor(DType::u8, {n, 1}, Device{})};
  };
  const std::size_t parts = format.train_files.size();
  datasets::Data data{split(static_cast<std::int64_t>(parts) * format.records_per_train_file), split(test_records)};
  for (std::size_t i = 0; i < parts; ++i) {
    append_records(format, files.contents[i], where + "/" + format.train_files[i],
                   static_cast<std::int64_t>(i) * format.records_per_train_file, data.train);
    Bytes().swap(files.contents[i]);
  }
  append_records(format, files.contents[parts], where + "/" + format.test_file, 0, data.test);
  return data;
}

datasets::Data read_archive(const CifarFormat& format, const fs::path& path) {
  const std::vector<std::string> names = all_files(format);
  CifarFiles files;
  files.contents.resize(names.size());
  GzipReader archive(path);
  walk_tar(archive, [&](const std::string& name, std::uint64_t size) -> std::span<std::byte> {
    const auto at = std::ranges::find(names, fs::path(name).filename().string());
    if (at == names.end()) return {};
    const auto i = static_cast<std::size_t>(at - names.begin());
    if (size != file_bytes(format, i))
      fail_expected(archive.name(), *at + " of " + std::to_string(file_bytes(format, i)) + " bytes",
                    std::to_string(size));
    files.contents[i].resize(size);
    return files.contents[i];
  });
  for (std::size_t i = 0; i < names.size(); ++i)
    if (files.contents[i].empty()) throw Error(path.string(), "the archive misses " + names[i]);
  return assemble(format, std::move(files), path.string());
}

datasets::Data read_unpacked(const CifarFormat& format, const fs::path& folder) {
  const std::vector<std::string> names = all_files(format);
  std::string missing;
  std::error_code ignored;
  for (const std::string& name : names)
    if (!fs::is_regular_file(folder / name, ignored)) missing += (missing.empty() ? "" : ", ") + name;
  if (!missing.empty()) throw Error(folder.string(), "misses " + missing);
  CifarFiles files;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::size_t expected = file_bytes(format, i);
    files.contents.push_back(read_content(folder / names[i], expected));
    if (files.contents.back().size() != expected)
      throw Error((folder / names[i]).string(), "is truncated: expected " + std::to_string(expected) +
                                                    " bytes; received " +
                                                    std::to_string(files.contents.back().size()));
  }
  return assemble(format, std::move(files), folder.string());
}

}  // namespace

CifarFormat cifar10_format() {
  return {.name = "cifar10",
          .archive = "cifar-10-binary.tar.gz",
          .archive_md5 = "c32a1d4ab5d03f1284b67883e8d87530",
          .folders = {"cifar10", "cifar-10-batches-bin"},
          .train_files = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
                          "data_batch_5.bin"},
          .test_file = "test_batch.bin",
          .records_per_train_file = 10000,
          .classes = {10}};
}

CifarFormat cifar100_format(bool fine) {
  return {.name = "cifar100",
          .archive = "cifar-100-binary.tar.gz",
          .archive_md5 = "03b5dce01913d631647c71ecec9e9cb8",
          .folders = {"cifar100", "cifar-100-binary"},
          .train_files = {"train.bin"},
          .test_file = "test.bin",
          .records_per_train_file = 50000,
          .classes = {20, 100},
          .label = fine ? std::size_t{1} : std::size_t{0}};
}

DatasetSource cifar_source(const CifarFormat& format) {
  const auto has = [](const fs::path& folder, const std::string& name) {
    std::error_code ignored;
    return fs::is_regular_file(folder / name, ignored);
  };
  DatasetSource source{format.name, format.folders, {}, {}, {}};
  source.files.push_back({format.archive, {"https://www.cs.toronto.edu/~kriz/" + format.archive},
                          [md5 = format.archive_md5](const fs::path& path) { verify_md5(path, md5); }});
  source.present = [format, has](const fs::path& folder) {
    if (has(folder, format.archive)) return true;
    return std::ranges::any_of(all_files(format), [&](const std::string& name) { return has(folder, name); });
  };
  source.read = [format, has](const fs::path& folder) {
    return has(folder, format.archive) ? read_archive(format, folder / format.archive) : read_unpacked(format, folder);
  };
  return source;
}

}  // namespace strata::data
