#pragma once

#include <memory>
#include <optional>

#include "core/graph/apply.h"

namespace strata {

class GpuCommunicator;

/// Of arrays of as many equal parts as there are replicas: on each replica the sum over all of them of its own part.
struct ReduceScatter {
  int replicas = 1;
  static constexpr std::string_view name = "reduce_scatter";
  bool operator==(const ReduceScatter&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node&, Value) const { return no_gradient(); }
  Kernel prepare(const CpuTarget&, const Signature&) const;
};

/// The arrays of all replicas, one behind the other in the order of the ranks. Only new values of variables are made of
/// it.
struct AllGather {
  int replicas = 1;
  static constexpr std::string_view name = "all_gather";
  bool operator==(const AllGather&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node&, Value) const { return no_gradient(); }
  Kernel prepare(const CpuTarget&, const Signature&) const;
};

/// Whether the op needs the other replicas: it is one of these or an AllReduce. All replicas run such ops in one order,
/// and as often.
bool is_exchange(const Op&);
/// The kernel of such an op where replicas exchange from GPU to GPU; none for other ops.
std::optional<Kernel> exchange_among_gpus(const Op&, const std::shared_ptr<GpuCommunicator>&, const Signature&);

}  // namespace strata
