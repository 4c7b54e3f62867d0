#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/compile/graph.h"
#include "core/graph/replication.h"

namespace strata {
class Communicator;
}

/// How processes that run the same program come to the same numbers, and notice that they do not run the same.
/// Internal.
namespace strata::distribute {

class Mirror;

/// The first process's value becomes that of all.
void share(Communicator&, const Variable&);
/// The same for the variables that have changed otherwise than by steps. The same program changes the same ones on all
/// processes; where it does not, the calls differ, which is an error.
void share_news(Communicator&, const std::vector<std::shared_ptr<Mirror>>&);

/// A hash of the value of each shared variable on a replica in this process.
std::vector<std::int64_t> parameter_hashes(const std::vector<std::shared_ptr<Mirror>>&, std::size_t replica);
/// Error that names the ranks whose hashes differ from those of rank 0, and their first such variable.
void check_same_parameters(const std::vector<std::vector<std::int64_t>>& by_rank,
                           const std::vector<std::shared_ptr<Mirror>>&);
/// The hashes of all processes, by rank.
std::vector<std::vector<std::int64_t>> gathered(Communicator&, const std::vector<std::int64_t>& hashes);

/// A step, a line for each thing that must be the same on all replicas: what goes in, the variables, and, where all
/// replicas have equally many samples, the ops.
std::string description(const Values& inputs, const Graph&, const Replication&);
/// Error that names the ranks and the first line that differs.
void check_same_program(Communicator&, const std::string& description);

}  // namespace strata::distribute
