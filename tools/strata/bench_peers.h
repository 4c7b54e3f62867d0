#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "tools/strata/bench_case.h"

/// Keras and PyTorch beside Strata: their workers are the scripts of bench/, which are installed with the command;
/// bench/README.md has the protocol.
namespace strata::tools {

/// One way in which another framework runs networks.
struct Peer {
  std::string framework;  ///< "keras" or "torch"
  std::string mode;       ///< "graph", "compiled-channels_last", ...
  std::string python, script;

  std::string name() const { return framework + " " + mode; }
};

struct Peers {
  std::vector<Peer> found;
  std::vector<std::string> missing;  ///< a sentence for each framework that no Python has: what to do
};

/// What the interpreters have. Only modes whose name contains one of `words` count; of no words, all. UsageError when
/// the scripts are not installed, or an interpreter does not start.
Peers find_peers(const std::vector<std::string>& pythons, const std::vector<std::string>& words);

/// A peer's process on one case. Errors say what it wrote to stderr last.
class PeerWorker {
 public:
  /// Starts it; ready() waits until it has trained one batch.
  PeerWorker(const Peer& peer, const BenchCase& c, int threads);
  PeerWorker(const PeerWorker&) = delete;
  PeerWorker& operator=(const PeerWorker&) = delete;
  ~PeerWorker();

  /// Returns the framework's version. Error when it takes longer than `timeout` seconds.
  std::string ready(double timeout);
  /// Seconds of one of this many batches.
  double seconds_of_batch(std::int64_t batches, double timeout);

 private:
  std::string read_line(double timeout);
  std::string last_words();

  BenchCase case_;
  pid_t process_ = -1;
  int socket_ = -1, log_ = -1;
  std::string pending_;
};

}  // namespace strata::tools
