// A cuDNN that only fails, with the status that STUB_CUDNN_STATUS says.
#include <cstdlib>

extern "C" {
int cudnnCreate(void**) { return std::atoi(std::getenv("STUB_CUDNN_STATUS")); }
const char* cudnnGetErrorString(int status) {
  switch (status) {
    case 1001:
      return "CUDNN_STATUS_NOT_INITIALIZED";
    case 1002:
      return "CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH";
    case 4003:
      return "CUDNN_STATUS_ALLOC_FAILED";
    default:
      return "CUDNN_STATUS_INTERNAL_ERROR";
  }
}
}
