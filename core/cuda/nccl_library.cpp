#include "core/cuda/nccl_library.h"

#include <algorithm>
#include <cstdlib>

#include "core/base/error.h"
#include "core/device/cuda_build.h"
#include "core/device/cuda_versions.h"

namespace strata::cuda::nccl {

int number_of(DType type) {
  switch (type) {
    case DType::i32:
      return 2;
    case DType::i64:
      return 4;
    case DType::f16:
      return 6;
    case DType::f32:
      return 7;
    case DType::f64:
      return 8;
    case DType::bf16:
      return 9;
    default:
      fail_expected("communicator", "numbers of f32, f64, f16, bf16, i32 or i64", to_string(type));
  }
}

int number_of(Reduction reduction) {
  switch (reduction) {
    case Reduction::sum:
      return 0;
    case Reduction::max:
      return 2;
    case Reduction::mean:
      break;
  }
  return 4;
}

namespace {
constexpr LibraryVersion first_to_share_a_gpu{2, 30};

SharedLibrary opened(const LibraryRequest& request) {
  SharedLibrary library = SharedLibrary::open(request);
  if (!library.loaded()) throw Error("NCCL", library.problem());
  return library;
}

LibraryVersion version_of(const SharedLibrary& library) {
  int number = 0;
  library.symbol<Result(int*)>("ncclGetVersion")(&number);
  const LibraryVersion version = LibraryVersion::of_number(number);
  if (version < least::nccl || version.major != least::nccl.major)
    throw Error("NCCL", library.path() + " is version " + version.text() + "; this needs " +
                            std::to_string(least::nccl.major) + ".x from " + least::nccl.text() + " on");
  return version;
}

/// Before NCCL first looks at it. Where GPUs are joined by NVSwitch it would exchange addresses between replicas while
/// a step is recorded, for a copy less; a variable of the user's stays.
void set_environment() { ::setenv("NCCL_GRAPH_REGISTER", "0", 0); }
}  // namespace

Library::Library(const LibraryRequest& request) : file(opened(request)), version(version_of(file)) {
  set_environment();
  const auto load = [this](auto*& function, const char* name) {
    function = file.symbol<std::remove_pointer_t<std::remove_reference_t<decltype(function)>>>(name);
  };
  load(get_unique_id, "ncclGetUniqueId");
  load(init_rank, "ncclCommInitRankConfig");
  load(abort, "ncclCommAbort");
  load(async_error, "ncclCommGetAsyncError");
  load(error_string, "ncclGetErrorString");
  load(last_error, "ncclGetLastError");
  load(all_reduce, "ncclAllReduce");
  load(broadcast, "ncclBroadcast");
  load(all_gather, "ncclAllGather");
  load(reduce_scatter, "ncclReduceScatter");
}

namespace {
/// NVIDIA's library knows nothing of an emulated GPU: there it is a stand-in, in a folder that tests name.
LibraryRequest request() {
  LibraryRequest nccl = cuda_libraries::nccl();
  if constexpr (has_emulated_gpu) {
    const char* folder = std::getenv("STRATA_EMULATED_NCCL");
    nccl.search = {{folder == nullptr ? "(STRATA_EMULATED_NCCL)" : folder}, false, {}};
  }
  return nccl;
}
}  // namespace

const Library& Library::shared() {
  static const auto& library = *new Library(request());  // never unloaded
  return library;
}

std::string Library::title() const { return "NCCL " + version.text() + " (" + file.path() + ")"; }

std::string Library::refusal(const std::vector<std::string>& buses) const {
  for (std::size_t r = 0; r < buses.size(); ++r) {
    const auto other = std::find(buses.begin(), buses.begin() + static_cast<std::ptrdiff_t>(r), buses[r]);
    if (other == buses.begin() + static_cast<std::ptrdiff_t>(r)) continue;
    const std::string shared = "ranks " + std::to_string(other - buses.begin()) + " and " + std::to_string(r) +
                               " share the GPU at " + buses[r] + ", which NCCL allows from version " +
                               first_to_share_a_gpu.text() +
                               " on, if the environment says NCCL_MULTI_RANK_GPU_ENABLE=1";
    if (version < first_to_share_a_gpu) return shared + "; this is " + title();
    const char* allowed = std::getenv("NCCL_MULTI_RANK_GPU_ENABLE");
    if (allowed == nullptr || std::string(allowed) != "1") return shared + "; set that variable";
  }
  return "";
}

}  // namespace strata::cuda::nccl
