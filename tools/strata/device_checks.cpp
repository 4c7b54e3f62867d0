#include "tools/strata/device_checks.h"

#include <cmath>
#include <cstdio>
#include <limits>

namespace strata::tools {

namespace {
using State = GpuFinding::State;

/// Where work is done, and how: the CPU's plain kernels are what everything is compared with.
struct Place {
  Device device;
  bool plain = false;

  PlanOptions options() const {
    PlanOptions options;
    options.fuse = options.reuse_memory = !plain;
    options.device = device;
    return options;
  }
};

/// Runs it, and complains of ops that the device has no kernel for and left to the processor.
Tensors run(const Function& f, const Tensors& inputs) {
  std::string elsewhere;
  for (const PlanStep& step : f.plan().steps())
    if (f.plan().on_gpu() && step.device.kind == DeviceKind::cpu)
      elsewhere += (elsewhere.empty() ? "" : ", ") + step.op;
  if (!elsewhere.empty()) throw Error("has no kernel on this device and ran on the processor: " + elsewhere);
  Tensors results = f(inputs);
  for (Tensor& t : results) t = t.on_host();
  return results;
}

/// Numbers that do not depend on the device: normally distributed, of a stream of their own.
Tensor numbers(const Shape& shape, unsigned stream, Device device) {
  Tensor t(DType::f32, shape, Device{});
  const philox::Stream source{philox::key_from_seed(7), stream, 0};
  philox::Index i = 0;
  for (float& x : t.mutable_data<float>()) philox::normal_at(i++, source, x);
  return t.to(device);
}

Tensors allocation(Place place) {
  const Tensor original = numbers({1 << 20}, 0, Device{});
  const Tensor there = original.to(place.device).clone();
  return {there.on_host()};
}

Tensors matrix_product(Place place) {
  const Value a = placeholder({256, 300}), b = placeholder({300, 200});
  const Function f({a, b}, {matmul(a, b)}, {}, place.options());
  return run(f, {numbers({256, 300}, 1, place.device), numbers({300, 200}, 2, place.device)});
}

/// The result, or one of the two gradients, of a convolution.
template <int which>
Tensors convolution(Place place) {
  const Shape image{4, 17, 19, 8}, kernel{3, 3, 8, 16};
  const Value x = placeholder(image), w = placeholder(kernel);
  const Value y = conv2d(x, w, {.padding = Padding::same});
  const Value g = placeholder(y.shape());
  const Values results{y, gradients({y}, {g}, {x})[0], gradients({y}, {g}, {w})[0]};
  const Function f({x, w, g}, {results[which]}, {}, place.options());
  return run(f,
             {numbers(image, 3, place.device), numbers(kernel, 4, place.device), numbers(y.shape(), 5, place.device)});
}

Tensors batch_normalization(Place place) {
  const Shape image{8, 9, 9, 16}, channels{16};
  const Value x = placeholder(image), gamma = placeholder(channels), beta = placeholder(channels),
              g = placeholder(image);
  const auto [y, mean, variance] = batch_norm(x, gamma, beta);
  Values results{y, mean, variance};
  for (const Value& gradient : gradients({y}, {g}, {x, gamma, beta})) results.push_back(gradient);
  const Function f({x, gamma, beta, g}, results, {}, place.options());
  return run(f, {numbers(image, 6, place.device), numbers(channels, 7, place.device),
                 numbers(channels, 8, place.device), numbers(image, 9, place.device)});
}

/// `steps` of Adam on a least-squares problem; the weights after them.
Tensors least_squares(Place place, unsigned steps, const PlanOptions& options) {
  const DeviceScope scope(place.device);
  const Shape rows{32, 20}, answers{32, 4}, weights{20, 4};
  const Variable w("w", numbers(weights, 10, place.device));
  const Value x = placeholder(rows), y = placeholder(answers);
  const Value loss = mean(square(matmul(x, w) - y));
  const Function f({x, y}, {loss}, optimizers::Adam({.learning_rate = 0.01}).minimize(loss, {w}), options);
  for (unsigned step = 0; step < steps; ++step)
    run(f, {numbers(rows, 20 + 2 * step, place.device), numbers(answers, 21 + 2 * step, place.device)});
  return {w.value().on_host().clone()};
}

Tensors optimizer_step(Place place) { return least_squares(place, 1, place.options()); }

/// Steps that are recorded once and replayed give the same bits as steps whose kernels are started one by one.
double replay_difference(Device device) {
  PlanOptions recorded = Place{device}.options(), single = recorded;
  single.record = false;
  return largest_difference(least_squares({device}, 5, recorded), least_squares({device}, 5, single));
}

Tensors training(Place place) {
  const DeviceScope scope(place.device);
  utils::set_random_seed(11);
  Sequential model({layers::Input({12, 12, 3}), layers::Conv2D(8, 3, {.activation = "relu"}),
                    layers::BatchNormalization(), layers::MaxPooling2D(), layers::Flatten(),
                    layers::Dense(10, {.activation = "softmax"})});
  model.compile({.optimizer = optimizers::SGD({.learning_rate = 0.05}), .loss = "mse", .run_eagerly = place.plain});
  const Tensor x = numbers({64, 12, 12, 3}, 40, Device{}), y = numbers({64, 10}, 41, Device{});
  model.fit(x, y, {.batch_size = 16, .epochs = 1, .verbose = 0, .shuffle = false});
  return {model.predict(x, {.verbose = 0})[0].on_host()};
}

struct Work {
  const char* what;
  Tensors (*run)(Place);
  double tolerance;  ///< of sums of f32 taken in another order, and of Winograd's algorithm
};
constexpr Work all_work[] = {
    {"allocation", allocation, 0},
    {"matrix product", matrix_product, 1e-5},
    {"convolution", convolution<0>, 1e-4},
    {"convolution, gradient of the data", convolution<1>, 1e-4},
    {"convolution, gradient of the kernel", convolution<2>, 1e-4},
    {"batch normalization and its gradients", batch_normalization, 1e-4},
    {"optimizer step", optimizer_step, 1e-4},
};

/// Runs what measures a difference, and says whether it is within bounds.
DeviceCheck judged(const char* what, double tolerance, const std::function<double()>& difference) {
  DeviceCheck check;
  check.what = what;
  try {
    const double d = difference();
    char text[96];
    std::snprintf(text, sizeof text, "largest difference from the CPU %.1e, allowed %.0e", d, tolerance);
    check.state = d <= tolerance ? State::passed : State::failed;
    check.detail = tolerance == 0 ? (d == 0 ? "the same bits" : "not the same bits") : text;
  } catch (const std::exception& e) {
    check.state = State::failed;
    check.detail = e.what();
  }
  return check;
}
}  // namespace

double largest_difference(const Tensors& a, const Tensors& b) {
  constexpr double infinite = std::numeric_limits<double>::infinity();
  if (a.size() != b.size()) return infinite;
  double largest = 0;
  for (std::size_t t = 0; t < a.size(); ++t) {
    if (a[t].shape() != b[t].shape()) return infinite;
    const auto u = a[t].data<float>(), v = b[t].data<float>();
    double difference = 0, scale = 1;
    for (std::size_t i = 0; i < u.size(); ++i) {
      const bool finite = std::isfinite(u[i]) && std::isfinite(v[i]);
      if (!finite && !(u[i] == v[i])) return infinite;
      if (!finite) continue;
      difference = std::max(difference, std::abs(double{u[i]} - v[i]));
      scale = std::max(scale, std::abs(double{v[i]}));
    }
    largest = std::max(largest, difference / scale);
  }
  return largest;
}

bool check_device(Device device, const std::function<void(const DeviceCheck&)>& report) {
  bool all = true, reachable = true;
  const auto add = [&](const char* what, double tolerance, const std::function<double()>& difference) {
    DeviceCheck check{State::not_reached, what, "waits for memory on the device"};
    if (reachable) check = judged(what, tolerance, difference);
    report(check);
    all = all && check.state == State::passed;
  };
  const Place here{device}, reference{Device{}, true};
  for (const Work& work : all_work) {
    add(work.what, work.tolerance, [&] { return largest_difference(work.run(here), work.run(reference)); });
    if (work.run == allocation) reachable = all;
  }
  add("recorded step, replayed", 0, [&] { return replay_difference(device); });
  add("training a model", 1e-3, [&] { return largest_difference(training(here), training(reference)); });
  return all;
}

}  // namespace strata::tools
