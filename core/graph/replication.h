#pragma once

#include <cstdint>

#include "core/base/export.h"

namespace strata {

/// While a graph is emitted for one of several replicas: how many there are, and which part of the step's samples this
/// one has. What concerns the whole batch says so with all_reduce (core/ops/all_reduce.h): a loss is this replica's
/// part of the loss, and the parts add up.
struct Replication {
  int replicas = 1;
  std::int64_t samples = 1, all_samples = 1;

  /// Of the samples, the part that is here.
  double share() const { return static_cast<double>(samples) / static_cast<double>(all_samples); }
  /// How many there are on all replicas together of what comes `here` times for the samples here.
  std::int64_t everywhere(std::int64_t here) const { return here * all_samples / samples; }
};

/// Says so to what is emitted on this thread while it lives.
class STRATA_API ReplicationScope {
 public:
  explicit ReplicationScope(const Replication&);
  ReplicationScope(const ReplicationScope&) = delete;
  ReplicationScope& operator=(const ReplicationScope&) = delete;
  ~ReplicationScope();

 private:
  Replication outer_;
};

/// One replica with all samples where there is no scope.
STRATA_API const Replication& current_replication();

}  // namespace strata
