#pragma once

#include <string>

#include "core/graph/apply.h"

namespace strata {

/// A plain operation in a model: an op between symbols, with the numbers that stood beside them. Internal: writing an
/// operation on symbols makes one.
class STRATA_API OpLayer final : public Callable {
 public:
  /// Without a name it gets an automatic one.
  OpLayer(Op op, detail::AnyOperands operands, detail::Promotion promotion, std::string name = {});

  std::string name() const override { return name_; }
  std::string class_name() const override;
  void ensure_built(const Shapes&) override {}
  Values call_on(const Values& inputs, Mode mode) override;

  const Op& op() const { return op_; }
  /// In the op's order: symbols, which a call's inputs stand for, and numbers.
  const detail::AnyOperands& operands() const { return operands_; }

 private:
  Op op_;
  detail::AnyOperands operands_;
  detail::Promotion promotion_;
  std::string name_;
};

}  // namespace strata
