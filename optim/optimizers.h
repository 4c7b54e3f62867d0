#pragma once

#include "optim/adam.h"  // IWYU pragma: export
#include "optim/optimizer.h"
#include "optim/wrappers.h"  // IWYU pragma: export

/// Keras's optimizers; those that descend from Adam are in optim/adam.h. g is the gradient, t the number of the update,
/// from 1.
namespace strata::optimizers {

struct SGDOptions {
  LearningRate learning_rate = 0.01;
  double momentum = 0.0;
  bool nesterov = false;
  std::optional<double> weight_decay = {}, clipnorm = {}, clipvalue = {}, global_clipnorm = {};
  bool use_ema = false;
  double ema_momentum = 0.99;
  std::optional<std::int64_t> ema_overwrite_frequency = {};
  std::optional<double> loss_scale_factor = {};
  std::optional<std::int64_t> gradient_accumulation_steps = {};
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
  bool use_ema = false;
  double ema_momentum = 0.99;
  std::optional<std::int64_t> ema_overwrite_frequency = {};
  std::optional<double> loss_scale_factor = {};
  std::optional<std::int64_t> gradient_accumulation_steps = {};
  std::string name = {};
};
/// s = rho s + (1 - rho) g^2; d = rate g / sqrt(s + epsilon); w -= d, or with momentum m = momentum m + d; w -= m.
class STRATA_API RMSprop : public Optimizer {
 public:
  explicit RMSprop(const RMSpropOptions& = {});
};

struct AdagradOptions {
  LearningRate learning_rate = 0.001;
  double initial_accumulator_value = 0.1;
  double epsilon = 1e-7;
  std::optional<double> weight_decay = {}, clipnorm = {}, clipvalue = {}, global_clipnorm = {};
  bool use_ema = false;
  double ema_momentum = 0.99;
  std::optional<std::int64_t> ema_overwrite_frequency = {};
  std::optional<double> loss_scale_factor = {};
  std::optional<std::int64_t> gradient_accumulation_steps = {};
  std::string name = {};
};
/// a += g^2; w -= rate g / sqrt(a + epsilon). Duchi and others, 2011.
class STRATA_API Adagrad : public Optimizer {
 public:
  explicit Adagrad(const AdagradOptions& = {});
};

struct AdadeltaOptions {
  LearningRate learning_rate = 0.001;
  double rho = 0.95;
  double epsilon = 1e-7;
  std::optional<double> weight_decay = {}, clipnorm = {}, clipvalue = {}, global_clipnorm = {};
  bool use_ema = false;
  double ema_momentum = 0.99;
  std::optional<std::int64_t> ema_overwrite_frequency = {};
  std::optional<double> loss_scale_factor = {};
  std::optional<std::int64_t> gradient_accumulation_steps = {};
  std::string name = {};
};
/// a = rho a + (1 - rho) g^2; d = sqrt(u + epsilon) / sqrt(a + epsilon) g; u = rho u + (1 - rho) d^2; w -= rate d.
/// Zeiler, 2012.
class STRATA_API Adadelta : public Optimizer {
 public:
  explicit Adadelta(const AdadeltaOptions& = {});
};

struct AdafactorOptions {
  LearningRate learning_rate = 0.001;
  double beta_2_decay = -0.8;
  double epsilon_1 = 1e-30;
  double epsilon_2 = 1e-3;
  double clip_threshold = 1.0;
  std::optional<double> weight_decay = {}, clipnorm = {}, clipvalue = {}, global_clipnorm = {};
  bool use_ema = false;
  double ema_momentum = 0.99;
  std::optional<std::int64_t> ema_overwrite_frequency = {};
  std::optional<double> loss_scale_factor = {};
  std::optional<std::int64_t> gradient_accumulation_steps = {};
  std::string name = {};
};
/// Adam's second moment kept as one number for each row and column: r and c are running means, with beta = 1 -
/// t^beta_2_decay, of g^2 + epsilon_1 over the last and the last but one axis; v = r c / mean(r); for vectors v
/// itself is the running mean. u = g / sqrt(v), divided by rms(u) / clip_threshold where that exceeds 1; w -=
/// max(epsilon_2, rms(w)) min(rate, 1 / sqrt(t)) u. Shazeer and Stern, 2018. Keras's argument `relative_step` is
/// accepted in files; it changes nothing there either.
class STRATA_API Adafactor : public Optimizer {
 public:
  explicit Adafactor(const AdafactorOptions& = {});
};

struct FtrlOptions {
  LearningRate learning_rate = 0.001;
  double learning_rate_power = -0.5;
  double initial_accumulator_value = 0.1;
  double l1_regularization_strength = 0.0;
  double l2_regularization_strength = 0.0;
  double l2_shrinkage_regularization_strength = 0.0;
  double beta = 0.0;
  std::optional<double> weight_decay = {}, clipnorm = {}, clipvalue = {}, global_clipnorm = {};
  bool use_ema = false;
  double ema_momentum = 0.99;
  std::optional<std::int64_t> ema_overwrite_frequency = {};
  std::optional<double> loss_scale_factor = {};
  std::optional<std::int64_t> gradient_accumulation_steps = {};
  std::string name = {};
};
/// n = a + g^2; z += g + 2 shrinkage w - (n^-power - a^-power) / rate w; a = n;
/// w = (clip(z, -l1, l1) - z) / ((n^-power + beta) / rate + 2 l2). McMahan and others, 2013.
class STRATA_API Ftrl : public Optimizer {
 public:
  explicit Ftrl(const FtrlOptions& = {});
};

struct LionOptions {
  LearningRate learning_rate = 0.001;
  double beta_1 = 0.9;
  double beta_2 = 0.99;
  std::optional<double> weight_decay = {}, clipnorm = {}, clipvalue = {}, global_clipnorm = {};
  bool use_ema = false;
  double ema_momentum = 0.99;
  std::optional<std::int64_t> ema_overwrite_frequency = {};
  std::optional<double> loss_scale_factor = {};
  std::optional<std::int64_t> gradient_accumulation_steps = {};
  std::string name = {};
};
/// w -= rate sign(beta_1 m + (1 - beta_1) g); m = beta_2 m + (1 - beta_2) g. Chen and others, 2023.
class STRATA_API Lion : public Optimizer {
 public:
  explicit Lion(const LionOptions& = {});
};

struct MuonOptions {
  LearningRate learning_rate = 0.001;
  double adam_beta_1 = 0.9;
  double adam_beta_2 = 0.999;
  std::optional<double> adam_weight_decay = 0.004;  ///< of the variables that Adam updates
  double epsilon = 1e-7;
  std::optional<double> weight_decay = 0.004;  ///< of the others
  std::optional<double> clipnorm = {}, clipvalue = {}, global_clipnorm = {};
  bool use_ema = false;
  double ema_momentum = 0.99;
  std::optional<std::int64_t> ema_overwrite_frequency = {};
  std::optional<double> loss_scale_factor = {};
  std::optional<std::int64_t> gradient_accumulation_steps = {};
  std::string name = {};
  std::vector<std::string> exclude_layers = {};  ///< regular expressions: Adam updates variables whose path matches
  bool exclude_embeddings = true;                ///< and those whose path holds "embedding"
  double muon_a = 3.4445, muon_b = -4.7750, muon_c = 2.0315;
  double adam_lr_ratio = 1;
  double momentum = 0.95;
  std::int64_t ns_steps = 5;
  bool nesterov = true;
  std::optional<double> rms_rate = 0.2;
};
/// Matrices: m = momentum m + g; x = m, or with nesterov g + momentum m, over its norm; ns_steps times x = muon_a x +
/// (muon_b X + muon_c X X) x with X = x x^T, which brings it near the orthogonal matrix closest to it; w -= rate
/// rms_rate sqrt(larger size) x. All other variables: Adam at adam_lr_ratio times the rate. Jordan and others, 2024.
class STRATA_API Muon : public Optimizer {
 public:
  explicit Muon(const MuonOptions& = {});
};

}  // namespace strata::optimizers
