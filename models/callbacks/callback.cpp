#include "models/callbacks.h"

#include "models/model.h"

namespace strata::callbacks {

Definition::~Definition() = default;

void Definition::attach(Model* model, const RunInfo& info) {
  model_ = model;
  info_ = info;
  stop_ = false;
}

Model& Definition::model() const {
  if (model_ == nullptr) throw Error("callback", "has no model: it is not part of a run");
  return *model_;
}

}  // namespace strata::callbacks
