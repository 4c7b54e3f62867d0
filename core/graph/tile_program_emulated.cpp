// Tile programs on an emulated GPU: the processor's own.
#include "core/device/cuda_emulated.h"
#include "core/graph/tile_program.h"
#include "core/graph/tile_source.h"

namespace strata {

std::optional<Kernel> prepare_tile_programs(std::span<const TileProgram> programs, const CudaTarget&) {
  if (!tile_source(programs[0], "kernel", static_cast<int>(programs.size()))) return std::nullopt;  // nor has a GPU
  Kernel kernel = prepare_tile_programs(programs, CpuTarget{1});
  kernel.launch = [run = std::move(kernel.run)](Cuda& gpu, const Buffers& io) {
    // A recording outlives the call: it keeps the addresses as they are now.
    Signature signature;
    for (std::size_t i = 0; i < io.inputs(); ++i) signature.inputs.push_back(io.in_type(i));
    for (std::size_t i = 0; i < io.outputs(); ++i) signature.outputs.push_back(io.out_type(i));
    cuda::enqueue(gpu.stream().handle(),
                  [run, signature, in = std::vector<const void*>(io.in_raw(), io.in_raw() + io.inputs()),
                   out = std::vector<void*>(io.out_raw(), io.out_raw() + io.outputs()), scratch = io.scratch()] {
                    Cpu serial;
                    const FlushDenormals flush;
                    run(serial, Buffers(signature, in.data(), out.data(), scratch));
                  });
  };
  kernel.run = {};
  return kernel;
}

std::shared_ptr<const void> compile_tile_programs(std::span<const std::vector<TileProgram>>, const CudaTarget&) {
  return nullptr;
}

}  // namespace strata
