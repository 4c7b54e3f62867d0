#include <stddef.h>
#include <stdio.h>

#include "stub.h"

// The driver (libcuda.so.1).
int cuInit(unsigned flags) {
  (void)flags;
  return told("STUB_CU_INIT", 0);
}
int cuDriverGetVersion(int* version) {
  *version = told("STUB_CU_VERSION", 13000);
  return 0;
}
int cuDeviceGetCount(int* count) {
  *count = told("STUB_CU_DEVICES", 1);
  return 0;
}
int cuDeviceGet(int* device, int ordinal) {
  *device = ordinal;
  return 0;
}
int cuDeviceGetName(char* name, int length, int device) {
  snprintf(name, (size_t)length, "Stub GPU %d", device);
  return 0;
}
int cuDeviceGetPCIBusId(char* bus, int length, int device) {
  snprintf(bus, (size_t)length, "0000:%02x:00.0", device + 1);
  return 0;
}
int cuDeviceTotalMem_v2(size_t* bytes, int device) {
  (void)device;
  *bytes = (size_t)8 << 30;
  return 0;
}
int cuDeviceGetAttribute(int* value, int attribute, int device) {
  (void)device;
  *value = attribute == 75   ? told("STUB_CU_MAJOR", 9)
           : attribute == 76 ? told("STUB_CU_MINOR", 0)
           : attribute == 20 ? told("STUB_CU_MODE", 0)
                             : -1;
  return 0;
}
int cuDevicePrimaryCtxRetain(void** context, int device) {
  (void)device;
  *context = context;
  return told("STUB_CU_CONTEXT", 0);
}
int cuDevicePrimaryCtxRelease_v2(int device) {
  (void)device;
  return 0;
}
int cuCtxPushCurrent_v2(void* context) {
  (void)context;
  return 0;
}
int cuCtxPopCurrent_v2(void** context) {
  *context = NULL;
  return 0;
}
