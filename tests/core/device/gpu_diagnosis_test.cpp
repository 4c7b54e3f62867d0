#include "core/device/gpu_diagnosis.h"

#include <gtest/gtest.h>

#include "tests/core/device/stub_machine.h"

namespace strata {
namespace {

using State = GpuFinding::State;

class GpuDiagnosisTest : public testing::StubMachine {
 protected:
  /// The finding of this name; one that says so when there is none.
  GpuFinding finding(const std::string& what, GpuProbes probes = GpuProbes::look) const {
    for (const GpuFinding& f : diagnose_gpu(machine, probes).findings)
      if (f.what == what) return f;
    return {State::failed, what, "no such finding", "", true};
  }
};

TEST_F(GpuDiagnosisTest, NothingIsWrong) {
  const GpuDiagnosis diagnosis = diagnose_gpu(machine, GpuProbes::use);
  for (const GpuFinding& f : diagnosis.findings) EXPECT_EQ(f.state, State::passed) << f.what << ": " << f.found;
  EXPECT_TRUE(diagnosis.usable());
  EXPECT_EQ(diagnosis.why_not(), "");
  EXPECT_EQ(finding("gpu:0").found, "Stub GPU 0, compute capability 9.0");
  EXPECT_HAS(finding("cuDNN").found, "9.19 (");
  EXPECT_EQ(finding("NVIDIA kernel module").found, "580.65.06");
  EXPECT_EQ(finding("cuDNN on gpu:0", GpuProbes::use).found, "makes its handle");
}

TEST_F(GpuDiagnosisTest, EveryAnswerOfCuInit) {
  const std::vector<std::tuple<int, const char*, const char*>> all{
      {2, "CUDA_ERROR_OUT_OF_MEMORY (2)", "strata devices --processes"},
      {3, "CUDA_ERROR_NOT_INITIALIZED (3)", "restart the machine"},
      {34, "CUDA_ERROR_STUB_LIBRARY (34)", "lib/stubs"},
      {46, "CUDA_ERROR_DEVICE_UNAVAILABLE (46)", "another process"},
      {101, "CUDA_ERROR_INVALID_DEVICE (101)", "CUDA_VISIBLE_DEVICES"},
      {102, "CUDA_ERROR_DEVICE_NOT_LICENSED (102)", "licence"},
      {214, "CUDA_ERROR_ECC_UNCORRECTABLE (214)", "nvidia-smi -q -d ECC"},
      {304, "CUDA_ERROR_OPERATING_SYSTEM (304)", "/dev/nvidia-uvm"},
      {500, "CUDA_ERROR_NOT_FOUND (500)", "too old"},
      {802, "CUDA_ERROR_SYSTEM_NOT_READY (802)", "nvidia-fabricmanager"},
      {803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH (803)", "restart the machine"},
      {804, "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE (804)", "cuda-compat"},
      {805, "CUDA_ERROR_MPS_CONNECTION_FAILED (805)", "CUDA_MPS_PIPE_DIRECTORY"},
      {806, "CUDA_ERROR_MPS_RPC_FAILURE (806)", "MPS"},
      {807, "CUDA_ERROR_MPS_SERVER_NOT_READY (807)", "MPS"},
      {808, "CUDA_ERROR_MPS_MAX_CLIENTS_REACHED (808)", "MPS"},
      {809, "CUDA_ERROR_MPS_MAX_CONNECTIONS_REACHED (809)", "MPS"},
      {810, "CUDA_ERROR_MPS_CLIENT_TERMINATED (810)", "MPS"},
      {999, "CUDA_ERROR_UNKNOWN (999)", "nvidia_uvm"},
      {12345, "CUDA error (12345)", "dmesg"},
  };
  for (const auto& [code, name, advice] : all) {
    tell("CU_INIT", code);
    EXPECT_HAS(why_not(), std::string("cuInit failed with ") + name);
    EXPECT_HAS(why_not(), advice);
    EXPECT_EQ(finding("devices").state, State::not_reached);
  }
}

TEST_F(GpuDiagnosisTest, OldDriver) {
  tell("CU_VERSION", 12020);
  EXPECT_HAS(why_not(), "The driver 580.65.06 runs CUDA 12.2 at most; this needs 13.0 (driver 580.65 or newer)");
  EXPECT_HAS(why_not(), "nvidia-driver-580");
  EXPECT_EQ(finding("cuInit").state, State::not_reached);
}

TEST_F(GpuDiagnosisTest, NewerMinorVersionsFit) {
  tell("CU_VERSION", 13040);
  tell("CUDNN_VERSION", 92700);
  EXPECT_EQ(why_not(), "");
}

TEST_F(GpuDiagnosisTest, HiddenAndMissingDevices) {
  tell("CU_INIT", 100);
  tell("NVML_DEVICES", 2);
  variables["CUDA_VISIBLE_DEVICES"] = "7";
  EXPECT_HAS(why_not(), "CUDA_VISIBLE_DEVICES='7' hides all 2 GPUs of this machine");
  EXPECT_HAS(why_not(), "unset it");
  tell("CU_INIT", 0);
  tell("CU_DEVICES", 0);
  EXPECT_HAS(why_not(), "hides all 2 GPUs");
  tell("NVML_DEVICES", 0);
  EXPECT_HAS(why_not(), "The driver lists no GPU to this process, with CUDA_VISIBLE_DEVICES='7'");
  variables.clear();
  EXPECT_HAS(why_not(), "The driver works but lists no GPU");
  write(".dockerenv", "");
  variables["NVIDIA_VISIBLE_DEVICES"] = "void";
  EXPECT_HAS(why_not(), "The container was started without GPUs (NVIDIA_VISIBLE_DEVICES=void)");
  EXPECT_HAS(why_not(), "docker run --gpus all");
}

TEST_F(GpuDiagnosisTest, ComputeCapability) {
  tell("CU_MAJOR", 6);
  tell("CU_MINOR", 1);
  EXPECT_HAS(why_not(), "Stub GPU 0, compute capability 6.1: too old, since CUDA 13.0 starts at 7.5");
  tell("CU_MAJOR", 8);
  tell("CU_MINOR", 6);
  EXPECT_HAS(why_not(), "compute capability 8.6: this build holds kernels for 75 90 120 only");
  EXPECT_HAS(why_not(), "-DSTRATA_CUDA_ARCHITECTURES=86");
  machine.architectures = "75 80";
  EXPECT_EQ(why_not(), "");
}

TEST(RunsOn, CodeOfTheSameMajorVersionOrThePtxOfTheLast) {
  EXPECT_TRUE(runs_on("75 80 90", {7, 5}));
  EXPECT_TRUE(runs_on("75 80 90", {8, 9}));
  EXPECT_TRUE(runs_on("75 80 90", {12, 0}));
  EXPECT_FALSE(runs_on("75 86 120", {8, 0}));
  EXPECT_FALSE(runs_on("75 120", {9, 0}));
  EXPECT_FALSE(runs_on("", {9, 0}));
}

TEST_F(GpuDiagnosisTest, OneGpuThatWorksIsEnough) {
  tell("CU_DEVICES", 2);
  tell("NVML_DEVICES", 2);
  EXPECT_EQ(why_not(), "");
  EXPECT_EQ(finding("gpu:1").found, "Stub GPU 1, compute capability 9.0");
}

TEST_F(GpuDiagnosisTest, ForbiddenBusyAndFullDevices) {
  tell("CU_MODE", 2);
  EXPECT_HAS(why_not(), "compute mode PROHIBITED");
  tell("CU_MODE", 3);
  EXPECT_HAS(finding("gpu:0").found, "takes one process at a time");
  tell("CU_CONTEXT", 46);
  EXPECT_EQ(why_not(GpuProbes::look), "");
  EXPECT_HAS(why_not(GpuProbes::use), "cuDevicePrimaryCtxRetain failed with CUDA_ERROR_DEVICE_UNAVAILABLE (46)");
  EXPECT_HAS(why_not(GpuProbes::use), "process 2 is on it now");
  tell("CU_CONTEXT", 2);
  EXPECT_HAS(why_not(GpuProbes::use), "CUDA_ERROR_OUT_OF_MEMORY");
}

TEST_F(GpuDiagnosisTest, LibrariesThatAreAbsentOrDoNotFit) {
  machine.cudnn = request(cuda_libraries::cudnn(), "nowhere");
  EXPECT_HAS(why_not(),
             "cuDNN (libcudnn.so.9) was not found; looked for: " + (stubs("nowhere") / "libcudnn.so.9").string());
  EXPECT_HAS(why_not(), "tools/setup_cuda.sh");
  machine.cudnn = request(cuda_libraries::cudnn(), "empty");
  EXPECT_HAS(why_not(), "does not say its version: it lacks a function");
  machine.cudnn = request(cuda_libraries::cudnn(), "dependent");
  EXPECT_HAS(why_not(), "cuDNN is there but does not load");
  EXPECT_HAS(why_not(), "the missing dependency is libstrata_stub_part.so");
  machine.cudnn = request(cuda_libraries::cudnn(), "good");
  tell("CUDNN_VERSION", 90100);
  EXPECT_HAS(why_not(), "is version 9.1; this needs 9.x from 9.12 on");
  tell("CUDNN_VERSION", 100000);
  EXPECT_HAS(why_not(), "is version 10.0; this needs 9.x from 9.12 on");
  tell("CUBLAS_VERSION", 120800);
  EXPECT_HAS(why_not(), "cuBLASLt (");
}

TEST_F(GpuDiagnosisTest, NcclIsWantedForSeveralGpusOnly) {
  machine.nccl = request(cuda_libraries::nccl(), "nowhere");
  EXPECT_EQ(why_not(), "");
  EXPECT_EQ(finding("NCCL").state, State::failed);
  EXPECT_HAS(finding("NCCL").found, "only needed for several GPUs");
}

TEST_F(GpuDiagnosisTest, HandlesThatCannotBeMade) {
  tell("CUDNN_CREATE", 1001);
  EXPECT_EQ(why_not(GpuProbes::look), "");
  EXPECT_HAS(why_not(GpuProbes::use),
             "Could not create the cuDNN handle: cudnnCreate answered CUDNN_STATUS_NOT_INITIALIZED (1001)");
  EXPECT_HAS(why_not(GpuProbes::use), "most often the GPU's memory is full");
  tell("CUDNN_CREATE", 4003);
  EXPECT_HAS(why_not(GpuProbes::use), "CUDNN_STATUS_ALLOC_FAILED (4003)");
  tell("CUDNN_CREATE", 4004);
  EXPECT_HAS(why_not(GpuProbes::use), "the GPU's memory is full: `strata devices --processes` says who holds it");
  tell("CUDNN_CREATE", 77);
  EXPECT_HAS(why_not(GpuProbes::use), "an unknown status (77)");
  tell("CUDNN_CREATE", 0);
  tell("CUBLAS_CREATE", 3);
  EXPECT_HAS(why_not(GpuProbes::use),
             "Could not create the cuBLASLt handle: cublasLtCreate answered CUBLAS_STATUS_ALLOC_FAILED (3)");
}

TEST_F(GpuDiagnosisTest, DriverAndLibraryOfDifferentVersions) {
  tell("NVML_INIT", 18);
  EXPECT_HAS(why_not(), "Driver and library are of different versions (module 580.65.06)");
  EXPECT_HAS(why_not(), "restart the machine; in a container, start it anew");
}

TEST_F(GpuDiagnosisTest, WithoutNvmlAGpuStillWorks) {
  machine.management = request(cuda_libraries::management(), "nowhere");
  EXPECT_EQ(why_not(), "");
  EXPECT_HAS(finding("NVML").found, "temperature, load and processes cannot be shown");
}

TEST_F(GpuDiagnosisTest, NoDriver) {
  remove("proc/driver");
  machine.driver = request(cuda_libraries::driver(), "nowhere");
  EXPECT_HAS(why_not(), "NVIDIA's driver is not loaded (no /proc/driver/nvidia/version)");
  EXPECT_HAS(why_not(), "apt-get install nvidia-driver-580");
  bind_driver("nouveau");
  EXPECT_HAS(why_not(), "The GPU is run by nouveau");
  remove("sys/bus/pci/devices/0000:01:00.0/driver");
  bind_driver("vfio-pci");
  EXPECT_HAS(why_not(), "set aside for virtual machines (vfio-pci)");
}

TEST_F(GpuDiagnosisTest, ModuleWithoutLibraryOrDeviceFiles) {
  machine.driver = request(cuda_libraries::driver(), "nowhere");
  EXPECT_HAS(why_not(), "The NVIDIA driver's CUDA library (libcuda.so.1) was not found");
  EXPECT_HAS(why_not(), "libnvidia-compute-580");
  write(".dockerenv", "");
  EXPECT_HAS(why_not(), "NVIDIA_DRIVER_CAPABILITIES=compute,utility");
  remove("dev/nvidiactl");
  EXPECT_HAS(why_not(), "/dev/nvidiactl is not there, though the driver is loaded");
  EXPECT_HAS(why_not(), "docker run --gpus all");
}

TEST_F(GpuDiagnosisTest, ADriverThatWorksHasTheLastWord) {
  remove("sys");
  remove("proc");
  EXPECT_EQ(why_not(), "");
  EXPECT_EQ(finding("NVIDIA GPU").state, State::failed);
  EXPECT_EQ(finding("gpu:0").state, State::passed);
  tell("CU_INIT", 999);
  EXPECT_HAS(why_not(), "There is no NVIDIA GPU on the PCI bus");
  EXPECT_EQ(finding("cuInit").state, State::not_reached);
}

TEST_F(GpuDiagnosisTest, OtherGpusAndNone) {
  remove("proc/driver");
  machine.driver = request(cuda_libraries::driver(), "nowhere");
  write("sys/bus/pci/devices/0000:01:00.0/vendor", "0x1002");
  EXPECT_HAS(why_not(), "There is no NVIDIA GPU here but an AMD GPU 1002:2330 at 0000:01:00.0");
  EXPECT_HAS(why_not(), "--device cpu");
  EXPECT_HAS(why_not(), "of no use without a GPU of NVIDIA's");
  remove("sys");
  EXPECT_HAS(why_not(), "There is no NVIDIA GPU on the PCI bus");
  EXPECT_HAS(why_not(), "libcuda.so.1) was not found");
  EXPECT_EQ(finding("NVIDIA kernel module").state, State::not_reached);
  write("proc/version", "Linux version 5.15.0-microsoft-standard-WSL2");
  EXPECT_HAS(why_not(), "WSL has no GPU here (no /dev/dxg)");
  EXPECT_HAS(why_not(), "wsl --update");
  write("dev/dxg", "");
  EXPECT_HAS(why_not(), "libcuda.so.1) was not found");
  EXPECT_HAS(why_not(), "in Windows, not in Linux");
}

TEST_F(GpuDiagnosisTest, ABuildWithoutCudaSaysWhatIsHereAllTheSame) {
  machine.built_with_cuda = false;
  EXPECT_HAS(why_not(), "This build of Strata has no CUDA support");
  EXPECT_HAS(why_not(), "cmake --preset cuda");
  EXPECT_EQ(finding("gpu:0").state, State::passed);
  EXPECT_EQ(finding("cuDNN").found, "no such finding");
}

TEST_F(GpuDiagnosisTest, EverythingThatIsMissingAtOnce) {
  for (LibraryRequest* r : {&machine.driver, &machine.management, &machine.cublas_lt, &machine.cudnn, &machine.nvrtc})
    *r = request(*r, "nowhere");
  for (const char* name : {"libcuda.so.1", "libcublasLt.so.13", "libcudnn.so.9", "libnvrtc.so.13"})
    EXPECT_HAS(why_not(), name);
  EXPECT_FALSE(diagnose_gpu(machine, GpuProbes::look).usable());
}

TEST_F(GpuDiagnosisTest, AnEmulatedGpuNeedsNothing) {
  remove("sys");
  machine.emulation = GpuMachine::Emulation::on;
  machine.built_with_cuda = false;
  EXPECT_EQ(why_not(), "");
  machine.emulation = GpuMachine::Emulation::off;
  EXPECT_HAS(why_not(), "as many as STRATA_EMULATED_GPU says");
}

}  // namespace
}  // namespace strata
