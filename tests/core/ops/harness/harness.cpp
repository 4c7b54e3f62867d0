#include "tests/core/ops/harness/harness.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/graph/gradients.h"
#include "core/ops/binary.h"
#include "core/ops/unary.h"

namespace strata::harness {

namespace {
/// A sample in the element types of one run.
struct Run {
  Op op;
  Tensors inputs;
  bool in_double;
};

Tensors floats_as(const Tensors& inputs, DType dtype) {
  Tensors out;
  for (const Tensor& t : inputs) out.push_back(is_floating(t.dtype()) ? to_dtype(t, dtype) : t);
  return out;
}

bool any_double(const Tensors& tensors) {
  return std::any_of(tensors.begin(), tensors.end(), [](const Tensor& t) { return t.dtype() == DType::f64; });
}

/// f32 first, then f64; one run for an op without floating types.
std::vector<Run> runs_of(const Sample& s) {
  const bool typed = s.op_in_double.has_value() || any_double(s.inputs);
  if (s.as_given || !typed) return {{s.op, s.inputs, any_double(s.inputs)}};
  return {{s.op, floats_as(s.inputs, DType::f32), false},
          {s.op_in_double.value_or(s.op), floats_as(s.inputs, DType::f64), true}};
}

std::string place(const Sample& s, const Run& run) {
  return std::string(s.op.name()) + " '" + s.label + "' in " + (run.in_double ? "f64" : "f32 or integers");
}

void expect_close(const Array& got, const Array& expected, double tolerance, double floor, const std::string& what) {
  ASSERT_EQ(to_string(got.shape), to_string(expected.shape)) << what;
  int failures = 0;
  for (std::size_t i = 0; i < got.data.size() && failures < 3; ++i) {
    const double x = got.data[i], y = expected.data[i];
    const bool close = std::isnan(y)   ? std::isnan(x)
                       : std::isinf(y) ? x == y
                                       : std::abs(x - y) <= tolerance * std::max(floor, std::abs(y));
    if (close) continue;
    ++failures;
    ADD_FAILURE() << what << ", element " << i << " of " << to_string(got.shape) << ": " << x << ", expected " << y
                  << " within " << tolerance * std::max(floor, std::abs(y));
  }
}

void expect_identical(const Tensors& got, const Tensors& expected, const std::string& what) {
  ASSERT_EQ(got.size(), expected.size()) << what;
  for (std::size_t i = 0; i < got.size(); ++i) {
    ASSERT_EQ(to_string(got[i].type()), to_string(expected[i].type())) << what;
    const bool identical = got[i].bytes() == 0 || std::memcmp(got[i].raw(), expected[i].raw(), got[i].bytes()) == 0;
    EXPECT_TRUE(identical) << what << ", output " << i << ": " << to_string(got[i]) << " and "
                           << to_string(expected[i]);
  }
}

void expect_all_close(const Tensors& got, const Tensors& expected, double tolerance, double floor,
                      const std::string& what) {
  ASSERT_EQ(got.size(), expected.size()) << what;
  for (std::size_t i = 0; i < got.size(); ++i)
    expect_close(array_of(got[i]), array_of(expected[i]), is_floating(got[i].dtype()) ? tolerance : 0, floor,
                 what + ", output " + std::to_string(i));
}

double tolerance_of(const Sample& s, const Run& run) { return run.in_double ? s.double_tolerance : s.tolerance; }

Values placeholders(const Tensors& tensors) {
  Values all;
  for (const Tensor& t : tensors) all.push_back(placeholder(t.shape(), t.dtype()));
  return all;
}

// ---- gradients

/// The floating outputs of an op on placeholders, and weights that make one number of them.
struct Objective {
  Values inputs, outputs;
  Tensors weights;

  Objective(const Sample& s, const Run& run, std::optional<std::size_t> only) : inputs(placeholders(run.inputs)) {
    const Values all = apply_all(run.op, inputs);
    for (std::size_t i = 0; i < std::min(all.size(), s.differentiable); ++i) {
      if (!is_floating(all[i].dtype()) || (only && *only != i)) continue;
      outputs.push_back(all[i]);
      weights.push_back(to_dtype(uniform(all[i].shape(), -1, 1, static_cast<unsigned>(17 + i)), all[i].dtype()));
    }
  }

  double operator()(const Function& forward, const Tensors& at) const {
    const Tensors y = forward(at);
    double total = 0;
    for (std::size_t k = 0; k < y.size(); ++k)
      for (std::int64_t i = 0; i < y[k].size(); ++i) total += y[k].at<double>(i) * weights[k].at<double>(i);
    return total;
  }

  Values gradients() const {
    Values g;
    for (const Tensor& w : weights) g.push_back(constant(w));
    return strata::gradients(outputs, g, inputs);
  }
};

Tensor moved(const Tensor& x, const Tensor& direction, double by) {
  Tensor y(DType::f64, x.shape());
  for (std::int64_t i = 0; i < x.size(); ++i)
    y.mutable_data<double>()[static_cast<std::size_t>(i)] = x.at<double>(i) + by * direction.at<double>(i);
  return to_dtype(y, x.dtype());
}

double inner_product(const Tensor& a, const Tensor& b) {
  double total = 0;
  for (std::int64_t i = 0; i < a.size(); ++i) total += a.at<double>(i) * b.at<double>(i);
  return total;
}

void check_slopes(const Sample& s, const Run& run, std::optional<std::size_t> only) {
  const Objective objective(s, run, only);
  if (objective.outputs.empty()) return;
  if (s.slope == Slope::refused) {
    EXPECT_THROW(objective.gradients(), Error) << place(s, run);
    return;
  }
  const Function forward(objective.inputs, objective.outputs);
  const Values rules = objective.gradients();
  for (std::size_t i = 0; i < run.inputs.size(); ++i) {
    const std::string what = place(s, run) + ", gradient of input " + std::to_string(i);
    const bool constant = std::ranges::find(s.constants, i) != s.constants.end();
    if (s.slope == Slope::none || constant || !is_floating(run.inputs[i].dtype())) {
      EXPECT_FALSE(rules[i]) << what << " is not expected to exist";
      continue;
    }
    const Tensor direction = uniform(run.inputs[i].shape(), -1, 1, static_cast<unsigned>(71 + i));
    Tensors up = run.inputs, down = run.inputs;
    up[i] = moved(run.inputs[i], direction, s.step);
    down[i] = moved(run.inputs[i], direction, -s.step);
    const double difference = (objective(forward, up) - objective(forward, down)) / (2 * s.step);
    double slope = 0;
    if (rules[i]) {
      ASSERT_EQ(to_string(rules[i].type()), to_string(run.inputs[i].type())) << what;
      slope = inner_product(Function(objective.inputs, {rules[i]})(run.inputs)[0], direction);
    }
    EXPECT_NEAR(slope, difference, s.slope_tolerance * std::max(1.0, std::abs(difference))) << what;
  }
}

// ---- the compiler

/// A few elementwise ops behind a result.
Value tail(const Value& y) {
  const Value x = is_floating(y.dtype()) ? y : cast(y, DType::f32);
  return relu(x * 0.5 + 0.25) - x;
}

/// The op between short elementwise chains; `with_results`: its own outputs are wanted, too.
Values surrounded(const Run& run, const Values& inputs, bool with_results) {
  Values in;
  for (const Value& v : inputs) in.push_back(is_floating(v.dtype()) ? neg(neg(v)) : v);
  Values out;
  for (const Value& y : apply_all(run.op, in)) {
    out.push_back(tail(y));
    if (with_results) out.push_back(y);
  }
  return out;
}

bool has_epilogue(const Op& op) { return op.with_epilogue({.bias = false, .relu = true}).has_value(); }

/// Compiles in every mode and compares with node by node, memory of its own for each result.
void compare_modes(const Values& inputs, const Values& outputs, const Sample& s, const Run& run, bool exact,
                   const std::string& what) {
  const Tensors plain = Function(inputs, outputs, {}, {.fuse = false, .reuse_memory = false})(run.inputs);
  for (const bool fuse : {false, true})
    for (const bool reuse : {false, true}) {
      const Function f(inputs, outputs, {}, {.fuse = fuse, .reuse_memory = reuse});
      const std::string mode = what + (fuse ? ", fused" : "") + (reuse ? ", reusing memory" : "");
      if (exact || !fuse)
        expect_identical(f(run.inputs), plain, mode);
      else
        expect_all_close(f(run.inputs), plain, tolerance_of(s, run), s.floor, mode);
    }
}

/// A product or convolution with bias and ReLU is one step, and close to the three.
void check_epilogue(const Sample& s, const Run& run) {
  const Values inputs = placeholders(run.inputs);
  const Value y = apply_all(run.op, inputs)[0];
  if (y.shape().rank() < 2 || y.shape().elements() == 0) return;
  const Value bias = constant(to_dtype(uniform({y.shape().back()}, -1, 1, 5), y.dtype()));
  const Function fused(inputs, {relu(y + bias)}),
      plain(inputs, {relu(y + bias)}, {}, {.fuse = false, .reuse_memory = false});
  EXPECT_EQ(plain.plan().steps().size(), fused.plan().steps().size() + 2) << place(s, run) << fused.plan().dump();
  expect_all_close(fused(run.inputs), plain(run.inputs), tolerance_of(s, run), s.floor,
                   place(s, run) + ", bias and relu");
}
}  // namespace

void check_types(const Sample& s) {
  for (const Run& run : runs_of(s)) {
    const Tensors computed = apply_all(run.op, run.inputs);
    const Values inferred = apply_all(run.op, placeholders(run.inputs));
    ASSERT_EQ(computed.size(), inferred.size()) << place(s, run);
    for (std::size_t i = 0; i < computed.size(); ++i)
      EXPECT_EQ(to_string(computed[i].type()), to_string(inferred[i].type())) << place(s, run);
    if (!s.reference) continue;
    const Arrays expected = s.reference(arrays_of(run.inputs));
    ASSERT_EQ(computed.size(), expected.size()) << place(s, run);
    for (std::size_t i = 0; i < computed.size(); ++i)
      EXPECT_EQ(to_string(computed[i].shape()), to_string(expected[i].shape)) << place(s, run);
  }
}

void check_reference(const Sample& s) {
  const std::vector<Run> runs = runs_of(s);
  for (const Run& run : runs) {
    const Tensors computed = apply_all(run.op, run.inputs);
    if (!s.reference) continue;
    const Arrays expected = s.reference(arrays_of(run.inputs));
    ASSERT_EQ(computed.size(), expected.size()) << place(s, run);
    for (std::size_t i = 0; i < computed.size(); ++i)
      expect_close(array_of(computed[i]), expected[i], is_floating(computed[i].dtype()) ? tolerance_of(s, run) : 0,
                   s.floor, place(s, run) + " against the reference, output " + std::to_string(i));
  }
  if (runs.size() < 2 || s.same_for_all_threads) return;
  // The optimized kernel against the plain one, on the same rounded numbers.
  const Tensors plain = apply_all(runs[1].op, floats_as(runs[0].inputs, DType::f64));
  expect_all_close(apply_all(runs[0].op, runs[0].inputs), plain, s.tolerance, s.floor,
                   place(s, runs[0]) + " against f64");
}

void check_gradient(const Sample& s) {
  const Run run = runs_of(s).back();
  const std::size_t outputs = apply_all(run.op, placeholders(run.inputs)).size();
  check_slopes(s, run, std::nullopt);
  for (std::size_t i = 0; outputs > 1 && i < outputs; ++i) check_slopes(s, run, i);
}

void check_compiled(const Sample& s) {
  for (const Run& run : runs_of(s)) {
    const bool exact = !has_epilogue(run.op);
    const Values inputs = placeholders(run.inputs);
    expect_identical(Function(inputs, apply_all(run.op, inputs))(run.inputs), apply_all(run.op, run.inputs),
                     place(s, run) + ", function against tensors");
    for (const bool with_results : {false, true})
      compare_modes(inputs, surrounded(run, inputs, with_results), s, run, exact, place(s, run));
    if (!exact) check_epilogue(s, run);
    if (s.slope == Slope::refused) continue;
    const Objective objective(s, run, std::nullopt);
    Values slopes;
    for (const Value& g : objective.gradients())
      if (g) slopes.push_back(g);
    if (!slopes.empty()) compare_modes(objective.inputs, slopes, s, run, exact, place(s, run) + ", gradients");
  }
}

void check_threads(const Sample& s) {
  const int before = config::num_threads();
  for (const Run& run : runs_of(s)) {
    config::set_num_threads(1);
    const Tensors alone = apply_all(run.op, run.inputs);
    for (const int threads : {1, 2, 3}) {
      config::set_num_threads(threads);
      const Tensors first = apply_all(run.op, run.inputs), second = apply_all(run.op, run.inputs);
      const std::string what = place(s, run) + " on " + std::to_string(threads) + " threads";
      expect_identical(first, second, what + ", twice");
      if (run.op.is_elementwise() || s.same_for_all_threads)
        expect_identical(first, alone, what + " against one");
      else
        expect_all_close(first, alone, tolerance_of(s, run), s.floor, what + " against one");
    }
  }
  config::set_num_threads(before);
}

void check_sixteen_bits(const Sample& s) {
  if (s.as_given || s.op_in_double || !s.reference || !any_double(s.inputs)) return;
  for (const DType dtype : {DType::f16, DType::bf16}) {
    const Run run{s.op, floats_as(s.inputs, dtype), false};
    Values inferred;
    try {
      inferred = apply_all(run.op, placeholders(run.inputs));
    } catch (const Error&) {
      continue;  // the op does not take this type
    }
    const Tensors computed = apply_all(run.op, run.inputs);
    const Arrays expected = s.reference(arrays_of(run.inputs));
    ASSERT_EQ(computed.size(), expected.size()) << place(s, run);
    for (std::size_t i = 0; i < computed.size(); ++i) {
      EXPECT_EQ(to_string(computed[i].type()), to_string(inferred[i].type())) << place(s, run);
      const double unit = computed[i].dtype() == DType::f16 ? 0x1p-10 : computed[i].dtype() == DType::bf16 ? 0x1p-7 : 0;
      expect_close(array_of(computed[i]), expected[i], 2 * unit, s.floor,
                   place(s, run) + ", " + std::string(to_string(dtype)));
    }
  }
}

namespace {
/// Runs for a GPU: those of the processor, and the 16-bit types where the op takes them.
std::vector<std::pair<Run, double>> gpu_runs_of(const Sample& s) {
  std::vector<std::pair<Run, double>> runs;
  for (const Run& run : runs_of(s)) runs.emplace_back(run, tolerance_of(s, run));
  if (s.as_given || s.op_in_double || !any_double(s.inputs)) return runs;
  for (const DType dtype : {DType::f16, DType::bf16}) {
    const Run run{s.op, floats_as(s.inputs, dtype), false};
    try {
      apply_all(run.op, placeholders(run.inputs));
      runs.emplace_back(run, dtype == DType::f16 ? 0x1p-9 : 0x1p-6);
    } catch (const Error&) {  // the op does not take this type
    }
  }
  return runs;
}

Tensors moved_to(const Tensors& tensors, Device device) {
  Tensors moved;
  for (const Tensor& t : tensors) moved.push_back(t.to(device));
  return moved;
}

/// A function on the processor and on the GPU: first, recorded and replayed.
void compare_devices(const Values& inputs, const Values& outputs, const Tensors& at, double tolerance, double floor,
                     const std::string& what) {
  const Device gpu{DeviceKind::gpu, 0};
  PlanOptions there;
  there.device = gpu;
  const Function on_gpu(inputs, outputs, {}, there), on_processor(inputs, outputs);
  const Tensors first = moved_to(on_gpu(at), Device{});
  expect_all_close(first, on_processor(at), tolerance, floor, what);
  for (const char* again : {", recorded", ", replayed"})
    expect_identical(moved_to(on_gpu(at), Device{}), first, what + again);
  expect_identical(moved_to(on_gpu(moved_to(at, gpu)), Device{}), first, what + ", with inputs on the GPU");
}
}  // namespace

void check_gpu(const Sample& s) {
  const Device gpu{DeviceKind::gpu, 0};
  for (const auto& [run, tolerance] : gpu_runs_of(s)) {
    const std::string what =
        place(s, run) + " on gpu:0" + (run.inputs.empty() ? "" : " " + to_string(run.inputs[0].type()));
    const Values inputs = placeholders(run.inputs);
    {
      const DeviceScope scope(run.inputs.empty() ? gpu : Device{});
      const Tensors alone = apply_all(run.op, moved_to(run.inputs, gpu));
      for (const Tensor& t : alone) EXPECT_EQ(t.device(), gpu) << what;
      const DeviceScope here(Device{});
      expect_all_close(moved_to(alone, Device{}), apply_all(run.op, run.inputs), tolerance, s.floor, what);
    }
    compare_devices(inputs, apply_all(run.op, inputs), run.inputs, tolerance, s.floor, what + ", planned");
    if (s.slope == Slope::refused || s.slope == Slope::none) continue;
    const Objective objective(s, run, std::nullopt);
    Values slopes;
    for (const Value& g : objective.gradients())
      if (g) slopes.push_back(g);
    // Sums have another order there, also in the gradients of ops that are exact themselves.
    const double rounding = run.in_double ? 1e-13 : 2e-6;
    if (!slopes.empty())
      compare_devices(objective.inputs, slopes, run.inputs, 4 * std::max(tolerance, rounding), 1, what + ", gradients");
  }
}

void check(const Sample& s) {
  check_types(s);
  check_reference(s);
  check_gradient(s);
  check_compiled(s);
  check_threads(s);
  check_sixteen_bits(s);
}

}  // namespace strata::harness
