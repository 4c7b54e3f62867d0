#include "core/graph/variable.h"

#include "core/graph/apply.h"

namespace strata {

struct Variable::State {
  std::string name, path;
  Tensor value;
  bool trainable;
  Constraint constraint;
  std::uint64_t version = 0;
};

namespace {

/// The tensor itself where nobody else holds its memory: large initial values need not be there twice, not even for a
/// moment. Else a copy.
Tensor own(Tensor value) {
  const std::shared_ptr<Storage> memory = value.storage();
  const bool alone = memory.use_count() == 2 && memory->bytes() == value.bytes();  // 2: the tensor, and here
  return alone ? std::move(value) : value.clone();
}

}  // namespace

Variable::Variable(std::string name, Tensor value, bool trainable) : state_(std::make_shared<State>()) {
  if (!value.defined()) throw Error("variable '" + name + "'", "expected a tensor as value; received an empty one");
  state_->path = name;
  state_->name = std::move(name);
  state_->value = value.device() == current_device() ? own(std::move(value)) : value.to(current_device());
  state_->trainable = trainable;
}

Variable::State& Variable::state() const {
  if (!state_) throw Error("variable", "is empty: it has not been made yet (a layer makes its weights in build)");
  return *state_;
}

const std::string& Variable::name() const { return state().name; }
const std::string& Variable::path() const { return state().path; }
void Variable::set_path(std::string path) { state().path = std::move(path); }
bool Variable::trainable() const { return state().trainable; }
void Variable::set_trainable(bool t) { state().trainable = t; }
const Tensor& Variable::value() const { return state().value; }
Tensor& Variable::storage() const { return state().value; }
const Variable::Constraint& Variable::constraint() const { return state().constraint; }
void Variable::set_constraint(Constraint c) { state().constraint = std::move(c); }

void Variable::assign(const Tensor& t) const {
  State& s = state();
  if (!t.defined() || t.type() != s.value.type())
    fail_expected("variable '" + s.path + "'", to_string(s.value.type()),
                  t.defined() ? to_string(t.type()) : std::string("an empty tensor"));
  s.value.copy_from(t);
  ++s.version;
}

std::uint64_t Variable::version() const { return state().version; }
void Variable::mark_changed() const { ++state().version; }

void Variable::move_to(Device device) const { state().value = state().value.to(device); }

Value::Value(const Variable& variable) {
  *this = stored(variable);
  const auto compute = current_compute_dtype();
  if (compute && is_floating(dtype())) *this = cast(*this, *compute);
}

Value stored(const Variable& variable) { return Node::make(ReadVariable{variable}, {})->output(); }

Value pending(const Variable& variable) { return Node::make(ReadVariable{variable, true}, {})->output(); }

}  // namespace strata
