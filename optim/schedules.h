#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/config.h"
#include "core/graph/node.h"

namespace strata::optimizers {

namespace schedules {

/// A learning rate that depends on the number of updates done. Derive to write one of your own: the formula is graph,
/// so that it is evaluated on the device, step by step.
class STRATA_API Schedule {
 public:
  virtual ~Schedule();
  /// The rate for `step`, a scalar f64 that counts the updates done so far; a scalar f64.
  virtual Value operator()(const Value& step) const = 0;
  /// Keras's class name, and its arguments in Keras's names.
  virtual std::string class_name() const = 0;
  virtual Config config() const = 0;
  /// The rate for a step, computed on the host from the same formula.
  double at(std::int64_t step) const;
};

struct ExponentialDecayOptions {
  bool staircase = false;
  std::string name = "ExponentialDecay";
};
/// initial * rate^(step / decay_steps); with staircase the exponent is rounded down.
class STRATA_API ExponentialDecay : public Schedule {
 public:
  ExponentialDecay(double initial_learning_rate, double decay_steps, double decay_rate, ExponentialDecayOptions = {});
  Value operator()(const Value& step) const override;
  std::string class_name() const override { return "ExponentialDecay"; }
  Config config() const override;

 private:
  double initial_, steps_, rate_;
  ExponentialDecayOptions options_;
};

struct PiecewiseConstantDecayOptions {
  std::string name = "PiecewiseConstant";
};
/// values[i] for boundaries[i - 1] < step <= boundaries[i]. Error unless there is one value more than boundaries.
class STRATA_API PiecewiseConstantDecay : public Schedule {
 public:
  PiecewiseConstantDecay(std::vector<double> boundaries, std::vector<double> values,
                         PiecewiseConstantDecayOptions = {});
  Value operator()(const Value& step) const override;
  std::string class_name() const override { return "PiecewiseConstantDecay"; }
  Config config() const override;

 private:
  std::vector<double> boundaries_, values_;
  PiecewiseConstantDecayOptions options_;
};

struct PolynomialDecayOptions {
  double end_learning_rate = 0.0001;
  double power = 1.0;
  bool cycle = false;  ///< start again at a rate that a longer decay would have reached, instead of staying at the end
  std::string name = "PolynomialDecay";
};
/// (initial - end) * (1 - step / decay_steps)^power + end, then `end`.
class STRATA_API PolynomialDecay : public Schedule {
 public:
  PolynomialDecay(double initial_learning_rate, double decay_steps, PolynomialDecayOptions = {});
  PolynomialDecay(double initial_learning_rate, double decay_steps, double end_learning_rate,
                  PolynomialDecayOptions = {});
  Value operator()(const Value& step) const override;
  std::string class_name() const override { return "PolynomialDecay"; }
  Config config() const override;

 private:
  double initial_, steps_;
  PolynomialDecayOptions options_;
};

struct InverseTimeDecayOptions {
  bool staircase = false;
  std::string name = "InverseTimeDecay";
};
/// initial / (1 + rate * step / decay_steps); with staircase the quotient is rounded down.
class STRATA_API InverseTimeDecay : public Schedule {
 public:
  InverseTimeDecay(double initial_learning_rate, double decay_steps, double decay_rate, InverseTimeDecayOptions = {});
  Value operator()(const Value& step) const override;
  std::string class_name() const override { return "InverseTimeDecay"; }
  Config config() const override;

 private:
  double initial_, steps_, rate_;
  InverseTimeDecayOptions options_;
};

struct CosineDecayOptions {
  double alpha = 0.0;  ///< the rate at the end, as a fraction of the rate at the top
  std::string name = "CosineDecay";
  std::optional<double> warmup_target = {};  ///< given: first a straight line from the initial rate to this one
  std::int64_t warmup_steps = 0;
};
/// From the top to alpha times the top along half a cosine. Loshchilov and Hutter, "SGDR", 2016.
class STRATA_API CosineDecay : public Schedule {
 public:
  CosineDecay(double initial_learning_rate, double decay_steps, CosineDecayOptions = {});
  Value operator()(const Value& step) const override;
  std::string class_name() const override { return "CosineDecay"; }
  Config config() const override;

 private:
  double initial_, steps_;
  CosineDecayOptions options_;
};

struct CosineDecayRestartsOptions {
  double t_mul = 2.0;  ///< each period is this many times as long as the one before
  double m_mul = 1.0;  ///< and starts at this many times its rate
  double alpha = 0.0;
  std::string name = "SGDRDecay";
};
/// Half cosines one after another, from the same paper.
class STRATA_API CosineDecayRestarts : public Schedule {
 public:
  CosineDecayRestarts(double initial_learning_rate, double first_decay_steps, CosineDecayRestartsOptions = {});
  Value operator()(const Value& step) const override;
  std::string class_name() const override { return "CosineDecayRestarts"; }
  Config config() const override;

 private:
  double initial_, steps_;
  CosineDecayRestartsOptions options_;
};

using SchedulePtr = std::shared_ptr<const Schedule>;
/// As an object in Keras 3's spelling; from any of Keras's spellings. Error for an unknown class, naming it and how to
/// register it; for an argument that is unknown or does not fit; and to_config for a class that is not registered.
STRATA_API ConfigValue to_config(const Schedule&);
STRATA_API void from_config(const ConfigValue&, SchedulePtr&);
/// Makes a class of one's own known to files, under the name that its class_name() returns. `make` gets what its
/// config() held. Error when a built-in class has the name.
STRATA_API void register_schedule(const std::string& class_name, std::function<SchedulePtr(const Config&)> make);
/// Class names, sorted.
STRATA_API std::vector<std::string> schedule_names();

}  // namespace schedules

/// A number or a schedule.
class STRATA_API LearningRate {
 public:
  LearningRate(double constant) : constant_(constant) {}
  LearningRate(schedules::SchedulePtr schedule) : schedule_(std::move(schedule)) {}
  template <class S>
    requires std::derived_from<S, schedules::Schedule>
  LearningRate(const S& schedule) : schedule_(std::make_shared<const S>(schedule)) {}

  double constant() const { return constant_; }
  /// Null for a number.
  const std::shared_ptr<const schedules::Schedule>& schedule() const { return schedule_; }

 private:
  double constant_ = 0;
  std::shared_ptr<const schedules::Schedule> schedule_;
};

/// A number, or the schedule's config.
STRATA_API ConfigValue to_config(const LearningRate&);
STRATA_API void from_config(const ConfigValue&, LearningRate&);

}  // namespace strata::optimizers
