// Variables within a step: what is read before, what is written after, and where.
#include "tests/core/compile/compile_testing.h"

namespace strata {
namespace {
using namespace testing;

bool writes_in_place(const PlanStep& step) {
  return std::any_of(step.out.begin(), step.out.end(),
                     [](const Place& p) { return p.kind == Place::Kind::variable; }) &&
         step.op != "commit";
}

TEST(Updates, AreCommittedAfterTheStep) {
  const Variable w("w", floats({3}, {1, 2, 3}));
  const Value x = placeholder({3});
  const Function step({x}, {x * w}, {{w, w + 10.0}});
  EXPECT_EQ(numbers(step({floats({3}, {1, 1, 2})})[0]), (std::vector<float>{1, 2, 6}));
  EXPECT_EQ(numbers(w.value()), (std::vector<float>{11, 12, 13}));
  EXPECT_EQ(numbers(step({floats({3}, {1, 1, 2})})[0]), (std::vector<float>{11, 12, 26}));
}

TEST(Updates, ReadersOfTheOldValueRunBeforeAWriteInPlace) {
  for (const bool reuse : {false, true}) {
    const Variable w("w", counted({64}));
    const Value x = placeholder({64}), old = w;
    const Value updated = subtract(old, x);    // made before the other reader, and could write over w
    const Value total = sum(square(old) * x);  // wants the old numbers
    const Function step({x}, {total}, {{w, updated}}, {.fuse = false, .reuse_memory = reuse});
    const Tensor ones = floats({64}, std::vector<float>(64, 1));
    EXPECT_EQ(step({ones})[0].item<float>(), 63.0f * 64 * 127 / 6);
    EXPECT_EQ(w.value().at<float>(5), 4.0f);
    const auto& steps = step.plan().steps();
    EXPECT_EQ(std::any_of(steps.begin(), steps.end(), writes_in_place), reuse) << step.plan().dump();
    EXPECT_EQ(step.plan().dump().find("commit") == std::string::npos, reuse);
  }
}

TEST(Updates, ReadersThroughAViewCount) {
  const Variable w("w", counted({6}));
  const Value old = w, updated = old + 1.0, seen = sum(reshape(old, {2, 3}), {1});
  const Function step({}, {seen}, {{w, updated}}, {.fuse = false});
  EXPECT_EQ(numbers(step({})[0]), (std::vector<float>{3, 12}));
  EXPECT_EQ(numbers(w.value()), (std::vector<float>{1, 2, 3, 4, 5, 6}));
}

TEST(Updates, AViewBesideTheVariableInOneKernel) {
  // The fused kernel reads w and, through two views, w again after it has written w + 1.
  const Variable w("w", counted({16}));
  const Value old = w, more = old + 1.0;
  const Value both = more * 2.0 + reshape(reshape(old, {4, 4}), {16});
  const Function step({}, {sum(reshape(both, {4, 4}), {0})}, {{w, more}});
  EXPECT_EQ(step({})[0].at<float>(1), 4 * 2 + 3 * (1.0f + 5 + 9 + 13)) << step.plan().dump();
  EXPECT_EQ(w.value().at<float>(5), 6.0f);
}

TEST(Updates, TwoVariablesSwap) {
  const Variable a("a", floats({2}, {1, 2})), b("b", floats({2}, {3, 4}));
  const Function swap({}, {}, {{a, b}, {b, a}});
  swap({});
  EXPECT_EQ(numbers(a.value()), (std::vector<float>{3, 4}));
  EXPECT_EQ(numbers(b.value()), (std::vector<float>{1, 2}));
  // The same with arithmetic, where each update would like to work in place.
  const Function mix({}, {}, {{a, Value(a) - b}, {b, Value(b) + a}});
  mix({});
  EXPECT_EQ(numbers(a.value()), (std::vector<float>{2, 2}));
  EXPECT_EQ(numbers(b.value()), (std::vector<float>{4, 6}));
}

TEST(Updates, AVariableThatIsOutputAndUpdated) {
  const Variable w("w", floats({2}, {1, 2}));
  const Value old = w, next = old * 2.0;
  const Function step({}, {old, next}, {{w, next}});
  const Tensors first = step({});
  EXPECT_EQ(numbers(first[0]), (std::vector<float>{1, 2}));
  EXPECT_EQ(numbers(first[1]), (std::vector<float>{2, 4}));
  EXPECT_EQ(numbers(w.value()), (std::vector<float>{2, 4}));
}

TEST(Updates, OneResultIntoTwoVariables) {
  const Variable a("a", floats({2}, {1, 2})), b("b", floats({2}, {0, 0}));
  const Value next = Value(a) + 1.0;
  const Function step({}, {next * 10.0}, {{a, next}, {b, next}});
  EXPECT_EQ(numbers(step({})[0]), (std::vector<float>{20, 30}));
  EXPECT_EQ(numbers(a.value()), (std::vector<float>{2, 3}));
  EXPECT_EQ(numbers(b.value()), (std::vector<float>{2, 3}));
}

TEST(Updates, OfTheWrongTypeAreAnError) {
  const Variable w("w", floats({2}, {1, 2}));
  EXPECT_EQ(error_of([&] {
              Function({}, {}, {{w, constant(floats({3}, {1, 2, 3}))}});
            }),
            "[update of 'w'] expected f32[2]; received f32[3]");
  EXPECT_EQ(error_of([&] { Function({}, {}, {{w, Value()}}); }), "[update of 'w'] is an empty value");
}

TEST(Versions, ForwardReadsSeeTheValueBeforeTheStep) {
  const Variable mean("mean", floats({1}, {10}));
  const Value x = placeholder({1});
  const auto layer = [&](const Value& in) {
    return in_layer("norm", [&] {
      add_update(mean, pending(mean) * 0.5 + in);
      return in - mean;
    });
  };
  const Function step({x}, {layer(layer(x))});
  // Both calls subtract 10. Their updates chain: 10 / 2 + 4 = 9, then 9 / 2 + (4 - 10) = -1.5.
  EXPECT_EQ(numbers(step({floats({1}, {4})})[0]), (std::vector<float>{-16}));
  EXPECT_EQ(numbers(mean.value()), (std::vector<float>{-1.5}));
}

TEST(Versions, AnUpdateMadeBeforeALayersOwnSeesIt) {
  const Variable v("v", floats({1}, {1}));
  const Value after = pending(v) * 10.0;  // made first; updates that are given come after those of layers
  const Value y = in_layer("layer", [&] {
    add_update(v, pending(v) + 1.0);
    return constant(floats({1}, {0}));
  });
  const Function step({}, {y}, {{v, after}});
  step({});
  EXPECT_EQ(numbers(v.value()), (std::vector<float>{20}));
}

TEST(Versions, PendingWithoutAnEarlierUpdateIsTheVariable) {
  const Variable v("v", floats({1}, {3}));
  const Function step({}, {}, {{v, pending(v) + v}});
  step({});
  EXPECT_EQ(numbers(v.value()), (std::vector<float>{6}));
}

TEST(Effects, OfALayerCountOnce) {
  const Variable count("count", floats({}, {0}));
  const Value x = placeholder({2});
  const Value shared = in_layer("counter", [&] {
    add_update(count, pending(count) + 1.0);
    add_loss(sum(x));
    return x * 2.0;
  });
  const Value y = shared + 1.0, z = shared * 3.0;  // two ways to one call
  const Function step({x}, {y, z});
  step({floats({2}, {1, 2})});
  EXPECT_EQ(count.value().item<float>(), 1.0f);
  EXPECT_EQ(collect_effects({y, z}).losses.size(), 1u);
  EXPECT_EQ(collect_effects({x * 2.0}).updates.size(), 0u);
}

TEST(Effects, OfEachCallCount) {
  const Variable count("count", floats({}, {0}));
  const int regularized = 0;
  const auto layer = [&](const Value& in) {
    return in_layer("counter", [&] {
      add_update(count, pending(count) + 1.0);
      add_loss(sum(in));
      add_loss(sum(in * in), &regularized);  // of the layer, not of the call
      return in * 2.0;
    });
  };
  const Value x = placeholder({2});
  const Value y = layer(layer(x));
  Function({x}, {y})({floats({2}, {1, 2})});
  EXPECT_EQ(count.value().item<float>(), 2.0f);
  EXPECT_EQ(collect_effects({y}).losses.size(), 3u);
}

TEST(Effects, HangOnWhatOnlyAnUpdateUses) {
  const Variable outer("outer", floats({}, {0})), inner("inner", floats({}, {0}));
  const Value x = placeholder({});
  const Value hidden = in_layer("inner", [&] {
    add_update(inner, x);
    return x * 2.0;
  });
  const Value y = in_layer("outer", [&] {
    add_update(outer, hidden);
    return x + 1.0;
  });
  Function({x}, {y})({Tensor::scalar(3.0f)});
  EXPECT_EQ(outer.value().item<float>(), 6.0f);
  EXPECT_EQ(inner.value().item<float>(), 3.0f);
}

}  // namespace
}  // namespace strata
