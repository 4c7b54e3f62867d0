#pragma once

#include <map>
#include <string>
#include <vector>

#include "tools/strata/bench_case.h"

namespace strata::tools {

/// What a peer took for the same case, in rounds that alternated with ours.
struct PeerMeasures {
  std::string name, version;
  std::vector<double> seconds;  ///< of a batch, in each round
  std::vector<double> ratios;   ///< of each round: the peer's seconds over ours, so that above 1 Strata is faster
  std::string error;            ///< why there are none; empty: there are
};

struct BenchRow {
  BenchCase what;
  BenchMeasures ours;
  std::vector<PeerMeasures> peers;
};

/// What a run of `strata bench` found, and what it was asked for.
struct BenchReport {
  struct Peak {
    Device device;
    DType dtype;
    Roofline roofline;
  };

  int threads = 0, warmup = 0;
  std::int64_t rounds = 0;  ///< 0: not compared
  std::vector<Peak> peaks = {};
  std::vector<std::string> missing_peers = {};
  std::vector<BenchRow> rows = {};

  /// What the table begins with: processor, peaks, names of columns.
  std::string head() const;
  /// A line for a row, and one for each of its peers.
  std::string lines(const BenchRow& row) const;
  /// All numbers, times in seconds.
  std::string json() const;
  std::string svg() const;
};

}  // namespace strata::tools
