#pragma once

#include "core/graph/apply.h"

namespace strata {

/// The sum over all replicas of the step, on each of them; the identity where a plan is for one
/// (PlanOptions::communicator). Error for types other than f32, f64, f16, bf16, i32 and i64.
struct STRATA_API AllReduce {
  /// Nothing within the step but updates of variables waits for the sum: it is formed together with others, in fewer
  /// and larger exchanges (core/compile/bucket_reductions.h).
  bool deferred = false;
  static constexpr std::string_view name = "all_reduce";
  bool operator==(const AllReduce&) const = default;
  Type infer(std::span<const Type> in) const;
  /// Every replica's result depends on this one's operand: the gradients are added up, too.
  Values vjp(const Node& node, Value g) const;
  Kernel prepare(const CpuTarget& target, const Signature& s) const;
};

/// A step that several replicas share emits it; for one, and outside of a ReplicationScope, it is `x` itself.
STRATA_API Value all_reduce(const Value& x, bool deferred = false);

}  // namespace strata
