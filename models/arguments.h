#pragma once

#include "models/model.h"

namespace strata {

/// Inputs, targets and weights of fit or evaluate, checked and in the model's order. Builds a Sequential that has no
/// input yet from the shape of x.
struct Arguments {
  Tensors x, y, w;
};
Arguments resolve_arguments(ModelDefinition& model, const Data& x, const Data& y, const Data& sample_weight,
                            std::string_view what);

/// The same with its arrays on the model's GPU, where they stay for all epochs, if they take no more than a quarter of
/// what is free there; batches are then gathered on the GPU. Otherwise, and on the processor, as they are.
Arguments kept_on_device(const ModelDefinition& model, Arguments arguments);

/// Sample weights from class weights: y holds class numbers, or one-hot rows. A class without weight counts 1.
Tensor class_weights(const Tensor& y, const std::map<std::int64_t, double>& weights);

/// Keras's split: the last part of the samples becomes validation data. Error when either side is empty.
std::pair<Arguments, Arguments> split_validation(const Arguments& all, double fraction);

}  // namespace strata
