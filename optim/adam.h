#pragma once

#include "optim/optimizer.h"

/// Adam and its descendants. g is the gradient, t the number of the update, from 1.
namespace strata::optimizers {

struct AdamOptions {
  LearningRate learning_rate = 0.001;
  double beta_1 = 0.9;
  double beta_2 = 0.999;
  double epsilon = 1e-7;
  bool amsgrad = false;
  std::optional<double> weight_decay = {}, clipnorm = {}, clipvalue = {}, global_clipnorm = {};
  bool use_ema = false;
  double ema_momentum = 0.99;
  std::optional<std::int64_t> ema_overwrite_frequency = {};
  std::optional<double> loss_scale_factor = {};
  std::optional<std::int64_t> gradient_accumulation_steps = {};
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
  bool use_ema = false;
  double ema_momentum = 0.99;
  std::optional<std::int64_t> ema_overwrite_frequency = {};
  std::optional<double> loss_scale_factor = {};
  std::optional<std::int64_t> gradient_accumulation_steps = {};
  std::string name = {};
};
/// Adam with weight decay. Loshchilov and Hutter, 2019.
class STRATA_API AdamW : public Optimizer {
 public:
  explicit AdamW(const AdamWOptions& = {});
};

/// Adamax, Nadam and Lamb.
struct AdamLikeOptions {
  LearningRate learning_rate = 0.001;
  double beta_1 = 0.9;
  double beta_2 = 0.999;
  double epsilon = 1e-7;
  std::optional<double> weight_decay = {}, clipnorm = {}, clipvalue = {}, global_clipnorm = {};
  bool use_ema = false;
  double ema_momentum = 0.99;
  std::optional<std::int64_t> ema_overwrite_frequency = {};
  std::optional<double> loss_scale_factor = {};
  std::optional<std::int64_t> gradient_accumulation_steps = {};
  std::string name = {};
};
using AdamaxOptions = AdamLikeOptions;
using NadamOptions = AdamLikeOptions;
using LambOptions = AdamLikeOptions;
/// Adam's m; u = max(beta_2 u, |g|); w -= rate m / ((1 - beta_1^t)(u + epsilon)). Kingma and Ba, 2014.
class STRATA_API Adamax : public Optimizer {
 public:
  explicit Adamax(const AdamLikeOptions& = {});
};
/// Adam's m and v; mu_t = beta_1 (1 - 0.96^t / 2), P the product of mu_1 to mu_t; w -= rate (mu_{t+1} m / (1 - P
/// mu_{t+1}) + (1 - mu_t) g / (1 - P)) / (sqrt(v / (1 - beta_2^t)) + epsilon). Dozat, 2015.
class STRATA_API Nadam : public Optimizer {
 public:
  explicit Nadam(const AdamLikeOptions& = {});
};
/// Adam's direction d = m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon); w -= rate |w| / |d| d, where a norm
/// that is 0 makes the quotient 1. You and others, 2019.
class STRATA_API Lamb : public Optimizer {
 public:
  explicit Lamb(const AdamLikeOptions& = {});
};

struct ScheduleFreeAdamWOptions {
  LearningRate learning_rate = 0.0025;
  double beta_1 = 0.9;
  double beta_2 = 0.999;
  double epsilon = 1e-8;
  std::int64_t warmup_steps = 0;  ///< the rate grows along a line over so many updates
  std::optional<double> weight_decay = {}, clipnorm = {}, clipvalue = {}, global_clipnorm = {};
  bool use_ema = false;
  double ema_momentum = 0.99;
  std::optional<std::int64_t> ema_overwrite_frequency = {};
  std::optional<double> loss_scale_factor = {};
  std::optional<std::int64_t> gradient_accumulation_steps = {};
  std::string name = {};
};
/// z, which starts as w, does Adam's steps without momentum: z -= rate g / (sqrt(v / (1 - beta_2^t)) + epsilon);
/// x = (w - (1 - beta_1) z) / beta_1 moves toward z by 1 / t; w = (1 - beta_1) z + beta_1 x. After Defazio and others,
/// 2024, who take the old z in x; Keras with TensorFlow takes the new one.
class STRATA_API ScheduleFreeAdamW : public Optimizer {
 public:
  explicit ScheduleFreeAdamW(const ScheduleFreeAdamWOptions& = {});
};

}  // namespace strata::optimizers
