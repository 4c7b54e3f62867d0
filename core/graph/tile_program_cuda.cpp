// Tile programs on a GPU: their source is compiled when a plan is made.
#include <map>
#include <mutex>

#include "core/cuda/nvrtc.h"
#include "core/graph/tile_access.h"
#include "core/graph/tile_program.h"
#include "core/graph/tile_source.h"

namespace strata {

namespace {
constexpr const char* kernel_name = "strata_tiles";
// With 256 threads each, as many as a multiprocessor holds at a time; a thread goes on with later elements.
constexpr unsigned blocks_per_multiprocessor = 8;

/// Code that is loaded to a device, for as long as a plan uses it.
struct Loaded {
  cuda::Module module;
  void* function;
  Loaded(int device, const nvrtc::Code& code)
      : module(device, std::as_bytes(std::span(code))), function(module.function(kernel_name)) {}
};

class LoadedKernels {
 public:
  /// In the order of the sources; those that are not there are compiled, several at a time.
  std::vector<std::shared_ptr<const Loaded>> get(std::span<const std::string> sources, const CudaTarget& target) {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<const Loaded>> all;
    std::vector<std::string> missing;
    for (const std::string& s : sources) {
      all.push_back(all_[{target.device, s}].lock());
      if (!all.back()) missing.push_back(s);
    }
    if (missing.empty()) return all;
    const auto codes = nvrtc::compile_all(missing, target.properties->major * 10 + target.properties->minor);
    std::size_t next = 0;
    for (std::size_t i = 0; i < sources.size(); ++i) {
      if (all[i]) continue;
      std::weak_ptr<const Loaded>& place = all_[{target.device, sources[i]}];
      all[i] = place.lock();  // an equal one may have come before it
      if (!all[i]) place = all[i] = std::make_shared<const Loaded>(target.device, codes[next]);
      ++next;
    }
    return all;
  }

 private:
  std::mutex mutex_;
  std::map<std::pair<int, std::string>, std::weak_ptr<const Loaded>> all_;
};

LoadedKernels& loaded_kernels() {
  static auto& kernels = *new LoadedKernels;  // never destroyed: CUDA may be gone by then
  return kernels;
}

std::optional<TileSource> source_of(std::span<const TileProgram> programs) {
  return tile_source(programs[0], kernel_name, static_cast<int>(programs.size()));
}

/// A thread has read an element before it writes it, so any full input of the right width may be overwritten.
void add_in_place(Kernel& kernel, const TileProgram& p, int first_input, int first_output) {
  const std::vector<DType> results = result_types(p);
  for (std::size_t out = 0; out < p.outputs.size(); ++out)
    for (std::size_t in = 0; in < p.inputs.size(); ++in) {
      const TileAccess access = tile_access(p.inputs[in], p.shape);
      if (access.kind == TileAccess::Kind::full &&
          access.element_bytes == size_of(results[static_cast<std::size_t>(p.outputs[out])]))
        kernel.in_place.push_back({first_input + static_cast<int>(in), first_output + static_cast<int>(out)});
    }
}
}  // namespace

std::optional<Kernel> prepare_tile_programs(std::span<const TileProgram> programs, const CudaTarget& target) {
  auto source = source_of(programs);
  if (!source) return std::nullopt;
  Kernel kernel;
  std::vector<TileSegment> segments;
  int inputs = 0, outputs = 0;
  for (const TileProgram& p : programs) {
    add_in_place(kernel, p, inputs, outputs);
    segments.push_back({std::vector<const void*>(p.inputs.size()), std::vector<void*>(p.outputs.size()),
                        static_cast<std::uint64_t>(p.shape.elements())});
    inputs += static_cast<int>(p.inputs.size());
    outputs += static_cast<int>(p.outputs.size());
  }
  const auto code = loaded_kernels().get({&source->text, 1}, target)[0];
  kernel.launch = [code, segments, source = *std::move(source)](Cuda& gpu, const Buffers& io) {
    std::vector<TileSegment> now = segments;
    std::size_t in = 0, out = 0;
    for (TileSegment& s : now) {
      for (const void*& p : s.inputs) p = io.in_raw()[in++];
      for (void*& p : s.outputs) p = io.out_raw()[out++];
    }
    const auto most_blocks = static_cast<unsigned>(gpu.properties().multiprocessors) * blocks_per_multiprocessor;
    TileLaunch launch = tile_launch(source, now, most_blocks);
    if (launch.blocks == 0) return;
    void* parameter = launch.parameter.data();
    cuda::launch(code->function, {launch.blocks, TileSource::block_threads}, &parameter, gpu.stream());
  };
  return kernel;
}

std::shared_ptr<const void> compile_tile_programs(std::span<const std::vector<TileProgram>> kernels,
                                                  const CudaTarget& target) {
  std::vector<std::string> sources;
  for (const auto& programs : kernels)
    if (auto source = source_of(programs)) sources.push_back(std::move(source->text));
  using All = std::vector<std::shared_ptr<const Loaded>>;
  return std::make_shared<const All>(loaded_kernels().get(sources, target));
}

}  // namespace strata
