#pragma once

#include <vector>

#include "models/model.h"

namespace strata::utils {

/// Keras 2's way to several GPUs: a model of the same layers and weights that trains and predicts on gpu:0 to
/// gpu:`gpus - 1`, each with its part of every batch, as under a distribute::MirroredStrategy, which is what new
/// programs use. With 0, Keras's None, on all GPUs. The weights are moved to the first one; what is trained, saved or
/// loaded through either model is the same. Keras's cpu_merge and cpu_relocation have no counterpart: results come in
/// the processor's memory anyway, and where the replicas meet is the strategy's affair.
///
/// Errors, in Keras's words: fewer than two GPUs asked for, or one that is not there. Error for a model without an
/// input shape, and within a strategy's scope.
STRATA_API Model multi_gpu_model(const Model& model, int gpus = 0);
/// The same on the GPUs of these numbers.
STRATA_API Model multi_gpu_model(const Model& model, const std::vector<int>& gpus);

}  // namespace strata::utils
