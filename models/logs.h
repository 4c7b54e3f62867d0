#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/export.h"

namespace strata {

/// Named numbers of a batch or an epoch, sorted by name with `val_...` last. Those of a batch are read from the device
/// only when somebody asks.
class STRATA_API Logs {
 public:
  using Items = std::vector<std::pair<std::string, double>>;
  Logs() = default;
  Logs(Items items);
  Logs(std::initializer_list<std::pair<std::string, double>> items) : Logs(Items(items)) {}
  /// Numbers that are fetched at the first look.
  static Logs deferred(std::function<Items()> read);

  /// Error that lists the names there are.
  double operator[](std::string_view name) const;
  bool contains(std::string_view name) const;
  void set(const std::string& name, double value);
  const Items& items() const;
  auto begin() const { return items().begin(); }
  auto end() const { return items().end(); }
  /// "accuracy,loss", for messages.
  std::string names() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// What fit returns: for each log its values over the epochs.
class STRATA_API History {
 public:
  using Series = std::vector<double>;
  using NamedSeries = std::vector<std::pair<std::string, Series>>;
  History() = default;
  History(std::vector<int> epochs, NamedSeries series) : series_(std::move(series)), epochs_(std::move(epochs)) {}
  /// Error that lists the names there are.
  const Series& operator[](std::string_view name) const;
  bool contains(std::string_view name) const;
  /// Epoch numbers, 0-based.
  const std::vector<int>& epochs() const { return epochs_; }
  /// The best value of a series: the largest where larger is better (accuracies, AUC, precision, recall), otherwise the
  /// smallest.
  double best(std::string_view name) const;
  void append(int epoch, const Logs& logs);
  auto begin() const { return series_.begin(); }
  auto end() const { return series_.end(); }
  bool empty() const { return series_.empty(); }

 private:
  NamedSeries series_;
  std::vector<int> epochs_;
};

}  // namespace strata
