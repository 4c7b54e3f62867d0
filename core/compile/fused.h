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
  std::optional<Kernel> prepare(const CudaTarget& target, const Signature&) const {
    return prepare_tile_programs({&program, 1}, target);
  }
  /// `subtract, multiply, add`
  std::string describe() const;
};

/// Programs that differ in nothing but their shapes and do not depend on each other, each with arrays of its own:
/// inputs and outputs are those of the first program, then those of the second, and so on. On a GPU it is one launch.
struct FusedGroup {
  std::vector<TileProgram> programs;
  static constexpr std::string_view name = "fused_group";
  Types infer(std::span<const Type>) const;
  Values vjp(const Node&, std::span<const Value>) const;
  Kernel prepare(const CpuTarget& target, const Signature&) const { return prepare_tile_programs(programs, target); }
  std::optional<Kernel> prepare(const CudaTarget& target, const Signature&) const {
    return prepare_tile_programs(programs, target);
  }
  /// `3 x subtract, multiply`
  std::string describe() const;
};

/// What an elementwise, fused or grouped node runs; nothing for others.
std::vector<TileProgram> tile_programs_of(const Node&);

}  // namespace strata
