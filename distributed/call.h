#pragma once

#include <cstdint>
#include <string>

#include "core/device/communicator.h"

/// What the ways in which replicas exchange numbers have in common: calls, compared and named. Internal.
namespace strata::distribute {

enum class CallKind : std::uint8_t { all_reduce, broadcast, all_gather, reduce_scatter, barrier };

/// One call of one replica, as far as all replicas must agree on it.
struct Call {
  CallKind kind = CallKind::barrier;
  Reduction reduction = Reduction::sum;
  DType dtype = DType::f32;
  std::int32_t root = 0;
  std::uint64_t count = 0;
  friend bool operator==(const Call&, const Call&) = default;
};

/// "all_reduce (sum of 25000 f32)"
std::string to_string(const Call&);

/// Where a replica is: "step 3, call 7: all_reduce (sum of 25000 f32)". A step of -1 is none, no calls are none yet.
std::string place_of(std::int64_t step, std::int64_t calls, const Call& latest);

/// Of this machine, as the system calls it.
std::string host_name();

}  // namespace strata::distribute
