// The numbers of steps whose exchanges go on beside kernels: those of steps that make them in turn, bit for bit, and
// nobody else works in the memory of an exchange until it is over.
#include <atomic>
#include <cstring>
#include <random>
#include <span>
#include <thread>

#include "core/compile/bucket_reductions.h"
#include "core/compile/scatter_gather.h"
#include "core/graph/gradients.h"
#include "core/ops/all_reduce.h"
#include "tests/core/compile/compile_testing.h"
#include "tests/distributed/process_threads.h"
#include "tests/distributed/replica_threads.h"

namespace strata {
namespace {
using namespace testing;

Value deferred(const Value& x) { return apply(AllReduce{true}, x); }

/// Passes calls on late, after it has looked whether anybody else touches their memory meanwhile.
class Suspicious final : public Communicator {
 public:
  explicit Suspicious(std::shared_ptr<Communicator> inner) : inner_(std::move(inner)) {}
  std::atomic<int> touched{0};

  int rank() const override { return inner_->rank(); }
  int size() const override { return inner_->size(); }
  void all_reduce(Reduction r, DType t, const void* in, void* out, std::size_t count) override {
    watched({in, count * size_of(t)}, {out, count * size_of(t)}, [&] { inner_->all_reduce(r, t, in, out, count); });
  }
  void reduce_scatter(Reduction r, DType t, const void* in, void* out, std::size_t count) override {
    const std::size_t bytes = count * size_of(t);
    watched({in, bytes * static_cast<std::size_t>(size())}, {out, bytes},
            [&] { inner_->reduce_scatter(r, t, in, out, count); });
  }
  void all_gather(DType t, const void* in, void* out, std::size_t count) override {
    const std::size_t bytes = count * size_of(t);
    watched({in, bytes}, {out, bytes * static_cast<std::size_t>(size())},
            [&] { inner_->all_gather(t, in, out, count); });
  }
  void broadcast(DType t, void* data, std::size_t count, int root) override { inner_->broadcast(t, data, count, root); }
  void barrier() override { inner_->barrier(); }
  void abort(const std::string& reason) override { inner_->abort(reason); }
  void begin_step(std::int64_t number) override { inner_->begin_step(number); }

 private:
  struct Read {
    const void* data;
    std::size_t bytes;
  };
  struct Written {
    void* data;
    std::size_t bytes;
  };
  template <class Call>
  void watched(const Read& in, const Written& out, Call&& call) {
    if (out.data != in.data) std::memset(out.data, 0x7b, out.bytes);  // from now on it may be written
    const auto copy = [](const void* data, std::size_t bytes) {
      const auto* b = static_cast<const unsigned char*>(data);
      return std::vector<unsigned char>(b, b + bytes);
    };
    const auto read = copy(in.data, in.bytes), written = copy(out.data, out.bytes);
    std::this_thread::sleep_for(std::chrono::microseconds(500));
    if (copy(in.data, in.bytes) != read || copy(out.data, out.bytes) != written) ++touched;
    call();
  }
  std::shared_ptr<Communicator> inner_;
};

/// A random step with sums over two replicas: of what others need, too, of variables, of sums; scattered and gathered.
class RandomExchanges {
 public:
  explicit RandomExchanges(unsigned seed) : random_(seed) {
    for (const char* name : {"a", "b", "c", "gathered"}) variables.emplace_back(name, counted(shape, 0.1f, 1e-5f));
    pool_ = {x, Value(variables[0]), Value(variables[1]), constant(counted(shape, -0.2f, 2e-5f))};
    const std::size_t count = 6 + random_() % 14;
    for (std::size_t i = 0; i < count; ++i) grow();
    for (std::size_t i = random_() % 3; i > 0; --i) graph.outputs.push_back(pick());
    for (const Variable& v : std::span(variables).first(3))
      if (random_() % 5 != 0) graph.updates.push_back({v, Value(v) * 0.5 + pick() * 0.1});
    if (!parts_.empty()) graph.updates.push_back({variables[3], gather(parts_[random_() % parts_.size()])});
    graph = bucket_reductions(graph, {.first = std::size_t{1} << 16, .others = std::size_t{1} << 17});
  }

  static constexpr std::int64_t side = 96;
  const Shape shape{side, side};
  Value x = placeholder({side, side});
  std::vector<Variable> variables;
  Graph graph;

 private:
  Value pick() { return pool_[pool_.size() - 1 - random_() % std::min<std::size_t>(7, pool_.size())]; }
  static Value side_by_side(const Value& v) { return Node::make(SideBySide{{0}, v.type()}, {v})->output(); }
  Value gather(const Value& half) const {
    return reshape(Node::make(AllGather{2}, {side_by_side(half * 0.5)})->output(), shape);
  }
  void grow() {
    const Value v = pick(), w = pick();
    switch (random_() % 9) {
      case 0:
        return pool_.push_back(tanh(v));
      case 1:
        return pool_.push_back(v * 0.5 + w * 0.25);
      case 2:
        return pool_.push_back(reshape(reshape(v, {side * side}), shape));
      case 3:
      case 4:
        return pool_.push_back(tanh(matmul(v, w)) * 0.1);
      case 5:
        return parts_.push_back(Node::make(ReduceScatter{2}, {side_by_side(reshape(v, {side * side}))})->output());
      case 6:
        return pool_.push_back(apply(AllReduce{}, v) * 0.5);
      default:
        return pool_.push_back(deferred(v) * 0.5);
    }
  }

  std::mt19937 random_;
  Values pool_, parts_;
};

/// What two replicas compute: threads of one process, or such as are processes to each other.
struct OnTwo {
  PlanOptions options;
  bool by_tcp = false;
  std::size_t beside = 0;  ///< exchanges that went on beside kernels
  std::vector<std::vector<float>> results[2] = {};

  /// `work(rank, compile)` hands back numbers of a replica; `compile(inputs, graph)` makes a step.
  template <class Work>
  void run(const Work& work) {
    std::atomic<std::size_t> touched{0}, going_on{0};
    const auto part = [&](std::shared_ptr<Communicator> others) {
      const auto communicator = std::make_shared<Suspicious>(std::move(others));
      results[communicator->rank()] = work(communicator->rank(), [&](const Values& inputs, const Graph& graph) {
        PlanOptions own = options;
        own.communicator = communicator;
        own.threads = std::make_shared<ThreadPool>(1);
        auto plan = Plan::compile(inputs, graph, own);
        for (const PlanStep& s : plan->steps()) going_on += s.ends_at ? 1 : 0;
        return std::make_unique<Executable>(std::move(plan), std::make_shared<ArenaPool>());
      });
      touched += static_cast<std::size_t>(communicator->touched);
    };
    auto group = group_of(2);
    const auto errors = by_tcp ? as_processes(2, [&](distribute::ProcessGroup& g) { part(g.communicator()); })
                               : on_all(group, [&](Communicator& c) { part(group.communicator(c.rank())); });
    for (const std::string& e : errors) EXPECT_EQ(e, "");
    EXPECT_EQ(touched, 0u) << "exchanges in whose memory somebody else worked";
    beside = going_on;
  }
};

std::vector<std::vector<float>> numbers_of(const Tensors& tensors) {
  std::vector<std::vector<float>> all;
  for (const Tensor& t : tensors) all.push_back(numbers(t));
  return all;
}

void expect_same_bits(const OnTwo& a, const OnTwo& b) {
  for (int r = 0; r < 2; ++r) {
    ASSERT_EQ(a.results[r].size(), b.results[r].size());
    for (std::size_t i = 0; i < a.results[r].size(); ++i) {
      const auto &x = a.results[r][i], &y = b.results[r][i];
      ASSERT_EQ(x.size(), y.size());
      EXPECT_EQ(std::memcmp(x.data(), y.data(), x.size() * sizeof(float)), 0) << "result " << i << " of replica " << r;
    }
  }
}

TEST(OverlapNumbers, OfRandomSteps) {
  std::size_t beside = 0;
  for (unsigned seed = 0; seed < 16; ++seed)
    for (const bool fuse : {true, false}) {
      SCOPED_TRACE(std::to_string(seed) + (fuse ? ", fused" : ""));
      const auto three_steps = [&](int rank, const auto& compile) {
        const RandomExchanges random(seed);
        const auto step = compile({random.x}, random.graph);
        Tensors all;
        for (int run = 0; run < 3; ++run)
          for (Tensor& t : step->run({counted(random.shape, 0.3f * static_cast<float>(rank + run), 1e-5f)}))
            all.push_back(std::move(t));
        for (const Variable& v : random.variables) all.push_back(v.value());
        return numbers_of(all);
      };
      OnTwo in_turn{{.fuse = fuse, .reuse_memory = false, .overlap = false}}, at_once{{.fuse = fuse}};
      in_turn.run(three_steps);
      at_once.run(three_steps);
      EXPECT_EQ(in_turn.beside, 0u);
      expect_same_bits(at_once, in_turn);
      beside += at_once.beside;
    }
  EXPECT_GT(beside, 30u) << "not much was tested";
}

/// Numbers around zero.
Tensor noise(const Shape& shape, unsigned seed, float scale) {
  std::mt19937 random(seed);
  Tensor t(DType::f32, shape);
  for (float& x : t.mutable_data<float>()) x = scale * (static_cast<float>(random() % 2001) / 1000 - 1);
  return t;
}

/// The training step of a small CNN, with momentum, and its variables.
struct Cnn {
  Cnn() {
    const Value features = reshape(relu(conv2d(relu(conv2d(x, w[0])), w[1])), {batch, -1});
    const Value error = matmul(relu(matmul(features, w[2])), w[3]) - y;
    const Values g = gradients(mean(error * error), {w[0], w[1], w[2], w[3]});
    graph.outputs = {mean(error * error)};
    for (std::size_t i = 0; i < w.size(); ++i) {
      const Value m = Value(moments[i]) * 0.9 + deferred(g[i]) * 0.5;
      graph.updates.push_back({moments[i], m});
      graph.updates.push_back({w[i], Value(w[i]) - m * 0.05});
    }
    graph = bucket_reductions(graph, {.first = 1 << 10, .others = 1 << 12});
  }

  static constexpr std::int64_t batch = 8;
  Value x = placeholder({batch, 20, 20, 4}), y = placeholder({batch, 10});
  std::vector<Variable> w{{"w0", noise({3, 3, 4, 16}, 1, 0.3f)},
                          {"w1", noise({3, 3, 16, 8}, 2, 0.1f)},
                          {"w2", noise({16 * 16 * 8, 32}, 3, 0.05f)},
                          {"w3", noise({32, 10}, 4, 0.2f)}};
  std::vector<Variable> moments{{"m0", zeros({3, 3, 4, 16})},
                                {"m1", zeros({3, 3, 16, 8})},
                                {"m2", zeros({16 * 16 * 8, 32})},
                                {"m3", zeros({32, 10})}};
  Graph graph;
};

TEST(OverlapNumbers, OfACnnInSmallBuckets) {
  const auto train = [](int rank, const auto& compile) {
    const Cnn cnn;
    const auto step = compile({cnn.x, cnn.y}, cnn.graph);
    Tensors all;
    for (int s = 0; s < 6; ++s) {
      const auto seed = static_cast<unsigned>(10 * s + rank);
      all.push_back(step->run({noise({Cnn::batch, 20, 20, 4}, seed, 1), noise({Cnn::batch, 10}, seed + 5, 1)})[0]);
    }
    for (const auto* variables : {&cnn.w, &cnn.moments})
      for (const Variable& v : *variables) all.push_back(v.value());
    return numbers_of(all);
  };
  OnTwo in_turn{{.overlap = false}}, at_once{{}}, among_processes{{}, true};
  in_turn.run(train);
  for (OnTwo* two : {&at_once, &among_processes}) {
    two->run(train);
    EXPECT_GE(two->beside, 2u * 2u) << "buckets of each replica";
    expect_same_bits(*two, in_turn);
  }
  const auto &first = at_once.results[0], &second = at_once.results[1];
  for (std::size_t i = 6; i < first.size(); ++i) EXPECT_EQ(first[i], second[i]) << "variable " << i - 6;
  EXPECT_NE(first[6], numbers(Cnn().w[0].value())) << "it has learned something";
}

}  // namespace
}  // namespace strata
