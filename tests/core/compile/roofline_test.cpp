#include "core/compile/roofline.h"

#include <gtest/gtest.h>
#include <strata/strata.h>

namespace strata {
namespace {

TEST(Roofline, IsMeasuredOnEveryDevice) {
  std::vector<Device> devices{device_from_string("cpu:1")};
  if (!config::list_physical_devices("gpu").empty()) devices.push_back(device_from_string("gpu:0"));
  utils::set_random_seed(3);
  const std::uint64_t position = random::process_seed_position();
  for (const Device device : devices) {
    const std::int64_t before = config::memory_in_use(device);
    for (const DType dtype : {DType::f32, DType::bf16}) {
      const Roofline r = measure_roofline(device, dtype);
      EXPECT_GT(r.flops, 1e6) << to_string(device);  // an emulated GPU under a sanitizer is that slow
      EXPECT_LT(r.flops, 1e17);
      EXPECT_GT(r.bytes, 1e6);
      EXPECT_LT(r.bytes, 1e15);
    }
    EXPECT_EQ(config::memory_in_use(device), before);
  }
  EXPECT_EQ(random::process_seed_position(), position);
  EXPECT_EQ(current_device(), Device{});
}

TEST(Roofline, RefusesIntegers) {
  try {
    measure_roofline(Device{}, DType::i32);
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("expected a floating type; received i32"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace strata
