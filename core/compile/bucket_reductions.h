#pragma once

#include "core/compile/graph.h"

namespace strata {

/// Arrays of one element type as one: each where its Part begins, zeros between them. A plan has them made there, where
/// nobody else needs them.
struct SideBySide {
  std::vector<std::size_t> offsets;  ///< bytes, one for each input, each behind the one before
  Type whole;
  static constexpr std::string_view name = "side_by_side";
  bool operator==(const SideBySide&) const = default;
  Type infer(std::span<const Type>) const { return whole; }
  Values vjp(const Node&, Value) const { return no_gradient(); }
  Kernel prepare(const CpuTarget&, const Signature&) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};

/// One of the arrays that lie side by side: a view.
struct Part {
  std::size_t offset = 0;  ///< bytes
  Type type;
  static constexpr std::string_view name = "part";
  bool operator==(const Part&) const = default;
  Type infer(std::span<const Type>) const { return type; }
  Values vjp(const Node&, Value) const { return no_gradient(); }
  Kernel prepare(const CpuTarget&, const Signature&) const;
};

/// The bytes after which a bucket is full: the first one is small, so that the exchange begins early.
struct BucketSizes {
  std::size_t first = std::size_t{1} << 20, others = std::size_t{25} << 20;
};

/// Deferred sums over replicas, in the order in which their operands are made, in buckets: the operands of a bucket lie
/// side by side, one AllReduce sums them, as soon as the last is there, and what used a sum uses its part. No member of
/// a bucket depends on another.
Graph bucket_reductions(const Graph&, const BucketSizes& sizes = {});

}  // namespace strata
