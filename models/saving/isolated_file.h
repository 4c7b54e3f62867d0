#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "models/saving/model_file.h"

/// Reading a file in a process of its own. Debian's HDF5 crashes or hangs on about one in sixty small files with a few
/// flipped bits; here that ends the program `strata-read`, which lies in `strata/` beside the library, and becomes an
/// error that names the file and how its reader ended.
///
/// The reader is started anew for each file, not forked: a fork of a program with threads may hold locks for ever. It
/// opens the file and answers the questions of StoredTree over a socket; every answer is checked for length and kind.
/// It has no other descriptors, and limits on memory and processor time.
namespace strata {

struct IsolationLimits {
  std::uint64_t memory;   ///< bytes of address space
  std::uint64_t seconds;  ///< of processor time, and of waiting for one answer
};
/// 2 GiB and four times the file, a minute and a second for each 16 MiB of it.
IsolationLimits isolation_limits(std::uint64_t file_bytes);

/// Error when the file cannot be read, when its reader dies or exceeds a limit, or when the program is not found.
std::unique_ptr<ModelFile> open_isolated_file(const std::string& path);

/// What `strata-read` does: answers on the socket that is its standard input until that is closed. Arguments: the file,
/// the limits. Returns the exit status.
int serve_isolated_file(int argc, char** argv);

}  // namespace strata
