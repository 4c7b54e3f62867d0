#include "core/graph/replication.h"

#include <utility>

namespace strata {

namespace {
thread_local Replication scoped;
}

ReplicationScope::ReplicationScope(const Replication& r) : outer_(std::exchange(scoped, r)) {}
ReplicationScope::~ReplicationScope() { scoped = outer_; }

const Replication& current_replication() { return scoped; }

}  // namespace strata
