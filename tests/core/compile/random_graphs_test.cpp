// Random graphs with views, several outputs, reductions and updates of variables: every way of compiling one gives,
// bit for bit, what the op's kernels give one by one.
#include <cstring>
#include <map>

#include "tests/core/compile/random_step.h"

namespace strata {
namespace {
using namespace testing;

Tensors evaluate(const Values& values, const Value& x, const Tensor& given) {
  std::map<const Node*, Tensors> done;
  for (const NodePtr& node : topological_order(values)) {
    Tensors inputs;
    for (const Value& v : node->inputs())
      inputs.push_back(done.at(v.node().get())[static_cast<std::size_t>(v.index())]);
    if (const auto* c = node->op().as<Constant>())
      done[node.get()] = {c->tensor};
    else if (const auto* read = node->op().as<ReadVariable>())
      done[node.get()] = {read->variable.value().clone()};
    else
      done[node.get()] = node == x.node() ? Tensors{given} : apply_all(node->op(), inputs);
  }
  Tensors out;
  for (const Value& v : values) out.push_back(done.at(v.node().get())[static_cast<std::size_t>(v.index())]);
  return out;
}

bool identical(const Tensor& a, const Tensor& b) {
  return a.type() == b.type() && std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
}

TEST(RandomGraphs, EveryWayOfCompilingGivesTheSame) {
  const Tensor given = counted({6, 8}, -0.9f, 0.03f);
  for (unsigned seed = 0; seed < 400 && !::testing::Test::HasFailure(); ++seed)
    for (int mode = 0; mode < 4; ++mode) {
      const RandomStep step(seed);
      Values all = step.outputs;
      for (const Update& u : step.updates) all.push_back(u.value);
      const Tensors expected = evaluate(all, step.x, given);
      const Function f({step.x}, step.outputs, step.updates,
                       {.fuse = (mode & 1) != 0, .reuse_memory = (mode & 2) != 0});
      const Tensors got = f({given});
      for (std::size_t i = 0; i < got.size(); ++i)
        EXPECT_TRUE(identical(got[i], expected[i])) << "seed " << seed << " mode " << mode << " output " << i << "\n"
                                                    << f.plan().dump();
      for (std::size_t u = 0; u < step.updates.size(); ++u)
        EXPECT_TRUE(identical(step.updates[u].variable.value(), expected[got.size() + u]))
            << "seed " << seed << " mode " << mode << " update " << u << "\n"
            << f.plan().dump();
    }
}

}  // namespace
}  // namespace strata
