#include "stub.h"

int ncclGetVersion(int* version) {
  *version = told("STUB_NCCL_VERSION", 22809);
  return 0;
}
