#include "core/device/free_memory.h"

#include <filesystem>
#include <fstream>

#include "core/base/error.h"
#include "core/device/storage.h"
#include "tests/support/messages.h"
#include "tests/support/temporary_folder.h"

namespace strata {
namespace {

class FreeMemory : public testing::TemporaryFolder {
 protected:
  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories((folder_ / path).parent_path());
    std::ofstream(folder_ / path) << text;
  }
  SystemMemory read() const { return system_memory(folder_.string() + "/"); }
};

constexpr const char* meminfo =
    "MemTotal:  8000 kB\nMemFree:  100 kB\nMemAvailable:   5000 kB\nSwapTotal: 3000 kB\nSwapFree:  2000 kB\n";

TEST_F(FreeMemory, IsWhatTheSystemHasAvailable) {
  write("proc/meminfo", meminfo);
  EXPECT_EQ(read().available, 5000 * 1024);
  EXPECT_EQ(read().swap, 2000 * 1024);
}

TEST_F(FreeMemory, IsAtMostWhatAControlGroupLeaves) {
  write("proc/meminfo", meminfo);
  write("proc/self/cgroup", "0::/user/job\n");
  write("sys/fs/cgroup/user/job/memory.max", "max\n");
  write("sys/fs/cgroup/user/job/memory.current", "500000\n");
  EXPECT_EQ(read().available, 5000 * 1024);
  write("sys/fs/cgroup/user/job/memory.max", "2000000\n");
  EXPECT_EQ(read().available, 1500000);
  EXPECT_EQ(read().swap, 0);
  write("sys/fs/cgroup/user/job/memory.stat", "anon 400000\ninactive_file 100000\nactive_file 7\n");
  EXPECT_EQ(read().available, 1600000);
  write("sys/fs/cgroup/user/job/memory.current", "3000000\n");
  EXPECT_EQ(read().available, 0);
}

TEST_F(FreeMemory, KnowsTheFirstVersionOfControlGroups) {
  write("proc/meminfo", meminfo);
  write("proc/self/cgroup", "9:cpu:/x\n4:memory:/job\n0::/\n");
  write("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "1000000\n");
  write("sys/fs/cgroup/memory/job/memory.usage_in_bytes", "900000\n");
  write("sys/fs/cgroup/memory/job/memory.stat", "inactive_file 1\ntotal_inactive_file 50000\n");
  EXPECT_EQ(read().available, 150000);
  // A container sees its own group as the root, by whatever path the file names it.
  std::filesystem::remove_all(folder_ / "sys/fs/cgroup/memory/job");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "700000\n");
  write("sys/fs/cgroup/memory/memory.usage_in_bytes", "600000\n");
  EXPECT_EQ(read().available, 100000);
}

TEST_F(FreeMemory, IsAnErrorWhereTheSystemDoesNotSay) { EXPECT_ERROR(read(), "has no MemAvailable"); }

TEST(FreeMemoryOfADevice, IsWhatItsLimitLeaves) {
  const Device cpu;
  EXPECT_GT(config::free_memory(cpu), 0);
  const std::int64_t used = config::memory_in_use(cpu);
  config::set_memory_limit("cpu:0", used + 1000);
  EXPECT_EQ(config::free_memory(cpu), 1000);
  EXPECT_EQ(config::swap_space(cpu), 0);
  const auto block = Storage::allocate(cpu, 300);
  EXPECT_EQ(config::free_memory(cpu), 700);
  config::set_memory_limit("cpu:0", 0);
}

}  // namespace
}  // namespace strata
