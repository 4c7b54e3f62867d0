// Functions as users meet them: calls, errors, limits, what a plan says of itself.
#include <cmath>

#include "core/ops/matmul.h"
#include "tests/core/compile/compile_testing.h"

namespace strata {
namespace {
using namespace testing;

TEST(Function, GradientsAreMoreGraph) {
  const Value x = placeholder({3});
  const Value y = sum(x * x * x);
  const Function f({x}, {y, gradients(y, {x})[0], gradients(sum(gradients(y, {x})[0]), {x})[0]});
  const Tensors out = f({floats({3}, {1, 2, 3})});
  EXPECT_EQ(out[0].item<float>(), 36.0f);
  EXPECT_EQ(numbers(out[1]), (std::vector<float>{3, 12, 27}));
  EXPECT_EQ(numbers(out[2]), (std::vector<float>{6, 12, 18}));
}

TEST(Function, OutputsMayBeInputsConstantsVariablesAndRepeat) {
  const Value x = placeholder({2});
  const Variable w("w", floats({2}, {5, 6}));
  const Value y = x + 1.0;
  const Function f({x}, {x, y, y, constant(floats({1}, {9})), w, reshape(y, {2, 1})});
  const Tensors out = f({floats({2}, {1, 2})});
  EXPECT_EQ(numbers(out[0]), (std::vector<float>{1, 2}));
  EXPECT_EQ(numbers(out[1]), (std::vector<float>{2, 3}));
  EXPECT_EQ(numbers(out[2]), (std::vector<float>{2, 3}));
  EXPECT_EQ(numbers(out[3]), (std::vector<float>{9}));
  EXPECT_EQ(numbers(out[4]), (std::vector<float>{5, 6}));
  EXPECT_EQ(to_string(out[5].type()), "f32[2,1]");
  EXPECT_EQ(numbers(out[5]), (std::vector<float>{2, 3}));
}

TEST(Function, ResultsOutliveTheNextCall) {
  const Value x = placeholder({2});
  const Function f({x}, {x * 2.0});
  const Tensor first = f({floats({2}, {1, 2})})[0], second = f({floats({2}, {3, 4})})[0];
  EXPECT_EQ(numbers(first), (std::vector<float>{2, 4}));
  EXPECT_EQ(numbers(second), (std::vector<float>{6, 8}));
}

TEST(Function, EmptyTensorsPass) {
  const Value x = placeholder({0, 3});
  const Function f({x}, {exp(x) * 2.0, sum(x)});
  const Tensors out = f({Tensor(DType::f32, {0, 3})});
  EXPECT_EQ(to_string(out[0].type()), "f32[0,3]");
  EXPECT_EQ(out[1].item<float>(), 0.0f);
}

TEST(FunctionErrors, NameWhatWasExpected) {
  const Value x = placeholder({2}), stray = placeholder({3, 1});
  EXPECT_EQ(error_of([&] { Function({x}, {x + stray}); }),
            "[function] the graph depends on a placeholder f32[3,1] that is not among its inputs");
  EXPECT_EQ(error_of([&] { Function({x + 1.0}, {x}); }), "[function] an input is not a placeholder");
  EXPECT_EQ(error_of([&] { Function({x}, {x, Value()}); }), "[function] output 1 is an empty value");
  EXPECT_EQ(error_of([&] { Function()({}); }), "[function] is empty: it was made without a graph");
  const Function f({x}, {x * 2.0});
  EXPECT_EQ(error_of([&] { f({}); }), "[function] expected 1 inputs; received 0");
  EXPECT_EQ(error_of([&] { f({floats({3}, {1, 2, 3})}); }), "[function input 0] expected f32[2]; received f32[3]");
  EXPECT_EQ(error_of([&] {
              f({Tensor::from<std::int32_t>({2}, {1, 2})});
            }),
            "[function input 0] expected f32[2]; received i32[2]");
  EXPECT_EQ(error_of([&] { f({Tensor()}); }), "[function input 0] expected f32[2]; received an empty tensor");
  EXPECT_EQ(numbers(f({floats({2}, {1, 2})})[0]), (std::vector<float>{2, 4})) << "usable after an error";
}

TEST(FunctionErrors, AreThrownByKernelsAndLeaveTheFunctionUsable) {
  const Value labels = placeholder({2}, DType::i32), logits = placeholder({2, 3});
  const Function f({labels, logits}, {sparse_softmax_cross_entropy(labels, logits)});
  const Tensor scores = floats({2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_NE(error_of([&] { f({Tensor::from<std::int32_t>({2}, {0, 3}), scores}); }).find("3"), std::string::npos);
  EXPECT_NEAR(f({Tensor::from<std::int32_t>({2}, {0, 2}), scores})[0].at<float>(1), 0.40760596f, 1e-6);
}

TEST(MemoryLimit, IsRefusedBeforeAnythingRuns) {
  const Variable w("w", floats({}, {1}));
  const Value x = placeholder({256, 256});
  const Values outputs{sum(transpose(exp(x)))};
  const std::size_t needed = Function({x}, outputs).plan().peak_bytes();
  EXPECT_GE(needed, 2u * 256 * 256 * 4);
  const std::int64_t used = config::memory_in_use({}), limit = used + static_cast<std::int64_t>(needed) - 1;
  config::set_memory_limit("cpu:0", limit);
  const std::string error = error_of([&] { Function({x}, outputs, {{w, Value(w) + 1.0}}); });
  config::set_memory_limit("cpu:0", 0);
  EXPECT_NE(error.find("[cpu:0] a step needs "), std::string::npos) << error;
  EXPECT_NE(error.find(std::to_string(limit)), std::string::npos) << error;
  EXPECT_EQ(w.value().item<float>(), 1.0f);
  config::set_memory_limit("cpu:0", limit + (1 << 20));
  const std::string second = error_of([&] { Function({x}, outputs); });
  config::set_memory_limit("cpu:0", 0);
  EXPECT_EQ(second, "");
}

TEST(MemoryLimit, NamesTheBytesThatAStepNeeds) {
  const Value x = placeholder({256, 256});
  const Values outputs{sum(transpose(exp(x)))};
  const std::size_t needed = Function({x}, outputs).plan().peak_bytes();
  config::set_memory_limit("cpu:0", config::memory_in_use({}) + 1000);
  const std::string error = error_of([&] { Function({x}, outputs); });
  config::set_memory_limit("cpu:0", 0);
  EXPECT_NE(error.find("a step needs " + std::to_string(needed) + " bytes"), std::string::npos) << error;
}

TEST(Devices, AFunctionRunsOnTheDeviceOfItsScope) {
  const DeviceScope scope("cpu:1");
  const Variable w("w", floats({2}, {1, 2}));
  const Value x = placeholder({2});
  const Function f({x}, {x * w + 1.0}, {{w, Value(w) + x}});
  const Tensor y = f({floats({2}, {3, 4})})[0];
  EXPECT_EQ(to_string(y.device()), "cpu:1");
  EXPECT_EQ(numbers(y), (std::vector<float>{4, 9}));
  EXPECT_EQ(numbers(w.value()), (std::vector<float>{4, 6}));
  for (const Tensor& c : f.plan().constants()) EXPECT_EQ(to_string(c.device()), "cpu:1");
}

TEST(Devices, AVariableElsewhereIsAnErrorThatNamesBoth) {
  const Variable w("w", floats({2}, {1, 2}));
  const Value x = placeholder({2});
  const DeviceScope scope("cpu:1");
  const std::string error = error_of([&] { Function({x}, {x * w}); });
  EXPECT_NE(error.find("[variable 'w'] lies on cpu:0, but the step was to run on cpu:1"), std::string::npos) << error;
}

TEST(Devices, EachHasItsOwnMemoryLimit) {
  const Value x = placeholder({256, 256});
  const Values outputs{sum(transpose(exp(x)))};
  config::set_memory_limit("cpu:3", 1000);
  EXPECT_EQ(error_of([&] { Function({x}, outputs); }), "");
  const std::string error = error_of([&] { Function({x}, outputs, {}, {.device = device_from_string("cpu:3")}); });
  config::set_memory_limit("cpu:3", 0);
  EXPECT_NE(error.find("[cpu:3] a step needs "), std::string::npos) << error;
}

TEST(Devices, PlansThatShareArenasKeepThoseOfEachDevice) {
  const Value x = placeholder({64, 64});
  const Values outputs{sum(transpose(exp(x)))};
  const auto arenas = std::make_shared<ArenaPool>();
  const Device other = device_from_string("cpu:4");
  const Function here({x}, outputs, {}, {}, arenas), there({x}, outputs, {}, {.device = other}, arenas);
  const Tensor ones = floats({64, 64}, std::vector<float>(64 * 64, 1));
  const std::int64_t before = config::memory_in_use(other);
  here({ones});
  EXPECT_EQ(config::memory_in_use(other), before);
  there({ones});
  const std::int64_t arena = config::memory_in_use(other) - before;
  EXPECT_GE(arena, static_cast<std::int64_t>(there.plan().arena_bytes()));
  here({ones});
  there({ones});
  EXPECT_EQ(config::memory_in_use(other) - before, arena);
}

TEST(CheckNumerics, NamesTheFirstOpAndItsLayer) {
  const Value x = placeholder({3});
  const auto model = [&] {
    const Value inner = in_layer("block", [&] { return in_layer("root", [&] { return sqrt(x) * 2.0; }); });
    return in_layer("head", [&] { return exp(inner) + 1.0; });
  };
  debugging::enable_check_numerics();
  const Function checked({x}, {model()}, {}, default_plan_options());
  debugging::enable_check_numerics(false);
  EXPECT_EQ(numbers(checked({floats({3}, {0, 0, 0})})[0]), (std::vector<float>{2, 2, 2}));
  const std::string error = error_of([&] { checked({floats({3}, {1, -1, 4})}); });
  EXPECT_NE(error.find("[sqrt 'block/root'] produced NaN or infinity"), std::string::npos) << error;
  EXPECT_NE(error.find("element 1"), std::string::npos) << error;
  EXPECT_NE(error_of([&] { checked({floats({3}, {1, 1, 1e9f})}); }).find("[exp 'head']"), std::string::npos);
  EXPECT_NE(error_of([&] { checked({floats({3}, {1, NAN, 1})}); }).find("input 0 of the step"), std::string::npos);
  const Function unchecked({x}, {model()});
  EXPECT_TRUE(std::isnan(unchecked({floats({3}, {1, -1, 4})})[0].at<float>(1)));
}

TEST(CheckNumerics, SaysThatAGradientIsOne) {
  const Value x = placeholder({2});
  const Value loss = in_layer("layer", [&] { return sum(sqrt(x)); });
  const Function f({x}, {gradients(loss, {x})[0]}, {}, {.fuse = false, .check_numerics = true});
  const std::string error = error_of([&] { f({floats({2}, {1, 0})}); });
  EXPECT_NE(error.find("'layer' (gradient)"), std::string::npos) << error;
}

/// A plan with layers, variables, constants, a view, an in-place update.
Function small_step() {
  const Value x = placeholder({4, 3});
  const Variable w("w", counted({3, 2}));
  const Value loss = in_layer("dense_7", [&] { return mean(square(matmul(x, w) + constant(floats({2}, {1, 2})))); });
  return Function({x}, {loss}, {{w, w - gradients(loss, {w})[0] * 0.1}});
}

TEST(Dump, NamesOpsLayersShapesAndBytes) {
  const Function f = small_step();
  const std::string text = f.plan().dump();
  for (const char* part :
       {"matmul", "dense_7", "(gradient)", "f32[4,3] input 0", "f32[3,2]", " w", "mean", "arena ", "bytes", "output 0"})
    EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
  EXPECT_EQ(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')), f.plan().steps().size() + 1);
  EXPECT_NE(text.find("arena " + std::to_string(f.plan().arena_bytes()) + " bytes"), std::string::npos);
}

TEST(Dump, GraphvizIsWellFormed) {
  const Function f = small_step();
  const std::string text = f.plan().dump_graphviz();
  EXPECT_EQ(text.rfind("digraph plan {", 0), 0u);
  EXPECT_EQ(std::count(text.begin(), text.end(), '{'), std::count(text.begin(), text.end(), '}'));
  EXPECT_EQ(std::count(text.begin(), text.end(), '['), std::count(text.begin(), text.end(), ']'));
  EXPECT_EQ(std::count(text.begin(), text.end(), '"') % 2, 0);
  EXPECT_NE(text.find("dense_7"), std::string::npos);
  EXPECT_NE(text.find("f32[4,3]"), std::string::npos);
  for (std::size_t s = 0; s < f.plan().steps().size(); ++s)
    EXPECT_NE(text.find("  s" + std::to_string(s) + " [label=\""), std::string::npos);
}

}  // namespace
}  // namespace strata
