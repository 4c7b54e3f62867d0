#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/base/dtype.h"
#include "core/device/communicator.h"
#include "core/device/library_version.h"
#include "core/device/shared_library.h"

/// NCCL's C interface, loaded on demand. Its numbers and layouts are stable within version 2, and stated here, so that
/// it needs no header to build; a test holds them against nccl.h. Internal.
namespace strata::cuda::nccl {

/// ncclResult_t.
enum class Result : int { success = 0, in_progress = 7 };

struct UniqueId {
  char bytes[128];
};

/// ncclConfig_t as of 2.14, which later versions take for what it is by its size and version.
struct Config {
  std::size_t size = sizeof(Config);
  unsigned magic = 0xcafebeef;
  unsigned version = 21400;
  int blocking = 0;  ///< calls return at once, and ncclCommGetAsyncError says when they are done
};

using Comm = struct Communication*;

/// ncclDataType_t, ncclRedOp_t. Error for types that are not added up.
int number_of(DType);
int number_of(Reduction);

/// The functions that Strata calls.
struct Library {
  /// Error when it is not there, too old, or lacks one of them: it says where it was looked for, the version found and
  /// the one needed.
  explicit Library(const LibraryRequest& request);
  /// That of the process, loaded at the first call. As above.
  static const Library& shared();

  SharedLibrary file;
  LibraryVersion version;
  Result (*get_unique_id)(UniqueId*);
  Result (*init_rank)(Comm*, int ranks, UniqueId, int rank, Config*);
  Result (*abort)(Comm);
  Result (*async_error)(Comm, Result*);
  const char* (*error_string)(Result);
  const char* (*last_error)(Comm);
  Result (*all_reduce)(const void* in, void* out, std::size_t count, int type, int reduction, Comm, void* stream);
  Result (*broadcast)(const void* in, void* out, std::size_t count, int type, int root, Comm, void* stream);
  Result (*all_gather)(const void* in, void* out, std::size_t count, int type, Comm, void* stream);
  Result (*reduce_scatter)(const void* in, void* out, std::size_t count, int type, int reduction, Comm, void* stream);

  /// "NCCL 2.28.9 (/usr/lib/libnccl.so.2)"
  std::string title() const;
  /// Why it cannot join GPUs at these PCI addresses, one for each rank; empty when it can.
  std::string refusal(const std::vector<std::string>& buses) const;
};

}  // namespace strata::cuda::nccl
