#pragma once

#include <string>

/// GPUs as cuDNN describes them, so that it can be asked about them where they are not. Facts from NVIDIA's documents.
namespace strata::testing {

struct DescribedGpu {
  std::string name, json;
};

inline DescribedGpu h200() {
  return {
      "H200 (9.0)",
      R"({"cudaDeviceId":0,"deviceVer":900,"driverVer":13000,"maxGridSize":[2147483647,65535,65535],)"
      R"("maxBlockSize":[1024,1024,64],"regsPerBlock":65536,"multiProcessorCount":132,"warpSize":32,)"
      R"("maxSharedMemoryPerBlock":49152,"maxSharedMemoryPerBlockOptin":232448,"reservedSharedMemoryPerBlock":1024,)"
      R"("maxRegistersPerSM":65536,"maxCtasPerSM":32,"maxThreadsPerBlock":1024,"maxThreadsPerSM":2048,"pciDeviceId":0,)"
      R"("isTccDriver":0,"supportCoopLaunch":1,"smClockRateKHz":1980000,"memClockRateKHz":3201000,"l2CacheSize":62914560,)"
      R"("deviceName":"NVIDIA H200","totalGlobalMem":150754820096})"};
}

inline DescribedGpu t4() {
  return {
      "T4 (7.5)",
      R"({"cudaDeviceId":0,"deviceVer":750,"driverVer":13000,"maxGridSize":[2147483647,65535,65535],)"
      R"("maxBlockSize":[1024,1024,64],"regsPerBlock":65536,"multiProcessorCount":40,"warpSize":32,)"
      R"("maxSharedMemoryPerBlock":49152,"maxSharedMemoryPerBlockOptin":65536,"reservedSharedMemoryPerBlock":0,)"
      R"("maxRegistersPerSM":65536,"maxCtasPerSM":16,"maxThreadsPerBlock":1024,"maxThreadsPerSM":1024,"pciDeviceId":0,)"
      R"("isTccDriver":0,"supportCoopLaunch":1,"smClockRateKHz":1590000,"memClockRateKHz":5001000,"l2CacheSize":4194304,)"
      R"("deviceName":"Tesla T4","totalGlobalMem":15828320256})"};
}

inline DescribedGpu rtx_5090() {
  return {
      "RTX 5090 (12.0)",
      R"({"cudaDeviceId":0,"deviceVer":1200,"driverVer":13000,"maxGridSize":[2147483647,65535,65535],)"
      R"("maxBlockSize":[1024,1024,64],"regsPerBlock":65536,"multiProcessorCount":170,"warpSize":32,)"
      R"("maxSharedMemoryPerBlock":49152,"maxSharedMemoryPerBlockOptin":101376,"reservedSharedMemoryPerBlock":1024,)"
      R"("maxRegistersPerSM":65536,"maxCtasPerSM":24,"maxThreadsPerBlock":1024,"maxThreadsPerSM":1536,"pciDeviceId":0,)"
      R"("isTccDriver":0,"supportCoopLaunch":1,"smClockRateKHz":2407000,"memClockRateKHz":14001000,"l2CacheSize":100663296,)"
      R"("deviceName":"NVIDIA GeForce RTX 5090","totalGlobalMem":34190458880})"};
}

}  // namespace strata::testing
