#pragma once

#include <string_view>
#include <vector>

#include "distributed/replicas.h"
#include "layers/metrics.h"
#include "models/functional.h"

/// Steps of a model that several replicas run together. Internal.
namespace strata {

/// A step as it runs: of one executable, or one for each replica that takes part.
using CompiledStep = distribute::Replicas::Step;

/// Error within the scope of another strategy than the model's: it would train on its own devices, whatever the scope
/// says. `doing`: "compiled", "trained".
void check_scope(const ModelDefinition& model, std::string_view doing);
/// The samples of each replica in this process. They share the tensors' memory.
std::vector<Tensors> split(const Tensors& all, const distribute::Replicas& replicas);
/// Rows of the parts, one after the other.
Tensor joined(const Tensors& parts);
/// States of the random streams of the model's layers.
Variables random_states(const layers::Base& layer);
/// What a metric adds to its state, added up over the replicas, where there are several. Error for a state that is not
/// pending(state) plus something that does not depend on it.
Updates over_replicas(const Metric& metric, Updates updates);

}  // namespace strata
