#pragma once

#include <random>

#include "tests/core/compile/compile_testing.h"

namespace strata::testing {

/// A random step over matrices [6,8] and [1,8], vectors, scalars and two variables.
class RandomStep {
 public:
  explicit RandomStep(unsigned seed)
      : random_(seed), a("a", counted({6, 8}, -1, 0.04f)), b("b", counted({6, 8}, 2, -0.05f)), x(placeholder({6, 8})) {
    pool_ = {x, Value(a), Value(b), constant(counted({6, 8}, 0.5f, 0.01f)), constant(counted({8}, -0.5f, 0.1f))};
    const std::size_t count = 4 + random_() % 28;
    for (std::size_t i = 0; i < count; ++i) grow();
    for (std::size_t i = 1 + random_() % 3; i > 0; --i) outputs.push_back(pick());
    for (const Variable* v : {&a, &b})
      if (random_() % 4 != 0) updates.push_back({*v, full(pick())});
    if (random_() % 3 == 0 && updates.size() == 2) std::swap(updates[0], updates[1]);
  }

 private:
  std::mt19937 random_;
  Values pool_;

  Value pick() {
    return pool_[random_() % 2 == 0 ? random_() % pool_.size()
                                    : pool_.size() - 1 - random_() % std::min<std::size_t>(4, pool_.size())];
  }
  /// As a matrix [6,8].
  static Value full(const Value& v) {
    const Value m = v.shape().elements() == 48  ? reshape(v, {6, 8})
                    : v.shape().elements() == 8 ? reshape(v, {1, 8})
                                                : reshape(v, {-1, 1});
    if (m.shape() == Shape{6, 8}) return m;
    return m.shape()[0] == 1 || m.shape()[0] == 6 ? broadcast_to(m, {6, 8}) : broadcast_to(sum(m), {6, 8});
  }
  void grow() {
    const Value v = pick(), w = pick();
    switch (random_() % 15) {
      case 0:
        return pool_.push_back(tanh(v));
      case 1:
        return pool_.push_back(relu(v));
      case 2:
        return pool_.push_back(v * 0.5 + 0.25);
      case 3:
        return pool_.push_back(full(v) + full(w));
      case 4:
        return pool_.push_back(full(v) * sigmoid(full(w)));
      case 5:
        return pool_.push_back(sum(v));
      case 6:
        return pool_.push_back(sum(full(v), {0}) * 0.1);
      case 7:
        return pool_.push_back(mean(full(v), {1}, {.keepdims = true}));
      case 8:
        return pool_.push_back(reshape(full(v), {8, 6}));
      case 9:
        return pool_.push_back(transpose(full(v)));
      case 10:
        return pool_.push_back(reshape(reshape(full(v), {48}), {6, 8}));
      case 11:
        return pool_.push_back(tanh(softmax(full(v)) - full(w)));
      case 12: {
        const Values halves = split(full(v), 2);
        pool_.push_back(halves[1]);
        return pool_.push_back(concatenate(Values{halves[1], halves[0]}));
      }
      case 13:
        return pool_.push_back(cast(full(v) > full(w), DType::f32) * full(w));
      default:
        return pool_.push_back(where(full(v) < 0.1, full(v), full(w)));
    }
  }

 public:
  Variable a, b;
  Value x;
  Values outputs;
  Updates updates;
};

}  // namespace strata::testing
