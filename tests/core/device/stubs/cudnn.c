#include <stddef.h>

#include "stub.h"

size_t cudnnGetVersion(void) { return (size_t)told("STUB_CUDNN_VERSION", 91900); }
int cudnnCreate(void** handle) {
  *handle = handle;
  return told("STUB_CUDNN_CREATE", 0);
}
int cudnnDestroy(void* handle) {
  (void)handle;
  return 0;
}
const char* cudnnGetErrorString(int status) {
  switch (status) {
    case 1001: return "CUDNN_STATUS_NOT_INITIALIZED";
    case 1002: return "CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH";
    case 4003: return "CUDNN_STATUS_ALLOC_FAILED";
    default: return "CUDNN_STATUS_INTERNAL_ERROR";
  }
}
