// What is said when cuDNN refuses to begin, with a stub that does.
#include <gtest/gtest.h>

#include <cstdlib>

#include "core/base/error.h"
#include "core/cuda/dnn_graph.h"
#include "tests/support/own_program.h"

namespace strata::cuda {
namespace {

std::filesystem::path stub_folder() { return testing::own_program().parent_path() / "stubs" / "good"; }

std::string message_for(int status) {
  setenv("STUB_CUDNN_CREATE", std::to_string(status).c_str(), 1);
  const SharedLibrary stub = SharedLibrary::open({"cuDNN", {"libcudnn.so.9"}, {{stub_folder().string()}, false, {}}});
  EXPECT_TRUE(stub.loaded()) << stub.problem();
  try {
    dnn::create_handle(stub);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(CudnnHandle, OneThatIsNotInitializedNamesTheUsualCauses) {
  const std::string message = message_for(1001);
  EXPECT_NE(message.find("Could not create cuDNN handle: CUDNN_STATUS_NOT_INITIALIZED"), std::string::npos) << message;
  EXPECT_NE(message.find((stub_folder() / "libcudnn.so.9").string()), std::string::npos) << message;
  EXPECT_NE(message.find("driver is too old"), std::string::npos) << message;
  EXPECT_NE(message.find("`strata doctor`"), std::string::npos) << message;
}

TEST(CudnnHandle, OneWithoutMemoryNamesTheUsualCauses) {
  const std::string message = message_for(4003);
  EXPECT_NE(message.find("CUDNN_STATUS_ALLOC_FAILED"), std::string::npos) << message;
  EXPECT_NE(message.find("other processes have taken the GPU's memory"), std::string::npos) << message;
}

TEST(CudnnHandle, PartsOfAnotherVersionAreNamed) {
  const std::string message = message_for(1002);
  EXPECT_NE(message.find("those of another version are found first"), std::string::npos) << message;
}

TEST(CudnnHandle, OtherErrorsAreCudnnsOwnWords) {
  const std::string message = message_for(4000);
  EXPECT_NE(message.find("CUDNN_STATUS_INTERNAL_ERROR"), std::string::npos) << message;
  EXPECT_EQ(message.find("The usual causes"), std::string::npos) << message;
}

TEST(CudnnHandle, ALibraryThatLacksTheFunctionIsNamed) {
  const SharedLibrary other = SharedLibrary::open({"cuDNN", {"libm.so.6"}, {}});
  ASSERT_TRUE(other.loaded()) << other.problem();
  try {
    dnn::create_handle(other);
    FAIL() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("cudnnCreate"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace strata::cuda
