#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "core/base/error.h"
#include "core/cuda/crew_emulated.h"

namespace strata::cuda {
namespace {

TEST(Crew, NobodyGoesOnBeforeAllHaveMet) {
  std::string seen;
  Crew::run(3, [&](int rank) {
    const std::string name(1, static_cast<char>('a' + rank));
    seen += name;
    Crew::meet();
    seen += name;
    Crew::meet();
  });
  EXPECT_EQ(seen, "abcabc");
}

TEST(Crew, WhoMissesAMeetingIsNamed) {
  try {
    Crew::run(3, [](int rank) {
      if (rank != 1) Crew::meet();
    });
    ADD_FAILURE() << "no Error";
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "[gpu] some threads of a team wait for others that have ended");
  }
}

TEST(Crew, PassesOnWhatAMemberThrows) {
  EXPECT_THROW(Crew::run(2,
                         [](int rank) {
                           Crew::meet();
                           if (rank == 1) throw std::runtime_error("mine");
                           Crew::meet();
                         }),
               std::runtime_error);
  int members = 0;
  Crew::run(4, [&](int) { ++members; });
  EXPECT_EQ(members, 4);
}

}  // namespace
}  // namespace strata::cuda
