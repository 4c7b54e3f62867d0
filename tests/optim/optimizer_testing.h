#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "core/compile/function.h"
#include "core/ops/ops.h"
#include "optim/optimizers.h"

/// A small problem, and what optimizers of Keras 3.15.1 make of it.
namespace strata::testing {

using Floats = std::vector<float>;

inline Floats numbers(const Variable& v) {
  const auto span = v.value().data<float>();
  return {span.begin(), span.end()};
}

/// Two variables, and the gradients of three steps.
struct Problem {
  Variable a{"a", Tensor::from<float>({4}, {0.5f, -1.0f, 2.0f, 0.25f})};
  Variable b{"b", Tensor::from<float>({1, 2}, {1.0f, -0.5f})};
  std::vector<Tensors> gradients{
      {Tensor::from<float>({4}, {0.1f, -0.7f, 1.5f, -0.2f}), Tensor::from<float>({1, 2}, {0.4f, -0.9f})},
      {Tensor::from<float>({4}, {-0.3f, 0.2f, 0.5f, 0.8f}), Tensor::from<float>({1, 2}, {-1.2f, 0.1f})},
      {Tensor::from<float>({4}, {0.05f, 0.6f, -0.4f, -0.1f}), Tensor::from<float>({1, 2}, {0.3f, 0.2f})}};

  /// A loss that is linear in a and b, so that the inputs are the gradients.
  Function step_of(const Optimizer& optimizer) const {
    const Value ga = placeholder({4}), gb = placeholder({1, 2});
    const Value loss = sum(a * ga) + sum(b * gb);
    return Function({ga, gb}, {loss}, optimizer.minimize(loss, {a, b}));
  }
  Floats weights() const {
    Floats all = numbers(a);
    for (const float x : numbers(b)) all.push_back(x);
    return all;
  }
};

inline void expect_near(const Floats& got, const std::vector<double>& expected, double tolerance = 2e-6) {
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i)
    EXPECT_NEAR(got[i], expected[i], tolerance * std::max(1.0, std::abs(expected[i]))) << "element " << i;
}

struct OptimizerCase {
  std::function<Optimizer()> make;
  std::vector<double> weights;  // after three steps, a then b
  std::string variables;        // paths, in order
};

// From Keras 3.15.1.
inline std::vector<OptimizerCase> optimizer_cases() {
  using namespace optimizers;
  return {
      {[] { return Optimizer(SGD()); },
       {0.50150001, -1.0009999, 1.984, 0.245, 1.005, -0.49399999},
       "sgd/iteration sgd/learning_rate"},
      {[] { return Optimizer(SGD({.learning_rate = 0.1, .momentum = 0.9})); },
       {0.52490002, -0.90830004, 1.5385, 0.1622, 1.0896001, -0.2951},
       "sgd/iteration sgd/learning_rate sgd/a_momentum sgd/b_momentum"},
      {[] { return Optimizer(SGD({.learning_rate = 0.1, .momentum = 0.9, .nesterov = true, .weight_decay = 0.01})); },
       {0.53590059, -0.92475754, 1.4194422, 0.12029059, 1.1275992, -0.25448725},
       "sgd/iteration sgd/learning_rate sgd/a_momentum sgd/b_momentum"},
      {[] { return Optimizer(SGD({.learning_rate = 0.1, .clipnorm = 0.5})); },
       {0.50843281, -1.0300589, 1.9577525, 0.22323282, 0.99952042, -0.47846171},
       "sgd/iteration sgd/learning_rate"},
      {[] { return Optimizer(SGD({.learning_rate = 0.1, .clipvalue = 0.3})); },
       {0.51499999, -1.02, 1.97, 0.25, 0.97000003, -0.5},
       "sgd/iteration sgd/learning_rate"},
      {[] { return Optimizer(SGD({.learning_rate = 0.1, .global_clipnorm = 0.5})); },
       {0.50389421, -1.0251707, 1.9699863, 0.23584867, 1.0094341, -0.49226034},
       "sgd/iteration sgd/learning_rate"},
      {[] { return Optimizer(SGD({.learning_rate = schedules::ExponentialDecay(0.5, 2, 0.5), .momentum = 0.5})); },
       {0.55909902, -0.64356601, 0.52233493, 0.0257359, 1.2113962, 0.18446696},
       "sgd/iteration sgd/a_momentum sgd/b_momentum"},
      {[] { return Optimizer(RMSprop({.learning_rate = 0.1})); },
       {0.43305585, -0.9880442, 1.6640791, 0.29874465, 0.90822446, -0.29587698},
       "rm_sprop/iteration rm_sprop/learning_rate rm_sprop/a_velocity rm_sprop/b_velocity"},
      {[] { return Optimizer(RMSprop({.learning_rate = 0.1, .rho = 0.8, .momentum = 0.7, .centered = true})); },
       {0.29614317, -0.73377436, 1.3662097, 0.43281114, 0.77766037, -0.062729746},
       "rm_sprop/iteration rm_sprop/learning_rate rm_sprop/a_velocity rm_sprop/b_velocity "
       "rm_sprop/a_momentum rm_sprop/b_momentum rm_sprop/a_average_gradient rm_sprop/b_average_gradient"},
      {[] { return Optimizer(Adam({.learning_rate = 0.1})); },
       {0.47717127, -0.87046021, 1.7633038, 0.25880799, 0.97183901, -0.3113589},
       "adam/iteration adam/learning_rate adam/a_momentum adam/a_velocity adam/b_momentum adam/b_velocity"},
      {[] {
         return Optimizer(Adam({.learning_rate = 0.1, .beta_1 = 0.8, .beta_2 = 0.5, 
                                .epsilon = 1e-3, .amsgrad = true}));
       },
       {0.4718011, -0.88909441, 1.7883875, 0.26834175, 0.96660846, -0.33555433},
       "adam/iteration adam/learning_rate adam/a_momentum adam/a_velocity adam/b_momentum adam/b_velocity "
       "adam/a_velocity_hat adam/b_velocity_hat"},
      {[] { return Optimizer(AdamW({.learning_rate = 0.1})); },
       {0.47663173, -0.86935824, 1.7610195, 0.25845051, 0.97069973, -0.31086248},
       "adam_w/iteration adam_w/learning_rate adam_w/a_momentum adam_w/a_velocity adam_w/b_momentum "
       "adam_w/b_velocity"},
      {[] { return Optimizer(Adagrad({.learning_rate = 0.1})); },
       {0.52581984, -0.99436766, 1.8952192, 0.22412094, 0.99116635, -0.4364925},
       "adagrad/iteration adagrad/learning_rate adagrad/a_accumulator adagrad/b_accumulator"},
      {[] { return Optimizer(Adadelta({.learning_rate = 0.7})); },
       {0.50003344, -1.0003448, 1.9989306, 0.24986953, 0.99988669, -0.49948364},
       "adadelta/iteration adadelta/learning_rate adadelta/a_accumulated_grad adadelta/a_accumulated_delta_var "
       "adadelta/b_accumulated_grad adadelta/b_accumulated_delta_var"},
      {[] { return Optimizer(Adafactor({.learning_rate = 0.5})); },
       {0.36368817, -1.0120295, 1.394804, 0.35396841, 0.75369418, -0.27523842},
       "adafactor/iteration adafactor/learning_rate adafactor/a_r adafactor/a_c adafactor/a_velocity adafactor/b_r "
       "adafactor/b_c adafactor/b_velocity"},
      {[] {
         return Optimizer(Adafactor({.learning_rate = 0.1, .beta_2_decay = -0.5, .epsilon_2 = 0.3, 
                                     .clip_threshold = 0.4}));
       },
       {0.49212068, -1.0537726, 1.9669173, 0.25274375, 0.98390102, -0.51145935},
       "adafactor/iteration adafactor/learning_rate adafactor/a_r adafactor/a_c adafactor/a_velocity adafactor/b_r "
       "adafactor/b_c adafactor/b_velocity"},
      {[] { return Optimizer(Adamax({.learning_rate = 0.1})); },
       {0.45395648, -0.87888759, 1.8038411, 0.28806385, 0.95087832, -0.34040278},
       "adamax/iteration adamax/learning_rate adamax/a_momentum adamax/a_norm adamax/b_momentum adamax/b_norm"},
      {[] { return Optimizer(Nadam({.learning_rate = 0.1})); },
       {0.47730038, -0.97895712, 1.8710545, 0.26537561, 0.9692415, -0.41433883},
       "nadam/iteration nadam/learning_rate nadam/a_momentum nadam/a_velocity nadam/b_momentum nadam/b_velocity "
       "nadam/u_product"},
      {[] { return Optimizer(Lamb({.learning_rate = 0.1})); },
       {0.55177921, -0.84976685, 1.5883834, 0.16504256, 1.0485388, -0.2597239},
       "lamb/iteration lamb/learning_rate lamb/a_momentum lamb/a_velocity lamb/b_momentum lamb/b_velocity"},
      {[] { return Optimizer(Ftrl({.learning_rate = 0.1})); },
       {0.0490885, -0.58267415, 1.4826508, 0.012832396, 0.37099269, -0.27074412},
       "ftrl/iteration ftrl/learning_rate ftrl/a_accumulator ftrl/a_linear ftrl/b_accumulator ftrl/b_linear"},
      {[] {
         return Optimizer(Ftrl({.learning_rate = 0.1,
                                .learning_rate_power = -0.7,
                                .initial_accumulator_value = 0.2,
                                .l1_regularization_strength = 0.02,
                                .l2_regularization_strength = 0.03,
                                .l2_shrinkage_regularization_strength = 0.04,
                                .beta = 0.05}));
       },
       {0.02659875, -0.51329339, 1.5015998, -0.0047773714, 0.26656961, -0.25498825},
       "ftrl/iteration ftrl/learning_rate ftrl/a_accumulator ftrl/a_linear ftrl/b_accumulator ftrl/b_linear"},
      {[] { return Optimizer(Lion({.learning_rate = 0.1})); },
       {0.40000001, -1.1, 1.9, 0.34999999, 0.89999998, -0.60000002},
       "lion/iteration lion/learning_rate lion/a_momentum lion/b_momentum"},
      {[] { return Optimizer(Muon({.learning_rate = 0.1})); },
       {0.47663173, -0.86935824, 1.7610195, 0.25845051, 1.018857, -0.45816177},
       "muon/iteration muon/learning_rate muon/a_momentum muon/a_velocity muon/b_momentum"},
      {[] {
         return Optimizer(Muon({.learning_rate = 0.1,
                                .adam_weight_decay = {},
                                .weight_decay = 0.1,
                                .adam_lr_ratio = 0.5,
                                .ns_steps = 2,
                                .nesterov = false,
                                .rms_rate = {}}));
       },
       {0.48858559, -0.93523014, 1.8816519, 0.25440398, 1.082742, -0.22902626},
       "muon/iteration muon/learning_rate muon/a_momentum muon/a_velocity muon/b_momentum"},
      {[] { return Optimizer(ScheduleFreeAdamW({.learning_rate = 0.1, .weight_decay = 0.01})); },
       {0.47996286, -0.96171582, 1.8824608, 0.26520106, 0.97515625, -0.4224661},
       "schedule_free_adam_w/iteration schedule_free_adam_w/learning_rate schedule_free_adam_w/a_momentum "
       "schedule_free_adam_w/a_velocity schedule_free_adam_w/b_momentum schedule_free_adam_w/b_velocity"},
      {[] { return Optimizer(ScheduleFreeAdamW({.learning_rate = 0.1, .warmup_steps = 2})); },
       {0.53040749, -1.0126286, 1.9343454, 0.21550524, 1.0261008, -0.47287112},
       "schedule_free_adam_w/iteration schedule_free_adam_w/learning_rate schedule_free_adam_w/a_momentum "
       "schedule_free_adam_w/a_velocity schedule_free_adam_w/b_momentum schedule_free_adam_w/b_velocity"},
      {[] {
         return Optimizer(Adam({.learning_rate = 0.1, .weight_decay = 0.1, .global_clipnorm = 0.5, 
                                .gradient_accumulation_steps = 2}));
       },
       {0.59499162, -0.89000374, 1.8800014, 0.14750323, 1.0899974, -0.3950026},
       "adam/iteration adam/learning_rate adam/a_gradient_accumulator adam/b_gradient_accumulator adam/a_momentum "
       "adam/a_velocity adam/b_momentum adam/b_velocity"},
      {[] {
         return Optimizer(SGD({.learning_rate = schedules::ExponentialDecay(0.5, 2, 0.5), .momentum = 0.5, 
                               .gradient_accumulation_steps = 2}));
       },
       {0.53535533, -0.91161168, 1.6464466, 0.14393398, 1.1414213, -0.35857865},
       "sgd/iteration sgd/a_gradient_accumulator sgd/b_gradient_accumulator sgd/a_momentum sgd/b_momentum"},
      {[] { return Optimizer(Nadam({.learning_rate = 0.1, .gradient_accumulation_steps = 2})); },
       {0.60627866, -0.89372128, 1.8937212, 0.14372124, 1.1062788, -0.39372122},
       "nadam/iteration nadam/learning_rate nadam/a_gradient_accumulator nadam/b_gradient_accumulator nadam/a_momentum "
       "nadam/a_velocity nadam/b_momentum nadam/b_velocity nadam/u_product"},
      {[] { return Optimizer(SGD({.learning_rate = 0.1, .use_ema = true, .ema_momentum = 0.8})); },
       {0.51499999, -1.01, 1.84, 0.2, 1.05, -0.44},
       "sgd/iteration sgd/learning_rate sgd/a_average sgd/b_average"},
      {[] {
         return Optimizer(Adam({.learning_rate = 0.1, .use_ema = true, .ema_momentum = 0.8, 
                                .ema_overwrite_frequency = 2}));
       },
       {0.43763688, -0.90563798, 1.8329881, 0.30356765, 0.93230426, -0.35805741},
       "adam/iteration adam/learning_rate adam/a_average adam/b_average adam/a_momentum adam/a_velocity "
       "adam/b_momentum adam/b_velocity"},
      {[] { return Optimizer(SGD({.learning_rate = 0.1, .clipvalue = 0.3, .loss_scale_factor = 8.0})); },
       {0.51499999, -1.02, 1.97, 0.25, 0.97000003, -0.5},
       "sgd/iteration sgd/learning_rate"},
  };
}

}  // namespace strata::testing
