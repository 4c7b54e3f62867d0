#pragma once

#include <string>

#include "core/base/export.h"
#include "core/device/tensor.h"

/// The small image sets of keras.datasets, in the formats in which their authors published them.
///
/// load_data looks, in this order, in
///   1. options.directory, if given: then nowhere else, and a missing or damaged file is an error at once;
///   2. the environment variable STRATA_DATA_DIR;
///   3. the caches: $KERAS_HOME/datasets (default ~/.keras/datasets), then $XDG_CACHE_HOME/strata/datasets (default
///      ~/.cache/strata/datasets);
///   4. the data that came with the installation (share/strata/data beside the library), then with the repository;
///   5. the network, into the cache, unless STRATA_OFFLINE is set to something other than 0. STRATA_DATASETS_URL names
///      a mirror to use instead of the published addresses; it holds <data set>/<file>.
/// In each place files may lie in a folder of the data set's name (`mnist`, `fashion_mnist` or `fashion-mnist`, `cifar10`,
/// `cifar100`, or that of the unpacked archive) or directly. A damaged copy is reported and the search goes on. When no
/// place has a good one, one Error lists every place and why it failed.
///
/// What is checked: always the format (magic numbers, sizes, counts, labels within the classes). MNIST and the labels of
/// Fashion-MNIST also by SHA-256 of the decompressed content, so recompressed files pass. The images of Fashion-MNIST
/// and the CIFAR archives by the MD5 that their authors publish for the compressed file, when they are downloaded.
namespace strata::datasets {

struct Split {
  Tensor x;  ///< u8, [n,28,28] or [n,32,32,3]
  Tensor y;  ///< u8, [n]; [n,1] for CIFAR, as in Keras
};

/// `auto [train, test] = datasets::mnist::load_data();`
struct Data {
  Split train, test;
};

struct LoadOptions {
  std::string directory = {};  ///< the only place to look, if not empty
  bool quiet = false;          ///< no progress bar while downloading
};

namespace mnist {
/// 60,000 and 10,000 images of digits, 0 to 9. LeCun, Cortes, Burges.
STRATA_API Data load_data(const LoadOptions& options = {});
}  // namespace mnist

namespace fashion_mnist {
/// 60,000 and 10,000 images of clothes in 10 classes. Xiao, Rasul, Vollgraf 2017 (MIT licence).
STRATA_API Data load_data(const LoadOptions& options = {});
}  // namespace fashion_mnist

namespace cifar10 {
/// 50,000 and 10,000 colour images in 10 classes, from the binary version. Krizhevsky 2009.
STRATA_API Data load_data(const LoadOptions& options = {});
}  // namespace cifar10

namespace cifar100 {
struct LoadOptions {
  std::string label_mode = "fine";  ///< "fine": 100 classes; "coarse": 20
  std::string directory = {};
  bool quiet = false;
};
/// 50,000 and 10,000 colour images, from the binary version. Error for another label_mode. Krizhevsky 2009.
STRATA_API Data load_data(const LoadOptions& options = {});
}  // namespace cifar100

}  // namespace strata::datasets
