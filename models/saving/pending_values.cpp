#include "models/saving/pending_values.h"

#include "core/base/error.h"

namespace strata {

void PendingValues::read(const StoredTree& file, const std::string& dataset, const Variable& variable) {
  if (!file.has_dataset(dataset)) throw Error("there is no data set '" + dataset + "'");
  const Shape stored = file.dataset_type(dataset).shape;
  if (stored != variable.shape())
    throw Error("the variable '" + variable.path() + "' has shape " + to_string(variable.shape()) +
                ", but the file holds " + to_string(stored));
  Tensor value = file.read(dataset, variable.dtype());
  const Type expected{variable.dtype(), variable.shape()};
  if (value.type() != expected)  // an isolated reader may answer anything
    fail_expected("'" + dataset + "'", to_string(expected), to_string(value.type()));
  add(variable, std::move(value));
}

void PendingValues::append(PendingValues more) {
  for (auto& value : more.values_) values_.push_back(std::move(value));
}

void PendingValues::assign() const {
  for (const auto& [variable, value] : values_) variable.assign(value);
}

}  // namespace strata
