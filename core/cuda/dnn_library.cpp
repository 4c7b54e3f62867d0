// cuDNN itself: found, loaded, begun with.
#include <cudnn.h>

#include "core/base/error.h"
#include "core/cuda/dnn_graph.h"

namespace cudnn_frontend {
extern void* cudnn_dlhandle;  // where the frontend looks for cuDNN's functions
}

namespace strata::cuda::dnn {

namespace {
const char* usual_causes(cudnnStatus_t status) {
  switch (status) {
    case CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH:
    case CUDNN_STATUS_SUBLIBRARY_LOADING_FAILED:
      return "Parts of cuDNN (libcudnn_*.so.9) are missing beside it, or those of another version are found first "
             "(LD_LIBRARY_PATH). ";
    case CUDNN_STATUS_NOT_INITIALIZED:
    case CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED:  // ALLOC_FAILED, before cuDNN 9
    case CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED:
      return "The usual causes: other processes have taken the GPU's memory (nvidia-smi lists them), or the driver is "
             "too old for this cuDNN. ";
    default:
      return "";
  }
}
}  // namespace

const SharedLibrary& library() {
  static const SharedLibrary& cudnn = *[] {
    const auto* opened = new SharedLibrary(SharedLibrary::open(cuda_libraries::cudnn()));  // never unloaded
    cudnn_frontend::cudnn_dlhandle = opened->handle();
    return opened;
  }();
  if (!cudnn.loaded()) throw Error("cuDNN", cudnn.problem());
  return cudnn;
}

std::string version() {
  const std::size_t number = library().symbol<decltype(cudnnGetVersion)>("cudnnGetVersion")();
  return std::to_string(number / 10000) + "." + std::to_string(number / 100 % 100) + "." + std::to_string(number % 100);
}

void* create_handle(const SharedLibrary& cudnn) {
  cudnnHandle_t handle = nullptr;
  const cudnnStatus_t status = cudnn.symbol<decltype(cudnnCreate)>("cudnnCreate")(&handle);
  if (status == CUDNN_STATUS_SUCCESS) return handle;
  std::string message = "Could not create cuDNN handle: ";
  message += cudnn.symbol<decltype(cudnnGetErrorString)>("cudnnGetErrorString")(status);
  message += " (" + cudnn.path() + "). ";
  message += usual_causes(status);
  throw Error("cuDNN", message + "`strata doctor` checks all of them");
}

}  // namespace strata::cuda::dnn
