#include <atomic>
#include <thread>

#include "core/ops/matmul.h"
#include "tests/core/compile/compile_testing.h"

namespace strata {
namespace {
using namespace testing;

TEST(Concurrency, EightThreadsCallOneFunction) {
  const Value x = placeholder({16, 32});
  const Variable w("w", counted({32, 32}, -0.5f, 0.001f)), b("b", counted({32}, -1, 0.1f));
  const Value h = relu(matmul(x, w) + b);
  const Function f({x}, {softmax(matmul(tanh(h), w)), sum(h, {1})});
  const auto input = [](int i) { return counted({16, 32}, static_cast<float>(i), -0.01f); };
  std::vector<Tensors> alone;
  for (int i = 0; i < 8; ++i) alone.push_back(f({input(i)}));
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&, i] {
      for (int round = 0; round < 25; ++round) {
        const Tensors out = f({input(i)});
        for (std::size_t k = 0; k < out.size(); ++k)
          if (numbers(out[k]) != numbers(alone[static_cast<std::size_t>(i)][k])) ++wrong;
      }
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Concurrency, FunctionsOfOneArenaPool) {
  const auto arenas = std::make_shared<ArenaPool>();
  std::vector<Function> functions;
  for (const std::int64_t n : {100, 1000, 10}) {
    const Value x = placeholder({n});
    functions.emplace_back(Values{x}, Values{sum(transpose(exp(x) + 1.0))}, Updates{}, PlanOptions{.fuse = false},
                           arenas);
  }
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      for (int round = 0; round < 30; ++round) {
        const Function& f = functions[static_cast<std::size_t>((i + round) % 3)];
        const std::int64_t n = f.plan().input_types()[0].shape[0];
        if (f({Tensor::from({n}, std::vector<float>(static_cast<std::size_t>(n), 0))})[0].item<float>() !=
            2.0f * static_cast<float>(n))
          ++wrong;
      }
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Concurrency, GraphsAreBuiltAndCompiledInThreadsOfTheirOwn) {
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&wrong, i] {
      for (int round = 0; round < 10; ++round) {
        const Variable w("w", floats({2}, {1, 2}));
        const Value x = placeholder({2});
        const Value y = in_layer("layer" + std::to_string(i), [&] { return sum(x * w); });
        const Function step({x}, {y}, {{w, w - gradients(y, {w})[0]}});
        if (step({floats({2}, {3, 4})})[0].item<float>() != 11.0f || w.value().at<float>(0) != -2.0f) ++wrong;
        if (step.plan().steps()[0].layer != "layer" + std::to_string(i)) ++wrong;
      }
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace strata
