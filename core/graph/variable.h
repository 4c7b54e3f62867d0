#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/graph/node.h"

namespace strata {

/// A named tensor that persists: weights, moving statistics, optimizer slots, counters. A handle: copies are the same
/// variable. A default-made one is empty.
class STRATA_API Variable {
 public:
  Variable() = default;
  /// On current_device(), wherever the value lies. Copies it, unless nobody else holds it.
  Variable(std::string name, Tensor value, bool trainable = true);

  bool defined() const { return state_ != nullptr; }
  const std::string& name() const;
  /// Name with the layers around it: `sequential/dense/kernel`.
  const std::string& path() const;
  void set_path(std::string path);
  bool trainable() const;
  void set_trainable(bool);
  const Shape& shape() const { return value().shape(); }
  DType dtype() const { return value().dtype(); }

  /// The numbers; shares the variable's memory, so that it changes with the next step. Clone to keep.
  const Tensor& value() const;
  /// Copies. Error unless shape and dtype agree.
  void assign(const Tensor&) const;
  /// Moves the value to another device. Plans that read or write the variable must be made anew for that device.
  void move_to(Device) const;
  /// The value's memory, for executions, which say so with `mark_changed` when they have written there.
  Tensor& storage() const;
  /// How often the numbers have changed, by assign or by a step: what keeps a copy sees whether it is out of date.
  std::uint64_t version() const;
  void mark_changed() const;

  /// Applied to the new value in every optimizer update (Keras's constraint). Empty: none.
  using Constraint = std::function<Value(Value)>;
  const Constraint& constraint() const;
  void set_constraint(Constraint);

  friend bool operator==(const Variable& a, const Variable& b) { return a.state_ == b.state_; }
  const void* id() const { return state_.get(); }

 private:
  struct State;
  State& state() const;
  std::shared_ptr<State> state_;
};

using Variables = std::vector<Variable>;

struct ReadVariable {
  Variable variable;
  bool pending = false;
  static constexpr std::string_view name = "variable";
  bool operator==(const ReadVariable&) const = default;
  Type infer(std::span<const Type>) const { return variable.value().type(); }
  Values vjp(const Node&, Value) const { return {}; }
  void run(Cpu&, Buffers) const {}
};

/// The variable as earlier updates of the same step leave it: what the value of an update should start from, so that a
/// layer that is called twice updates twice. Only for use within an update's value.
STRATA_API Value pending(const Variable&);

/// The variable in its own element type, where Value(variable) would be cast to the type that the layer computes in.
STRATA_API Value stored(const Variable&);

/// `variable` takes `value` when the step is over.
struct Update {
  Variable variable;
  Value value;
};
using Updates = std::vector<Update>;

}  // namespace strata
