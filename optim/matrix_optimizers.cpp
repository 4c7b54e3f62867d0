// The optimizers that look at a variable as a matrix: Adafactor and Muon.

#include <algorithm>
#include <cmath>
#include <regex>

#include "optim/gradient_parts.h"
#include "optim/optimizers.h"
#include "optim/registration.h"

namespace strata::optimizers {

namespace {
constexpr auto adafactor_arguments = [](auto& field, auto& o) {
  field("beta_2_decay", o.beta_2_decay);
  field("epsilon_1", o.epsilon_1);
  field("epsilon_2", o.epsilon_2);
  field("clip_threshold", o.clip_threshold);
  field.ignored("relative_step");
};

Value rms(const Value& x) { return sqrt(mean(square(x))); }

struct AdafactorRule : Rule {
  AdafactorOptions o;
  std::vector<std::vector<Slot>> slots(const Variable& v) const override {
    const Shape& shape = v.shape();
    const int rank = shape.rank();
    // Keras keeps, and saves, these two for vectors and scalars as well, and does not use them.
    Tensor rows = Tensor::scalar(std::int32_t{0}), columns = Tensor::scalar(std::int32_t{0});
    if (rank >= 2) {
      Shape column_shape = shape.slice(0, rank - 2);
      column_shape.push_back(shape.back());
      rows = zeros(shape.slice(0, rank - 1), v.dtype());
      columns = zeros(column_shape, v.dtype());
    }
    return {{{"r", rows}, {"c", columns}, slot_like(v, "velocity")}};
  }
  Values update(const Step& s) const override {
    const DType dtype = s.weight.dtype();
    const Value beta = cast(1.0 - power(s.number, o.beta_2_decay), dtype);
    const Value bare_squares = square_of_gradient(s.gradient), squares = bare_squares + o.epsilon_1;
    const auto followed = [&](const Value& old, const Value& now) { return beta * old + (1.0 - beta) * now; };
    Value rows, columns, v;
    if (s.weight.shape().rank() >= 2) {
      rows = followed(s.slots[0], mean(squares, {-1}));
      columns = followed(s.slots[1], mean(squares, {-2}));
      v = expand_dims(rows / mean(rows, {-1}, {.keepdims = true}), -1) * expand_dims(columns, -2);
    } else {
      v = followed(s.slots[2], squares);
    }
    const Value u = s.gradient / sqrt(v), u_rms = sqrt(mean(bare_squares / v));
    const Value rate =
        cast(minimum(s.learning_rate, 1.0 / sqrt(s.number)), dtype) * maximum(rms(s.weight), o.epsilon_2);
    return {s.weight - rate * (u / maximum(u_rms / o.clip_threshold, 1.0)), rows, columns, v};
  }
  std::string class_name() const override { return "Adafactor"; }
  Config config() const override { return write_arguments(adafactor_arguments, o); }
};

constexpr auto muon_arguments = [](auto& field, auto& o) {
  field("adam_beta_1", o.adam_beta_1);
  field("adam_beta_2", o.adam_beta_2);
  field("epsilon", o.epsilon);
  field("exclude_layers", o.exclude_layers);
  field("muon_a", o.muon_a);
  field("muon_b", o.muon_b);
  field("muon_c", o.muon_c);
  field("adam_lr_ratio", o.adam_lr_ratio);
  field("momentum", o.momentum);
  field("ns_steps", o.ns_steps);
  field("nesterov", o.nesterov);
  field("exclude_embeddings", o.exclude_embeddings);
  field("adam_weight_decay", o.adam_weight_decay);
  field("rms_rate", o.rms_rate);
};

struct MuonRule : Rule {
  MuonOptions o;

  bool uses_adam(const Variable& v) const {
    if (v.shape().rank() != 2) return true;
    std::string path = v.path();
    const bool excluded =
        std::any_of(o.exclude_layers.begin(), o.exclude_layers.end(),
                    [&](const std::string& pattern) { return std::regex_search(path, std::regex(pattern)); });
    for (char& c : path)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return excluded || (o.exclude_embeddings && path.find("embedding") != std::string::npos);
  }
  std::vector<std::vector<Slot>> slots(const Variable& v) const override {
    if (uses_adam(v)) return {{slot_like(v, "momentum"), slot_like(v, "velocity")}};
    return {{slot_like(v, "momentum")}};
  }
  std::optional<double> weight_decay(const Variable& v, std::optional<double> common) const override {
    return uses_adam(v) ? o.adam_weight_decay : common;
  }
  Values update(const Step& s) const override { return uses_adam(s.variable) ? adam_update(s) : muon_update(s); }

  Values adam_update(const Step& s) const {
    const Value m = s.slots[0] + (s.gradient - s.slots[0]) * (1 - o.adam_beta_1);
    const Value v = s.slots[1] + (square_of_gradient(s.gradient) - s.slots[1]) * (1 - o.adam_beta_2);
    const Value correction = sqrt(bias_correction(o.adam_beta_2, s.number)) / bias_correction(o.adam_beta_1, s.number);
    const Value rate = cast(s.learning_rate * o.adam_lr_ratio * correction, s.weight.dtype());
    return {s.weight - rate * m / (sqrt(v) + o.epsilon), m, v};
  }
  Values muon_update(const Step& s) const {
    const Value m = o.momentum * s.slots[0] + s.gradient;
    const Value x = orthogonal(o.nesterov ? s.gradient + o.momentum * m : m);
    const Shape& shape = s.weight.shape();
    const double size = static_cast<double>(std::max(shape[0], shape[1]));
    const double length = o.rms_rate ? *o.rms_rate * std::sqrt(size) : 1.0;
    return {s.weight - rate_of(s) * length * x, m};
  }
  /// Newton-Schulz iterations on the shorter side.
  Value orthogonal(Value x) const {
    const bool tall = x.shape()[0] > x.shape()[1];
    if (tall) x = transpose(x);
    x = x / (sqrt(sum(square(x))) + 1e-7);
    for (std::int64_t i = 0; i < o.ns_steps; ++i) {
      const Value products = matmul(x, x, {.transpose_b = true});
      const Value mixed = o.muon_b * products + o.muon_c * matmul(products, products);
      x = o.muon_a * x + matmul(mixed, x);
    }
    return tall ? transpose(x) : x;
  }
  std::string class_name() const override { return "Muon"; }
  Config config() const override { return write_arguments(muon_arguments, o); }
};
}  // namespace

Adafactor::Adafactor(const AdafactorOptions& o) : Optimizer(make_rule<AdafactorRule>(o), common(o)) {}
Muon::Muon(const MuonOptions& o) : Optimizer(make_rule<MuonRule>(o), common(o)) {
  if (o.ns_steps < 1) fail_expected("Muon", "ns_steps of at least 1", std::to_string(o.ns_steps));
}

namespace {
[[maybe_unused]] const bool registered =
    register_built_in<Adafactor, AdafactorOptions>("Adafactor", adafactor_arguments) &&
    register_built_in<Muon, MuonOptions>("Muon", muon_arguments);
}  // namespace

}  // namespace strata::optimizers
