// Steps of a trainer that are tried out: what profiles, comparisons and the choice of a device are made of.
#include "core/ops/ops.h"
#include "models/restored_variables.h"
#include "models/trainer.h"

namespace strata {

namespace {
Values placeholders_for(const Tensors& tensors) {
  Values values;
  for (const Tensor& t : tensors) values.push_back(placeholder(t.shape(), t.dtype()));
  return values;
}

Tensor random_input(const Type& t) {
  return cast(is_floating(t.dtype) ? random::normal(t.shape) : random::randint(t.shape, 0, 2), t.dtype);
}

Tensor random_target(const Type& t, std::int64_t classes) {
  return cast(is_floating(t.dtype) ? random::uniform(t.shape) : random::randint(t.shape, 0, classes), t.dtype);
}
}  // namespace

Tensors Trainer::gradients_on(const Batch& batch) {
  resolve_outputs();
  const Variables trainable = model_.trainable_weights();
  if (trainable.empty()) return {};
  const DeviceScope scope(device_of(model_));
  const Values x = placeholders_for(batch.x), y = placeholders_for(batch.y), w = placeholders_for(batch.w);
  Values inputs = x;
  inputs.insert(inputs.end(), y.begin(), y.end());
  inputs.insert(inputs.end(), w.begin(), w.end());
  Updates metrics;  // which are not wanted here
  const Value loss = add_losses(y, call_model(x, Mode::train), w, metrics);
  const Function gradient(inputs, gradients(loss, Values(trainable.begin(), trainable.end())), {},
                          default_plan_options());
  const RestoredVariables as_they_were(gradient.plan().variables());
  return gradient(arguments(batch));
}

Batch Trainer::random_batch(std::int64_t batch_size) {
  const DeviceScope processor{Device{}};
  const Signature types = guessed_types(batch_size);
  Batch batch;
  for (const Type& t : types.x) batch.x.push_back(random_input(t));
  for (std::size_t i = 0; i < types.y.size(); ++i)
    batch.y.push_back(random_target(types.y[i], model_.outputs()[i].shape().back()));
  return batch;
}

}  // namespace strata
