#pragma once

#include "optim/optimizer.h"

/// Keras's optimizers. g is the gradient, t the number of the update, from 1.
namespace strata::optimizers {

struct SGDOptions {
  LearningRate learning_rate = 0.01;
  double momentum = 0.0;
  bool nesterov = false;
  std::optional<double> weight_decay = {}, clipnorm = {}, clipvalue = {}, global_clipnorm = {};
  std::string name = {};
};
/// v = momentum v - rate g; w += v, or with nesterov w += momentum v - rate g. Momentum 0: w -= rate g, no state.
class STRATA_API SGD : public Optimizer {
 public:
  explicit SGD(const SGDOptions& = {});
};

struct RMSpropOptions {
  LearningRate learning_rate = 0.001;
  double rho = 0.9;
  double momentum = 0.0;
  double epsilon = 1e-7;
  bool centered = false;  ///< divide by the deviation instead of the root mean square
  std::optional<double> weight_decay = {}, clipnorm = {}, clipvalue = {}, global_clipnorm = {};
  std::string name = {};
};
/// s = rho s + (1 - rho) g^2; d = rate g / sqrt(s + epsilon); w -= d, or with momentum m = momentum m + d; w -= m.
class STRATA_API RMSprop : public Optimizer {
 public:
  explicit RMSprop(const RMSpropOptions& = {});
};

struct AdamOptions {
  LearningRate learning_rate = 0.001;
  double beta_1 = 0.9;
  double beta_2 = 0.999;
  double epsilon = 1e-7;
  bool amsgrad = false;
  std::optional<double> weight_decay = {}, clipnorm = {}, clipvalue = {}, global_clipnorm = {};
  std::string name = {};
};
/// m += (g - m)(1 - beta_1); v += (g^2 - v)(1 - beta_2); w -= rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) +
/// epsilon); with amsgrad the largest v so far stands in for v. Kingma and Ba, 2014; Reddi and others, 2018.
class STRATA_API Adam : public Optimizer {
 public:
  explicit Adam(const AdamOptions& = {});
};

struct AdamWOptions {
  LearningRate learning_rate = 0.001;
  double weight_decay = 0.004;
  double beta_1 = 0.9;
  double beta_2 = 0.999;
  double epsilon = 1e-7;
  bool amsgrad = false;
  std::optional<double> clipnorm = {}, clipvalue = {}, global_clipnorm = {};
  std::string name = {};
};
/// Adam with weight decay. Loshchilov and Hutter, 2019.
class STRATA_API AdamW : public Optimizer {
 public:
  explicit AdamW(const AdamWOptions& = {});
};

struct AdagradOptions {
  LearningRate learning_rate = 0.001;
  double initial_accumulator_value = 0.1;
  double epsilon = 1e-7;
  std::optional<double> weight_decay = {}, clipnorm = {}, clipvalue = {}, global_clipnorm = {};
  std::string name = {};
};
/// a += g^2; w -= rate g / sqrt(a + epsilon). Duchi and others, 2011.
class STRATA_API Adagrad : public Optimizer {
 public:
  explicit Adagrad(const AdagradOptions& = {});
};

}  // namespace strata::optimizers
