#include "models/logs.h"

#include <algorithm>
#include <mutex>

#include "core/base/error.h"

namespace strata {

struct Logs::State {
  Items items;
  std::function<Items()> read;
  std::mutex mutex;
};

namespace {
bool is_validation(const std::string& name) { return name.starts_with("val_"); }

/// Keras's order: by name, validation last.
void sort(Logs::Items& items) {
  std::stable_sort(items.begin(), items.end(), [](const auto& a, const auto& b) {
    const bool va = is_validation(a.first), vb = is_validation(b.first);
    return va != vb ? vb : a.first < b.first;
  });
}
}  // namespace

Logs::Logs(Items items) : state_(std::make_shared<State>()) {
  sort(items);
  state_->items = std::move(items);
}

Logs Logs::deferred(std::function<Items()> read) {
  Logs logs{Items{}};
  logs.state_->read = std::move(read);
  return logs;
}

const Logs::Items& Logs::items() const {
  static const Items none;
  if (!state_) return none;
  const std::lock_guard lock(state_->mutex);
  if (state_->read) {
    state_->items = state_->read();
    state_->read = nullptr;
    sort(state_->items);
  }
  return state_->items;
}

double Logs::operator[](std::string_view name) const {
  for (const auto& [key, value] : items())
    if (key == name) return value;
  fail_expected("logs", "one of " + names(), "'" + std::string(name) + "'");
}

bool Logs::contains(std::string_view name) const {
  return std::any_of(begin(), end(), [&](const auto& item) { return item.first == name; });
}

void Logs::set(const std::string& name, double value) {
  Items changed = items();
  const auto it = std::find_if(changed.begin(), changed.end(), [&](const auto& item) { return item.first == name; });
  if (it != changed.end())
    it->second = value;
  else
    changed.emplace_back(name, value);
  *this = Logs(std::move(changed));
}

std::string Logs::names() const {
  std::string text;
  for (const auto& [name, value] : items()) text += (text.empty() ? "" : ",") + name;
  return text;
}

const History::Series& History::operator[](std::string_view name) const {
  std::string known;
  for (const auto& [key, series] : series_) {
    if (key == name) return series;
    known += (known.empty() ? "" : ",") + key;
  }
  fail_expected("history", known.empty() ? "a name from a history of at least one epoch" : "one of " + known,
                "'" + std::string(name) + "'");
}

bool History::contains(std::string_view name) const {
  return std::any_of(series_.begin(), series_.end(), [&](const auto& s) { return s.first == name; });
}

double History::best(std::string_view name) const {
  const Series& values = (*this)[name];
  const auto mentions = [&](std::string_view word) { return name.find(word) != std::string_view::npos; };
  const bool larger = mentions("acc") || mentions("auc") || mentions("AUC") || mentions("precision") || mentions("recall") || mentions("f1");
  return larger ? *std::max_element(values.begin(), values.end()) : *std::min_element(values.begin(), values.end());
}

void History::append(int epoch, const Logs& logs) {
  epochs_.push_back(epoch);
  for (const auto& [name, value] : logs) {
    const auto it = std::find_if(series_.begin(), series_.end(), [&, key = &name](const auto& s) { return s.first == *key; });
    if (it == series_.end())
      series_.push_back({name, {value}});
    else
      it->second.push_back(value);
  }
}

}  // namespace strata
