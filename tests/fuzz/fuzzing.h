#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "core/base/error.h"

/// What the targets share. Each runs one reader on bytes: an Error is an answer, anything else that ends the reader is
/// a finding, and so is what libFuzzer's limits on time and memory stop (run.sh sets them).
namespace strata::fuzzing {

/// Ends the program, as a finding, unless `ok`.
inline void check(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "fuzzing: %s\n", what);
  std::abort();
}

/// A file that lies in memory, for readers that take a path.
class File {
 public:
  File(const std::uint8_t* data, std::size_t size) : descriptor_(::memfd_create("input", MFD_CLOEXEC)) {
    check(descriptor_ >= 0 && ::write(descriptor_, data, size) == static_cast<ssize_t>(size), "no file in memory");
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { ::close(descriptor_); }
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

/// Runs f; an Error is as good as success.
template <class F>
void expect_error_or_success(const F& f) {
  try {
    f();
  } catch (const Error&) {
  }
}

}  // namespace strata::fuzzing
