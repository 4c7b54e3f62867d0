#pragma once

#include "core/graph/tile_program.h"

namespace strata {

/// What the fuser makes of connected elementwise ops: one kernel that runs them tile by tile. Made after gradients were
/// taken, so it has none of its own.
struct Fused {
  TileProgram program;
  static constexpr std::string_view name = "fused";
  Types infer(std::span<const Type>) const;
  Values vjp(const Node&, std::span<const Value>) const;
  Kernel prepare(const CpuTarget& target, const Signature&) const { return prepare_tile_program(program, target); }
  std::optional<Kernel> prepare(const CudaTarget& target, const Signature&) const { return prepare_tile_program(program, target); }
  /// `subtract, multiply, add`
  std::string describe() const;
};

}  // namespace strata
