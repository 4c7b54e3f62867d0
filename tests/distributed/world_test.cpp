#include "distributed/world.h"

#include <cstdlib>
#include <map>

#include "tests/support/messages.h"

namespace strata::distribute {
namespace {

/// Variables that are there while it lives, in the place of all that say something about a world.
class Environment {
 public:
  explicit Environment(const std::map<std::string, std::string>& variables) {
    for (const char* name : {"STRATA_RANK", "STRATA_WORLD_SIZE", "STRATA_LOCAL_RANK", "STRATA_ADDRESS",
                             "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK", "TF_CONFIG",
                             "RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "SLURM_PROCID",
                             "SLURM_NTASKS", "SLURM_LOCALID", "SLURM_STEP_NODELIST", "SLURM_JOB_ID"}) {
      const char* value = std::getenv(name);
      if (value != nullptr) before_[name] = value;
      ::unsetenv(name);
      names_.push_back(name);
    }
    for (const auto& [name, value] : variables) ::setenv(name.c_str(), value.c_str(), 1);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() {
    for (const std::string& name : names_) ::unsetenv(name.c_str());
    for (const auto& [name, value] : before_) ::setenv(name.c_str(), value.c_str(), 1);
  }

 private:
  std::vector<std::string> names_;
  std::map<std::string, std::string> before_;
};

void expect_world(const std::map<std::string, std::string>& variables, int rank, int size, int local_rank,
                  const std::string& address, bool together) {
  const Environment environment(variables);
  const auto world = world_from_environment();
  ASSERT_TRUE(world.has_value());
  EXPECT_EQ(world->rank, rank);
  EXPECT_EQ(world->size, size);
  EXPECT_EQ(world->local_rank, local_rank);
  EXPECT_EQ(world->address, address);
  EXPECT_EQ(started_with_others(), together);
}

TEST(World, IsReadFromWhatLaunchersSay) {
  expect_world({{"STRATA_RANK", "1"}, {"STRATA_WORLD_SIZE", "4"}, {"STRATA_ADDRESS", "a:1"}, {"RANK", "0"}}, 1, 4, 0,
               "a:1", true);
  expect_world({{"OMPI_COMM_WORLD_RANK", "2"},
                {"OMPI_COMM_WORLD_SIZE", "3"},
                {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                {"SLURM_PROCID", "0"}},
               2, 3, 1, "", true);
  expect_world(
      {{"RANK", "5"}, {"WORLD_SIZE", "6"}, {"LOCAL_RANK", "2"}, {"MASTER_ADDR", "n"}, {"MASTER_PORT", "29500"}}, 5, 6,
      2, "n:29500", false);
  expect_world({{"SLURM_PROCID", "3"},
                {"SLURM_NTASKS", "8"},
                {"SLURM_LOCALID", "1"},
                {"SLURM_STEP_NODELIST", "gpu-[03-05,9],x"},
                {"SLURM_JOB_ID", "20007"}},
               3, 8, 1, "gpu-03:20007", false);
  expect_world({{"SLURM_PROCID", "0"},
                {"SLURM_NTASKS", "1"},
                {"SLURM_STEP_NODELIST", "a,b[1-2]"},
                {"SLURM_JOB_ID", "5"},
                {"MASTER_PORT", "7"}},
               0, 1, 0, "a:7", false);
  const Environment nothing({});
  EXPECT_FALSE(world_from_environment());
  EXPECT_FALSE(started_with_others());
}

TEST(World, TheTransportIsMpiUnderMpirunOnly) {
  {
    const Environment environment({{"OMPI_COMM_WORLD_RANK", "0"}, {"OMPI_COMM_WORLD_SIZE", "1"}});
    EXPECT_EQ(world_from_environment()->transport, WorldOptions::Transport::mpi);
  }
  const Environment environment(
      {{"STRATA_RANK", "0"}, {"STRATA_WORLD_SIZE", "1"}, {"STRATA_ADDRESS", "a:1"}, {"OMPI_COMM_WORLD_RANK", "0"}});
  EXPECT_EQ(world_from_environment()->transport, WorldOptions::Transport::tcp);
}

TEST(World, TensorFlowsConfiguration) {
  const std::string cluster = R"("cluster": {"chief": ["c:1"], "worker": ["w:1", "w:2"]})";
  expect_world({{"TF_CONFIG", "{" + cluster + R"(, "task": {"type": "worker", "index": 1}})"}}, 2, 3, 0, "c:1", false);
  expect_world({{"TF_CONFIG", "{" + cluster + R"(, "task": {"type": "chief", "index": 0}})"}}, 0, 3, 0, "c:1", false);
  expect_world({{"TF_CONFIG", R"({"cluster": {"worker": ["w:1", "w:2"]}, "task": {"type": "worker", "index": 1}})"}}, 1,
               2, 0, "w:1", false);
  const Environment environment({{"TF_CONFIG", "{" + cluster + R"(, "task": {"type": "ps", "index": 0}})"}});
  EXPECT_ERROR(world_from_environment(),
               "[TF_CONFIG] expected a task of type 'chief' or 'worker' that its cluster has; received 'ps'");
}

void expect_error(const std::map<std::string, std::string>& variables, const std::string& message) {
  const Environment environment(variables);
  EXPECT_ERROR(world_from_environment(), message);
}

TEST(World, WhatIsMissingOrMakesNoSense) {
  expect_error({{"STRATA_RANK", "0"}},
               "[the environment] expected STRATA_WORLD_SIZE beside STRATA_RANK; received none");
  expect_error({{"RANK", "0"}, {"WORLD_SIZE", "2"}}, "expected MASTER_ADDR beside RANK");
  expect_error({{"STRATA_RANK", "one"}, {"STRATA_WORLD_SIZE", "2"}, {"STRATA_ADDRESS", "a:1"}},
               "[STRATA_RANK] expected a number; received 'one'");
  const auto with = [](const std::string& rank, const std::string& address) {
    return std::map<std::string, std::string>{
        {"STRATA_RANK", rank}, {"STRATA_WORLD_SIZE", "2"}, {"STRATA_ADDRESS", address}};
  };
  expect_error(with("2", "a:1"), "[the processes that STRATA_RANK names] expected a rank below 2; received 2");
  expect_error(with("0", "a"), "the address of rank 0 as host:port; received 'a'");
  expect_error(with("0", "a:0"), "a port from 1 to 65535; received 0");
}

}  // namespace
}  // namespace strata::distribute
