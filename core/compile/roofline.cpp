#include "core/compile/roofline.h"

#include <algorithm>
#include <chrono>
#include <cstdint>

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

/// The fastest of several runs, after two that are not: what else the machine does only slows it down.
double best_seconds(const Function& step, Device device) {
  constexpr double enough = 0.2;
  for (int i = 0; i < 2; ++i) seconds_of(step, device);  // a GPU loads code at the first and records the second
  double best = seconds_of(step, device), total = best;
  for (int runs = 1; runs < 3 || total < enough; ++runs) {
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

double product_rate(Device device, DType dtype, std::int64_t n) {
  const Variable a("a", noise(dtype, {n, n})), b("b", noise(dtype, {n, n})), c("c", Tensor(dtype, {n, n}));
  const double seconds = best_seconds(Function({}, {}, {{c, matmul(a, b)}}), device);
  const double flops = 2 * static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(n);
  constexpr std::int64_t largest = 8192;
  constexpr double long_enough = 0.01;  // for one that is faster, the way to the kernel counts
  return seconds >= long_enough || n == largest ? flops / seconds : product_rate(device, dtype, 2 * n);
}

double pass_rate(Device device) {
  const Variable x("x", Tensor(DType::f32, {std::int64_t{64} << 20}));
  const double bytes = 2 * static_cast<double>(x.value().bytes());
  return bytes / best_seconds(Function({}, {}, {{x, x + 1.0}}), device);
}
}  // namespace

Roofline measure_roofline(Device device, DType dtype) {
  if (!is_floating(dtype)) fail_expected("measure_roofline", "a floating type", to_string(dtype));
  const DeviceScope scope(device);
  return {product_rate(device, dtype, 512), pass_rate(device)};
}

}  // namespace strata
