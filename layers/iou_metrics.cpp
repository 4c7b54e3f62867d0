#include "layers/iou_metrics.h"

#include <algorithm>

#include "core/device/allocation_budget.h"
#include "core/ops/ops.h"
#include "layers/loss_functions.h"
#include "layers/metric_registration.h"

namespace strata::metrics {

namespace {
constexpr auto iou_arguments = [](auto& field, auto& classes, auto& targets, auto& o) {
  field("dtype", o.dtype);
  field.required("num_classes", classes);
  field.required("target_class_ids", targets);
  field("ignore_class", o.ignore_class);
  field("sparse_y_true", o.sparse_y_true);
  field("sparse_y_pred", o.sparse_y_pred);
  field("axis", o.axis);
};
constexpr auto mean_iou_arguments = [](auto& field, auto& classes, auto& o) {
  field("dtype", o.dtype);
  field.required("num_classes", classes);
  field("ignore_class", o.ignore_class);
  field("sparse_y_true", o.sparse_y_true);
  field("sparse_y_pred", o.sparse_y_pred);
  field("axis", o.axis);
};
constexpr auto one_hot_arguments = [](auto& field, auto& classes, auto& targets, auto& o) {
  field("dtype", o.dtype);
  field.required("num_classes", classes);
  field.required("target_class_ids", targets);
  field("ignore_class", o.ignore_class);
  field("sparse_y_pred", o.sparse_y_pred);
  field("axis", o.axis);
};
constexpr auto one_hot_mean_arguments = [](auto& field, auto& classes, auto& o) {
  field("dtype", o.dtype);
  field.required("num_classes", classes);
  field("ignore_class", o.ignore_class);
  field("sparse_y_pred", o.sparse_y_pred);
  field("axis", o.axis);
};
constexpr auto binary_arguments = [](auto& field, auto& o) {
  field("dtype", o.dtype);
  field("target_class_ids", o.target_class_ids);
  field("threshold", o.threshold);
};

/// What all of the family come down to.
struct Overlap {
  std::int64_t classes = 2;
  std::vector<std::int64_t> targets = {};
  IoUOptions o = {};
  std::optional<double> threshold = {};
};

/// A count of elements for each pair of label and prediction.
class OverlapDefinition : public Definition {
 public:
  OverlapDefinition(std::string name, Overlap overlap)
      : who_(who(name)),
        overlap_(std::move(overlap)),
        dtype_(overlap_.o.dtype == "float32" ? DType::f32 : DType::i64),
        matrix_(add_state("total_confusion_matrix", {overlap_.classes, overlap_.classes}, dtype_)) {}

  Updates update(const Value& y_true, const Value& y_pred, const Value& weights) override {
    const IoUOptions& o = overlap_.o;
    const Value scores =
        overlap_.threshold ? cast(cast(y_pred, DType::f32) >= *overlap_.threshold, DType::i64) : y_pred;
    const Value y = classes_of(y_true, o.sparse_y_true), p = classes_of(scores, o.sparse_y_pred);
    if (y.shape() != p.shape())
      fail_expected(who_, "as many labels as predictions",
                    to_keras_string(y_true.shape()) + " and " + to_keras_string(y_pred.shape()));
    Value counts = logical_and(logical_and(y >= 0, y < overlap_.classes), logical_and(p >= 0, p < overlap_.classes));
    if (o.ignore_class) counts = logical_and(counts, not_equal(y, *o.ignore_class));
    const Value cell = where(counts, y * overlap_.classes + p, 0);
    // In f64, which holds counts of more than 2^24 and is what scattering adds in.
    const Value added = where(counts, weights ? spread(weights, y) : cast(ones_like(y), DType::f64), 0.0);
    const Value sums = scatter_add(cell, added, Shape{overlap_.classes * overlap_.classes});
    return {{matrix_, pending(matrix_) + cast(reshape(sums, matrix_.shape()), dtype_)}};
  }

  Value result() const override {
    constexpr double epsilon = 1e-7;
    const Value matrix = cast(Value(matrix_), DType::f64);
    const Value hit = sum(matrix * constant(eye(overlap_.classes, -1, DType::f64)), {1});
    const Value either = sum(matrix, {0}) + sum(matrix, {1}) - hit;
    const Value targets =
        constant(Tensor::from<std::int64_t>({static_cast<std::int64_t>(overlap_.targets.size())}, overlap_.targets));
    const Value common = gather(cast(hit, DType::f32), targets), all = gather(cast(either, DType::f32), targets);
    const Value occurs = cast(all > 1e-9, DType::f32);
    return sum(occurs * (common / (all + epsilon))) / (sum(occurs) + epsilon);
  }

 private:
  Value classes_of(const Value& x, bool sparse) const {
    return reshape(cast(sparse ? x : argmax(x, overlap_.o.axis), DType::i64), {-1});
  }
  Value spread(const Value& weights, const Value& like) const {
    const Value w = reshape(cast(cast(weights, dtype_), DType::f64), {-1});
    if (w.shape() != like.shape() && w.shape().elements() != 1)
      fail_expected(who_, "sample_weight with " + std::to_string(like.shape().elements()) + " elements, or one",
                    to_keras_string(weights.shape()));
    return broadcast_to(w, like.shape());
  }
  std::string who_;
  Overlap overlap_;
  DType dtype_;
  Variable matrix_;
};

Metric overlap_metric(const char* class_name, Overlap overlap, Config config) {
  if (overlap.classes < 1) fail_expected(class_name, "num_classes of at least 1", std::to_string(overlap.classes));
  for (const std::int64_t id : overlap.targets)
    if (id < 0 || id >= overlap.classes)
      throw Error(class_name, "Target class id " + std::to_string(id) + " is out of range, which is [0, " +
                                  std::to_string(overlap.classes) + ").");
  if (overlap.targets.empty()) fail_expected(class_name, "at least one of target_class_ids", "none");
  std::string& dtype = overlap.o.dtype;
  if (dtype != "int64" && dtype != "int32" && dtype != "int" && dtype != "float32")
    fail_expected(class_name, "dtype \"int64\", \"int32\", \"int\" or \"float32\"", "\"" + dtype + "\"");
  const std::string name = or_unique(overlap.o.name, snake_case(class_name).c_str());
  return Metric(class_name, name, std::move(config), Direction::max,
                [=] { return std::make_shared<OverlapDefinition>(name, overlap); });
}

std::vector<std::int64_t> all_of(std::int64_t classes) {
  AllocationBudget::take_table(classes, sizeof(classes));
  std::vector<std::int64_t> ids;
  for (std::int64_t i = 0; i < classes; ++i) ids.push_back(i);
  return ids;
}

IoUOptions with_one_hot_labels(const OneHotIoUOptions& o) {
  return {.name = o.name,
          .ignore_class = o.ignore_class,
          .sparse_y_true = false,
          .sparse_y_pred = o.sparse_y_pred,
          .axis = o.axis,
          .dtype = o.dtype};
}
}  // namespace

IoU::IoU(std::int64_t classes, const std::vector<std::int64_t>& targets, const IoUOptions& o)
    : Metric(overlap_metric("IoU", {classes, targets, o}, write_arguments(iou_arguments, classes, targets, o))) {}
MeanIoU::MeanIoU(std::int64_t classes, const IoUOptions& o)
    : Metric(
          overlap_metric("MeanIoU", {classes, all_of(classes), o}, write_arguments(mean_iou_arguments, classes, o))) {}
OneHotIoU::OneHotIoU(std::int64_t classes, const std::vector<std::int64_t>& targets, const OneHotIoUOptions& o)
    : Metric(overlap_metric("OneHotIoU", {classes, targets, with_one_hot_labels(o)},
                            write_arguments(one_hot_arguments, classes, targets, o))) {}
OneHotMeanIoU::OneHotMeanIoU(std::int64_t classes, const OneHotIoUOptions& o)
    : Metric(overlap_metric("OneHotMeanIoU", {classes, all_of(classes), with_one_hot_labels(o)},
                            write_arguments(one_hot_mean_arguments, classes, o))) {}
BinaryIoU::BinaryIoU(const BinaryIoUOptions& o)
    : Metric(overlap_metric("BinaryIoU", {2, o.target_class_ids, {.name = o.name, .dtype = o.dtype}, o.threshold},
                            write_arguments(binary_arguments, o))) {}

namespace {
/// A class by its factory, whose last parameter is its options.
template <class... A, class Statement>
bool add_overlap(const char* class_name, Metric (*make)(A...), Statement own_arguments) {
  const auto all_arguments = [own_arguments](ArgumentReader& field, A&... a) {
    field("name", std::get<sizeof...(A) - 1>(std::tie(a...)).name);
    own_arguments(field, a...);
  };
  add_metric_class({.class_name = class_name,
                    .make =
                        [=](const Config& config) {
                          std::tuple<A...> arguments{};
                          const std::string where = losses::describe_config("metric", class_name, config);
                          std::apply([&](A&... a) { read_arguments(where, config, all_arguments, a...); }, arguments);
                          return std::apply(make, arguments);
                        },
                    .module = "keras.metrics"});
  return true;
}

template <class Made, class... A>
Metric make_overlap(A... arguments) {
  return Made(arguments...);
}

using Ids = std::vector<std::int64_t>;

[[maybe_unused]] const bool registered =
    add_overlap("IoU", make_overlap<IoU, std::int64_t, Ids, IoUOptions>, iou_arguments) &&
    add_overlap("MeanIoU", make_overlap<MeanIoU, std::int64_t, IoUOptions>, mean_iou_arguments) &&
    add_overlap("OneHotIoU", make_overlap<OneHotIoU, std::int64_t, Ids, OneHotIoUOptions>, one_hot_arguments) &&
    add_overlap("OneHotMeanIoU", make_overlap<OneHotMeanIoU, std::int64_t, OneHotIoUOptions>, one_hot_mean_arguments) &&
    add_overlap("BinaryIoU", make_overlap<BinaryIoU, BinaryIoUOptions>, binary_arguments);
}  // namespace

}  // namespace strata::metrics
