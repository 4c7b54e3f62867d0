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
STRATA_API std::vector<DType> result_types(const TileProgram&);
/// Of each result that leaves the program.
STRATA_API Types output_types(const TileProgram&);

Kernel prepare_tile_program(const TileProgram&, const CpuTarget&);

/// One kernel for programs of which none reads what another writes; their arrays follow each other. On the processor
/// they run one after the other.
Kernel prepare_tile_programs(std::span<const TileProgram>, const CpuTarget&);
/// In builds with CUDA, real or emulated: one launch, of programs that differ in their shapes only. None when there is no
/// such kernel (core/graph/tile_source.h); any single program has one whose ops have code for a GPU.
std::optional<Kernel> prepare_tile_programs(std::span<const TileProgram>, const CudaTarget&);
/// Compiles what prepare_tile_programs will be asked for, several at a time; it is there while the result lives.
std::shared_ptr<const void> compile_tile_programs(std::span<const std::vector<TileProgram>>, const CudaTarget&);

}  // namespace strata
