#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/export.h"
#include "distributed/sockets.h"

/// How bytes travel between the processes of a group. Internal.
namespace strata::distribute {

/// Who a process is, in the words of errors and for the others to check.
struct Process {
  std::string host, name;  ///< `name`: what it computes on, "cpu:0"
  std::int64_t id = 0;     ///< the system's number for it
  std::string version;     ///< of Strata, with the x86-64 level of the library
};

/// This one.
STRATA_API Process this_process(const std::string& name);
STRATA_API std::string to_text(const Process&);
/// Error when it is none.
STRATA_API Process process_of(const std::string& text);
/// Error that names the first process with another version of Strata than rank 0.
STRATA_API void check_versions(const std::vector<Process>&);

/// Why an exchange did not come to its end.
struct Trouble {
  enum class Kind : std::uint8_t {
    late,    ///< `ranks` have not sent, or not taken, what they should
    gone,    ///< the process of ranks[0] is no longer there, or not to be reached: `reason`
    aborted  ///< ranks[0] gave up: `reason`; or this process did, by abort()
  };
  Kind kind;
  std::vector<int> ranks;
  std::string reason;
};

/// Messages between each two processes of a group come in the order in which they were sent.
class Transport {
 public:
  struct Outgoing {
    int to;
    const std::byte* data;
    std::size_t bytes;
  };
  struct Incoming {
    int from;
    std::byte* data;
    std::size_t capacity;
    std::size_t bytes = 0;  ///< that came
  };

  virtual ~Transport() = default;
  /// By rank.
  virtual const std::vector<Process>& processes() const = 0;
  /// At most one message to and one from each of the others; returns when all are over. For one thread at a time. After
  /// trouble no further exchange is possible.
  virtual std::optional<Trouble> exchange(std::span<const Outgoing>, std::span<Incoming>,
                                          Clock::time_point deadline) = 0;
  /// Whether exchanges may come from several threads, one at a time; otherwise all must come from one.
  virtual bool takes_turns() const { return true; }
  /// Tells all others, and ends the exchange of this process that another thread may be in. The reason is told once.
  virtual void abort(const std::string& reason) = 0;
};

}  // namespace strata::distribute
