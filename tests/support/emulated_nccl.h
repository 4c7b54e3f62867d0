#pragma once

#include <stdlib.h>

#include <string>
#include <vector>

#include "tests/support/own_program.h"

namespace strata::testing {

/// From now on emulated GPUs have NCCL: a stand-in (tests/core/device/stubs/nccl.c), which has to be named before it is
/// first asked for. Real ones take the machine's. What the stand-in answers is told by variables of the environment.
inline void name_emulated_nccl() {
  ::setenv("STRATA_EMULATED_NCCL", (own_program().parent_path() / "stubs/nccl").c_str(), 1);
}

/// STUB_<name> = value while it lives.
class Told {
 public:
  Told(const std::string& name, int value) : name_("STUB_" + name) {
    ::setenv(name_.c_str(), std::to_string(value).c_str(), 1);
  }
  Told(const Told&) = delete;
  Told& operator=(const Told&) = delete;
  ~Told() { ::unsetenv(name_.c_str()); }

 private:
  std::string name_;
};

}  // namespace strata::testing
