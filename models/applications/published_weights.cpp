#include "models/applications/published_weights.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include "core/base/error.h"
#include "data/checksum.h"
#include "data/search.h"
#include "models/saving/hdf5_file.h"

namespace strata::applications {

namespace {

namespace fs = std::filesystem;

/// Where there is no sum: that the file is whole and of weights.
void verify(const fs::path& path, const PublishedWeights& published) {
  if (!published.md5.empty()) {
    data::verify_md5(path, published.md5);
    return;
  }
  // Out of memory: HDF5 wants to lock a file that it opens, and so does who downloads one.
  std::ifstream in(path, std::ios::binary);
  const Hdf5File file = Hdf5File::open_bytes({std::istreambuf_iterator<char>(in), {}}, path.string() + " (content)");
  if (!file.has_attribute("", "layer_names") && !file.has_attribute("", "layer_names0"))
    throw Error(path.string(), "holds no weights: it has no `layer_names`");
}

std::optional<fs::path> models_in(const std::optional<fs::path>& folder) {
  return folder ? std::optional(*folder / "models") : std::nullopt;
}

/// Downloads into our cache. Error with the reason when that fails.
fs::path download(const PublishedWeights& published) {
  if (data::offline()) throw Error("switched off by STRATA_OFFLINE");
  const auto cache = models_in(data::own_cache());
  if (!cache) throw Error(std::string("no cache folder: ") + data::no_own_cache);
  return data::fetch_into(
      *cache,
      {.name = published.name,
       .urls = data::or_mirror("STRATA_WEIGHTS_URL", published.name, {published.folder + published.name}),
       .verify = [&](const fs::path& path) { verify(path, published); }},
      false);
}

}  // namespace

PublishedWeights usual_weights(bool include_top, const std::string& family, const std::string& stem,
                               const char* md5_with_top, const char* md5_without_top) {
  return {.name = stem + "_weights_tf_dim_ordering_tf_kernels" + (include_top ? ".h5" : "_notop.h5"),
          .folder = "https://storage.googleapis.com/tensorflow/keras-applications/" + family + "/",
          .md5 = include_top ? md5_with_top : md5_without_top};
}

void load_published(Model& model, const PublishedWeights& published, const std::string& where) {
  data::Attempts attempts;
  const auto loaded = [&](const std::string& label, const std::optional<fs::path>& folder, const char* why_not) {
    std::error_code ignored;
    if (!folder) {
      attempts.add(label, why_not);
      return false;
    }
    const fs::path path = *folder / published.name;
    if (!fs::exists(path, ignored)) {
      attempts.add(label + " " + folder->string(), "has no such file");
      return false;
    }
    try {
      verify(path, published);
      model.load_weights(path.string());
      return true;
    } catch (const Error& e) {
      attempts.add(label, e.what());
      return false;
    }
  };
  if (loaded("STRATA_WEIGHTS_DIR", data::environment("STRATA_WEIGHTS_DIR"), "not set") ||
      loaded("Keras's cache", models_in(data::keras_home()), data::no_keras_home) ||
      loaded("cache", models_in(data::own_cache()), data::no_own_cache))
    return;
  try {
    model.load_weights(download(published).string());
  } catch (const Error& e) {
    attempts.add("download", e.what());
    throw Error(
        where,
        "no usable copy of " + published.name + " was found. Tried:" + attempts.text() +
            "\nGet the file elsewhere and give its path as `weights`, or give \"\" to begin with random numbers");
  }
}

}  // namespace strata::applications
