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
