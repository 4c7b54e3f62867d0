#include "core/graph/node.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "core/graph/context.h"
#include "core/graph/flat_release.h"
#include "core/graph/variable.h"

namespace strata {

namespace {
std::uint64_t next_order() {
  static std::atomic<std::uint64_t> counter{0};
  return counter.fetch_add(1);
}

std::string located(std::string_view op, const Origin& origin) {
  std::string text(op);
  if (!origin.layer.empty()) text.append(" '").append(origin.layer).append("'");
  if (origin.gradient) text.append(" (gradient)");
  return text;
}
}  // namespace

Op::Model::~Model() = default;

Values Op::vjp(const Node& node, std::span<const Value> g) const { return impl_->vjp(node, g); }

Values no_gradient() { return {}; }

void Buffers::check(const Types& types, std::size_t i, DType wanted) {
  if (i >= types.size() || types[i].dtype != wanted)
    fail_expected("buffers", i < types.size() ? to_string(types[i]) : "fewer than " + std::to_string(i + 1) + " buffers",
                  "a request for " + std::string(to_string(wanted)));
}

Node::Node(Op op, Values inputs, Origin origin, std::uint64_t order)
    : op_(std::move(op)), inputs_(std::move(inputs)), origin_(std::move(origin)), order_(order) {
  Types in;
  in.reserve(inputs_.size());
  for (const Value& v : inputs_) {
    if (!v) throw Error(label(), "an input is an empty value");
    in.push_back(v.type());
  }
  try {
    types_ = op_.infer(in);
  } catch (const Error& e) {
    if (e.where() != op_.name()) throw;
    throw Error(label(), e.message());
  }
}

NodePtr Node::make(Op op, Values inputs) {
  return NodePtr(new Node(std::move(op), std::move(inputs), current_origin(), next_order()), FlatRelease<Node>());
}

NodePtr Node::make_like(const Node& like, Op op, Values inputs) {
  return NodePtr(new Node(std::move(op), std::move(inputs), like.origin_, like.order_), FlatRelease<Node>());
}

std::string Node::label() const { return located(op_.name(), origin_); }

bool operator==(const Constant& a, const Constant& b) {
  constexpr std::size_t small = 64;
  if (a.tensor.raw() == b.tensor.raw()) return a.tensor.type() == b.tensor.type();
  return a.tensor.type() == b.tensor.type() && a.tensor.bytes() <= small &&
         std::memcmp(a.tensor.raw(), b.tensor.raw(), a.tensor.bytes()) == 0;
}

bool is_leaf(const Node& node) {
  return node.op().as<Placeholder>() != nullptr || node.op().as<Constant>() != nullptr ||
         node.op().as<ReadVariable>() != nullptr;
}

Value placeholder(const Shape& shape, DType dtype) {
  if (shape.has_open_dim()) fail_expected("placeholder", "a concrete shape", to_string(shape));
  return Node::make(Placeholder{{dtype, shape}}, {})->output();
}

Value constant(const Tensor& tensor) {
  if (!tensor.defined()) throw Error("constant", "expected a tensor; received an empty one");
  return Node::make(Constant{tensor.on_host()}, {})->output();  // passes look at constants; a plan has them where it runs
}

Value constant(double number, DType dtype) {
  Tensor t(dtype, {}, Device{});
  dispatch(dtype, [&]<class T>() {
    if constexpr (std::same_as<T, Half>)
      t.mutable_data<T>()[0] = to_half(static_cast<float>(number));
    else if constexpr (std::same_as<T, BFloat16>)
      t.mutable_data<T>()[0] = to_bfloat16(static_cast<float>(number));
    else
      t.mutable_data<T>()[0] = static_cast<T>(number);
  });
  return constant(t);
}

}  // namespace strata
