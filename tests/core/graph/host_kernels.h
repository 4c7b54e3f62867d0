#pragma once

#include <gtest/gtest.h>

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "core/graph/tile_source.h"

namespace strata::testing {

/// Generated kernels on the processor: their CUDA text is compiled by the host's compiler, a grid is a loop.
class HostKernels {
 public:
  static constexpr unsigned most_blocks = 3;

  HostKernels() = default;
  HostKernels(const HostKernels&) = delete;
  HostKernels& operator=(const HostKernels&) = delete;
  ~HostKernels() {
    if (library_ != nullptr) dlclose(library_);
    std::error_code ignored;
    if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
  }

  /// The number of the program's kernel, the same one for equal texts; -1 when there is none.
  int add(const TileProgram& program, int segments = 1) {
    const auto source = tile_source(program, "kernel", segments);
    if (!source) return -1;
    const auto [known, is_new] = numbers_.try_emplace(source->text, static_cast<int>(sources_.size()));
    if (is_new) sources_.push_back(*tile_source(program, name(known->second), segments));
    return known->second;
  }

  const TileSource& source(int kernel) const { return sources_.at(static_cast<std::size_t>(kernel)); }
  std::size_t size() const { return sources_.size(); }

  /// One shared object of all kernels. A failure of the test when they do not compile.
  void compile() {
    folder_ = std::filesystem::temp_directory_path() / ("strata_kernels_" + std::to_string(std::random_device{}()));
    std::filesystem::create_directories(folder_);
    std::ofstream file(folder_ / "kernels.cpp");
    file << shim;
    for (std::size_t k = 0; k < sources_.size(); ++k) {
      const std::string kernel = name(static_cast<int>(k));
      file << "namespace in_" << kernel << " {\n"
           << sources_[k].text << "extern \"C\" void run_" << kernel << "(const void* parameter, unsigned blocks) {\n"
           << "  for_each_thread(blocks, [&] { " << kernel << "(*static_cast<const Segments*>(parameter)); });\n}\n}\n";
    }
    file.close();
    const char *compiler = std::getenv("STRATA_CXX"), *root = std::getenv("STRATA_SOURCE_DIR");
    ASSERT_TRUE(compiler != nullptr && root != nullptr) << "set STRATA_CXX and STRATA_SOURCE_DIR, as ctest does";
    const std::string command = std::string(compiler) + " -std=c++20 -O1 -fno-strict-aliasing -w -shared -fPIC -I " +
                                root + " -o " + (folder_ / "kernels.so").string() + " " +
                                (folder_ / "kernels.cpp").string();
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
    library_ = dlopen((folder_ / "kernels.so").c_str(), RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(library_, nullptr) << dlerror();
  }

  void run(int kernel, std::span<const TileSegment> segments) const {
    const TileLaunch launch = tile_launch(source(kernel), segments, most_blocks);
    const auto function =
        reinterpret_cast<void (*)(const void*, unsigned)>(dlsym(library_, ("run_" + name(kernel)).c_str()));
    ASSERT_NE(function, nullptr);
    function(launch.parameter.data(), launch.blocks);
  }

 private:
  static std::string name(int kernel) { return "k" + std::to_string(kernel); }

  /// What nvcc has and a compiler of C++ does not.
  static constexpr const char* shim = R"(
#define __device__
#define __global__
#define __grid_constant__
#define __launch_bounds__(threads)
struct Position { unsigned x; };
static Position blockIdx, threadIdx;
static constexpr Position blockDim{256};
template <class F> static void for_each_thread(unsigned blocks, F&& f) {
  for (blockIdx.x = 0; blockIdx.x < blocks; ++blockIdx.x)
    for (threadIdx.x = 0; threadIdx.x < blockDim.x; ++threadIdx.x) f();
}
#include "core/kernels/tile_kernel.h"
)";

  std::map<std::string, int> numbers_;
  std::vector<TileSource> sources_;
  std::filesystem::path folder_;
  void* library_ = nullptr;
};

}  // namespace strata::testing
