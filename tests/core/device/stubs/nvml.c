#include <stdio.h>

#include "stub.h"

// NVIDIA's management library (libnvidia-ml.so.1). A device's handle is its number plus one.
struct memory {
  unsigned long long total, free, used;
};
struct utilization {
  unsigned gpu, memory;
};
struct process {
  unsigned pid;
  unsigned long long used;
  unsigned gpu_instance, compute_instance;
};
struct pci {
  char bus_legacy[16];
  unsigned domain, bus, device, id, subsystem;
  char bus_id[32];
};

int nvmlInit_v2(void) { return told("STUB_NVML_INIT", 0); }
int nvmlShutdown(void) { return 0; }
int nvmlSystemGetDriverVersion(char* text, unsigned length) {
  snprintf(text, length, "580.65.06");
  return 0;
}
int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = (unsigned)told("STUB_NVML_DEVICES", 1);
  return 0;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
  *device = (void*)(unsigned long)(index + 1);
  return 0;
}
int nvmlDeviceGetPciInfo_v3(void* device, struct pci* info) {
  snprintf(info->bus_id, sizeof info->bus_id, "00000000:%02X:00.0", (unsigned)(unsigned long)device);
  return 0;
}
int nvmlDeviceGetHandleByPciBusId_v2(const char* bus, void** device) {
  unsigned number = 0;
  if (sscanf(bus, "%*x:%x", &number) != 1 || (int)number > told("STUB_NVML_DEVICES", 1)) return 6;
  *device = (void*)(unsigned long)number;
  return 0;
}
int nvmlDeviceGetName(void* device, char* name, unsigned length) {
  snprintf(name, length, "Stub GPU %d", (int)(unsigned long)device - 1);
  return 0;
}
int nvmlDeviceGetIndex(void* device, unsigned* index) {
  *index = (unsigned)(unsigned long)device - 1;
  return 0;
}
int nvmlDeviceGetMemoryInfo(void* device, struct memory* memory) {
  (void)device;
  memory->total = 8ull << 30;
  memory->free = 3ull << 30;
  memory->used = 5ull << 30;
  return 0;
}
int nvmlDeviceGetUtilizationRates(void* device, struct utilization* rates) {
  (void)device;
  rates->gpu = 41;
  rates->memory = 7;
  return 0;
}
int nvmlDeviceGetTemperature(void* device, int sensor, unsigned* degrees) {
  (void)device;
  *degrees = 60;
  return sensor == 0 ? 0 : 2;
}
int nvmlDeviceGetClockInfo(void* device, int type, unsigned* megahertz) {
  (void)device;
  *megahertz = 1410;
  return type == 1 ? 0 : 2;
}
int nvmlDeviceGetMaxClockInfo(void* device, int type, unsigned* megahertz) {
  (void)device;
  *megahertz = 1980;
  return type == 1 ? 0 : 2;
}
int nvmlDeviceGetPowerUsage(void* device, unsigned* milliwatts) {
  (void)device;
  (void)milliwatts;
  return 3;  // not supported
}
int nvmlDeviceGetComputeRunningProcesses_v3(void* device, unsigned* count, struct process* all) {
  const unsigned there = (unsigned)told("STUB_NVML_PROCESSES", 2);
  (void)device;
  if (*count < there) {
    *count = there;
    return 7;
  }
  *count = there;
  for (unsigned i = 0; i < there; ++i) {
    all[i].pid = 1 + i;
    all[i].used = i == 0 ? ~0ull : (unsigned long long)i << 30;
  }
  return 0;
}
