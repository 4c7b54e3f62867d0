#pragma once

#include <string>
#include <vector>

#include "models/saving/pending_values.h"
#include "optim/optimizer.h"

namespace strata {

/// The optimizer's variables as Keras 2.15 keeps and stores them: without the learning rate, which its config holds.
Variables keras2_variables(const Optimizer& optimizer);

/// Reads the state of an optimizer, which is built for `trained` if the file holds slots, from data sets in the order
/// of a file's list. Three generations differ: Keras 3 (iteration, learning rate, slots), tf.keras from 2.11 on (no
/// learning rate, no product of Nadam's), and those before (each kind of slot for all variables, then the next).
/// `names` are the names of the variables in the file, which tell the last kind; data sets of a `.weights.h5` have
/// none. Error when their number or shapes are others.
PendingValues read_optimizer_state(const StoredTree& file, const std::vector<std::string>& datasets,
                                   const std::vector<std::string>& names, const Optimizer& optimizer,
                                   const Variables& trained);

}  // namespace strata
