#include "core/compile/roofline.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>

#include "core/base/error.h"
#include "core/compile/function.h"
#include "core/compile/step_timer.h"
#include "core/device/seed.h"
#include "core/ops/ops.h"

namespace strata {

namespace {
double seconds_of(const Function& step, Device device) {
  const auto begin = std::chrono::steady_clock::now();
  step({});
  wait_for(device);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// The fastest of several runs, after two that are not timed: what else the machine does only slows it down.
double best_seconds(const Function& step, Device device) {
  constexpr double enough = 0.2, too_much = 2;
  for (int i = 0; i < 2; ++i) seconds_of(step, device);  // a GPU loads code at the first and records the second
  double best = seconds_of(step, device), total = best;
  for (int runs = 1; (runs < 10 || total < enough) && total < too_much; ++runs) {
    const double seconds = seconds_of(step, device);
    best = std::min(best, seconds);
    total += seconds;
  }
  return best;
}

/// Random numbers, since zeros let GPUs clock higher. The process's seeds are afterwards as if there had been none.
Tensor noise(DType dtype, const Shape& shape) {
  const std::uint64_t position = random::process_seed_position();
  Tensor numbers = random::normal(shape, 0, 1, dtype);
  utils::set_random_seed(position);
  return numbers;
}

/// `work` of a size, by the second, for the first of `size`, 2 `size`, ... `largest` that takes long enough for the way
/// to the kernel not to count.
double best_rate(Device device, std::int64_t size, std::int64_t largest,
                 const std::function<Function(std::int64_t)>& step, const std::function<double(double)>& work) {
  constexpr double long_enough = 0.01;
  for (;; size *= 2) {
    const double seconds = best_seconds(step(size), device);
    if (seconds >= long_enough || size >= largest) return work(static_cast<double>(size)) / seconds;
  }
}

Function product(DType dtype, std::int64_t n) {
  const Variable a("a", noise(dtype, {n, n})), b("b", noise(dtype, {n, n})), c("c", Tensor(dtype, {n, n}));
  return Function({}, {}, {{c, matmul(a, b)}});
}

Function pass(std::int64_t n) {
  const Variable x("x", zeros({n}));
  return Function({}, {}, {{x, x + 1.0}});
}
}  // namespace

Roofline measure_roofline(Device device, DType dtype) {
  if (!is_floating(dtype)) fail_expected("measure_roofline", "a floating type", to_string(dtype));
  const DeviceScope scope(device);
  return {best_rate(
              device, 256, 8192, [dtype](std::int64_t n) { return product(dtype, n); },
              [](double n) { return 2 * n * n * n; }),
          best_rate(device, 1 << 22, 1 << 26, pass, [](double n) { return 2 * n * sizeof(float); })};
}

}  // namespace strata
