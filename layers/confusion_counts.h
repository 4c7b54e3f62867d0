#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "layers/metrics.h"

/// What the metrics that count have in common. Internal.
namespace strata::metrics {

/// Labels and predictions as they are counted.
struct Selection {
  std::vector<double> thresholds;
  std::optional<std::int64_t> top_k = {}, class_id = {};
  bool by_label = false;                   ///< counts of each label, instead of all together
  std::vector<double> label_weights = {};  ///< without by_label: each label's share
};

/// Sums of weights over a batch, [thresholds], or [thresholds, labels] by label.
struct Counts {
  Value hit;                 ///< [thresholds, n (, labels)]: 1 where predicted positive
  Value positive, negative;  ///< [n (, labels)]: weight of the example if it is, and else 0
  Value true_positives() const;
  Value false_positives() const;
  Value false_negatives() const;
  Value true_negatives() const;
};
using Member = Value (Counts::*)() const;

/// Running counts of some kinds over thresholds.
class CountDefinition : public Definition {
 public:
  struct Kind {
    const char* name;
    Member count;
  };
  /// `labels` is the number of labels where the selection is by label; 0 leaves it to the first update.
  CountDefinition(const std::string& name, Selection selection, std::vector<Kind> kinds, std::int64_t labels = 0);
  Updates update(const Value& y, const Value& p, const Value& weights) override;
  Value result() const override;

 protected:
  virtual Value transformed(const Value& p) const { return p; }
  /// The running count of one kind. Error before the first update if that decides its shape.
  Value counted(std::size_t kind) const;

 private:
  void add_states(std::int64_t labels);
  std::string who_;
  Selection selection_;
  std::vector<Kind> kinds_;
};

inline constexpr CountDefinition::Kind true_positives{"true_positives", &Counts::true_positives};
inline constexpr CountDefinition::Kind false_positives{"false_positives", &Counts::false_positives};
inline constexpr CountDefinition::Kind true_negatives{"true_negatives", &Counts::true_negatives};
inline constexpr CountDefinition::Kind false_negatives{"false_negatives", &Counts::false_negatives};

/// `count` numbers from 0 to 1.
std::vector<double> even_thresholds(std::int64_t count);
/// The thresholds, or `fallback` where there are none. Error for one outside of [0, 1].
std::vector<double> checked_thresholds(const char* who, const std::vector<double>& given, double fallback);
/// A vector over thresholds, or the number if there is one.
Value over_thresholds(const Value& v);

}  // namespace strata::metrics
