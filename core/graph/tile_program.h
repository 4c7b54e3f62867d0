#pragma once

#include <vector>

#include "core/graph/op.h"

namespace strata {

/// A straight run of elementwise ops over one shape, executed tile by tile so that intermediate results stay in the
/// first-level cache. It is what the fuser makes of a chain, and what a single elementwise op runs as.
struct TileProgram {
  struct Instruction {
    Op op;
    /// Below inputs.size(): that input. Otherwise: the result of instruction number (operand - inputs.size()).
    std::vector<int> operands;
  };
  Shape shape;                     ///< of every result
  Types inputs;                    ///< each broadcasts to `shape`
  std::vector<Instruction> code;   ///< operands before users
  std::vector<int> outputs;        ///< numbers of the instructions whose results leave the program
};

/// Element type of each instruction's result.
std::vector<DType> result_types(const TileProgram&);

Kernel prepare_tile_program(const TileProgram&, const CpuTarget&);
/// In builds with CUDA, real or emulated. None when one of the ops has no code for a GPU.
std::optional<Kernel> prepare_tile_program(const TileProgram&, const CudaTarget&);

}  // namespace strata
