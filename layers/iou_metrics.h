#pragma once

#include "layers/metrics.h"

/// Intersection over union of the sets of elements (pixels, ...) that are labelled as, and predicted to be, of a class:
/// true positives / (true positives + false positives + false negatives), its mean over the classes that occur.
/// Labels outside of the classes, and ignored ones, do not count.
namespace strata::metrics {

struct IoUOptions {
  std::string name = {};  ///< empty: Keras's automatic name (`io_u`, `io_u_1`, ...)
  std::optional<std::int64_t> ignore_class = {};
  bool sparse_y_true = true;  ///< false: one-hot along `axis`, or scores
  bool sparse_y_pred = true;
  std::int64_t axis = -1;
  /// Of the counts: "int64" ("int32" and "int" mean it, too), where weights lose their fractions, or "float32".
  std::string dtype = "int64";
};
/// Over these classes.
class STRATA_API IoU : public Metric {
 public:
  IoU(std::int64_t num_classes, const std::vector<std::int64_t>& target_class_ids, const IoUOptions& = {});
};
/// Over all classes.
class STRATA_API MeanIoU : public Metric {
 public:
  explicit MeanIoU(std::int64_t num_classes, const IoUOptions& = {});
};

struct OneHotIoUOptions {
  std::string name = {};
  std::optional<std::int64_t> ignore_class = {};
  bool sparse_y_pred = false;
  std::int64_t axis = -1;
  std::string dtype = "int64";
};
class STRATA_API OneHotIoU : public Metric {
 public:
  OneHotIoU(std::int64_t num_classes, const std::vector<std::int64_t>& target_class_ids, const OneHotIoUOptions& = {});
};
class STRATA_API OneHotMeanIoU : public Metric {
 public:
  explicit OneHotMeanIoU(std::int64_t num_classes, const OneHotIoUOptions& = {});
};

struct BinaryIoUOptions {
  std::vector<std::int64_t> target_class_ids = {0, 1};
  double threshold = 0.5;  ///< predictions of at least this are of class 1
  std::string name = {};
  std::string dtype = "int64";
};
class STRATA_API BinaryIoU : public Metric {
 public:
  explicit BinaryIoU(const BinaryIoUOptions& = {});
};

}  // namespace strata::metrics
