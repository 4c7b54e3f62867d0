#include "data/datasets.h"

#include "core/base/error.h"
#include "data/checksum.h"
#include "data/cifar.h"
#include "data/dataset_search.h"
#include "data/gzip.h"
#include "data/idx.h"

namespace strata::datasets {

namespace {

namespace fs = std::filesystem;
using data::DatasetSource;
using data::Hash;
using data::RemoteFile;

// ---- MNIST and Fashion-MNIST: four IDX files

struct IdxFile {
  std::string stem;                 // "train-images-idx3-ubyte"
  int rank;                         // 3: images, 1: labels
  std::int64_t rows;
  std::string content_sha256 = {};  // of the decompressed content; empty: not known
  std::string archive_md5 = {};     // of the published .gz; empty: the content's checksum suffices
};

// The same file with ".gz", without, and as some unpackers name it ("train-images.idx3-ubyte").
std::vector<std::string> spellings(const IdxFile& file) {
  std::string dotted = file.stem;
  dotted[dotted.rfind("-idx")] = '.';
  return {file.stem + ".gz", file.stem, dotted + ".gz", dotted};
}

fs::path find_idx(const fs::path& folder, const IdxFile& file) {
  std::error_code ignored;
  for (const std::string& name : spellings(file))
    if (fs::is_regular_file(folder / name, ignored)) return folder / name;
  return {};
}

Tensor read_idx(const fs::path& path, const IdxFile& file) {
  const std::string where = path.string();
  const std::size_t limit = std::size_t{64} << 20;
  const data::Bytes content = data::read_content(path, limit);
  Tensor t = data::parse_idx(content, file.rank, where);
  const Shape expected = file.rank == 3 ? Shape{file.rows, 28, 28} : Shape{file.rows};
  if (t.shape() != expected) fail_expected(where, "shape " + to_string(expected), to_string(t.shape()));
  if (file.rank == 1)
    for (const std::uint8_t label : t.data<std::uint8_t>())
      if (label > 9) fail_expected(where, "labels from 0 to 9", std::to_string(label));
  if (!file.content_sha256.empty()) {
    const std::string digest = data::hex_digest(Hash::sha256, content);
    if (digest != file.content_sha256)
      throw Error(where, "wrong checksum: expected SHA-256 " + file.content_sha256 + " of the content; received " +
                             digest);
  }
  return t;
}

void verify_idx(const fs::path& path, const IdxFile& file) {
  read_idx(path, file);
  if (!file.archive_md5.empty()) data::verify_md5(path, file.archive_md5);
}

Data read_idx_folder(const fs::path& folder, const std::vector<IdxFile>& files) {
  std::string missing;
  for (const IdxFile& file : files)
    if (find_idx(folder, file).empty()) missing += (missing.empty() ? "" : ", ") + file.stem + "[.gz]";
  if (!missing.empty()) throw Error(folder.string(), "misses " + missing);
  const auto read = [&](std::size_t i) { return read_idx(find_idx(folder, files[i]), files[i]); };
  Data data;
  data.train.y = read(1);  // the small ones first: they tell MNIST from Fashion-MNIST
  data.test.y = read(3);
  data.train.x = read(0);
  data.test.x = read(2);
  return data;
}

DatasetSource idx_source(const std::string& name, std::vector<std::string> folders, const std::vector<IdxFile>& files,
                         const std::vector<std::string>& addresses) {
  DatasetSource source{name, std::move(folders), {}, {}, {}};
  for (const IdxFile& file : files) {
    RemoteFile remote{file.stem + ".gz", {}, [file](const fs::path& path) { verify_idx(path, file); }};
    for (const std::string& address : addresses) remote.urls.push_back(address + remote.name);
    source.files.push_back(std::move(remote));
  }
  source.present = [files](const fs::path& folder) {
    for (const IdxFile& file : files)
      if (!find_idx(folder, file).empty()) return true;
    return false;
  };
  source.read = [files](const fs::path& folder) { return read_idx_folder(folder, files); };
  return source;
}

std::vector<IdxFile> idx_files() {
  return {{.stem = "train-images-idx3-ubyte", .rank = 3, .rows = 60000},
          {.stem = "train-labels-idx1-ubyte", .rank = 1, .rows = 60000},
          {.stem = "t10k-images-idx3-ubyte", .rank = 3, .rows = 10000},
          {.stem = "t10k-labels-idx1-ubyte", .rank = 1, .rows = 10000}};
}

}  // namespace

Data mnist::load_data(const LoadOptions& options) {
  std::vector<IdxFile> files = idx_files();
  files[0].content_sha256 = "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db";
  files[1].content_sha256 = "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5";
  files[2].content_sha256 = "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7";
  files[3].content_sha256 = "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2";
  return data::find_dataset(idx_source("mnist", {"mnist"}, files,
                                       {"https://storage.googleapis.com/cvdf-datasets/mnist/",
                                        "https://ossci-datasets.s3.amazonaws.com/mnist/"}),
                            options);
}

Data fashion_mnist::load_data(const LoadOptions& options) {
  std::vector<IdxFile> files = idx_files();
  files[0].archive_md5 = "8d4fb7e6c68d591d4c3dfef9ec88bf0d";
  files[1].content_sha256 = "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9";
  files[2].archive_md5 = "bef4ecab320f06d8554ea6380940ec79";
  files[3].content_sha256 = "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34";
  return data::find_dataset(idx_source("fashion_mnist", {"fashion_mnist", "fashion-mnist"}, files,
                                       {"https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
                                        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"}),
                            options);
}

Data cifar10::load_data(const LoadOptions& options) {
  return data::find_dataset(data::cifar_source(data::cifar10_format()), options);
}

Data cifar100::load_data(const LoadOptions& options) {
  if (options.label_mode != "fine" && options.label_mode != "coarse")
    fail_expected("datasets::cifar100", "label_mode \"fine\" or \"coarse\"", "\"" + options.label_mode + "\"");
  return data::find_dataset(data::cifar_source(data::cifar100_format(options.label_mode == "fine")),
                            {.directory = options.directory, .quiet = options.quiet});
}

}  // namespace strata::datasets
