#include "core/graph/apply.h"

#include <algorithm>

#include "core/graph/names.h"
#include "core/graph/op_layer.h"
#include "core/graph/tile_loops.h"
#include "core/kernels/elementwise_functions.h"

namespace strata {

namespace {
thread_local bool serial = false;

/// Where the tensors lie; current_device() when there are none.
Device common_device(const Op& op, const Tensors& inputs) {
  for (const Tensor& t : inputs) {
    if (!t.defined()) throw Error(op.name(), "an input is an empty tensor");
    if (t.device() != inputs[0].device())
      throw Error(op.name(), "expected tensors on one device; received " + to_string(inputs[0].type()) + " on " +
                                 to_string(inputs[0].device()) + " and " + to_string(t.type()) + " on " +
                                 to_string(t.device()) + ": to() moves one of them");
  }
  return inputs.empty() ? current_device() : inputs[0].device();
}

/// The addresses of one call's arguments, with outputs made for it.
struct Call {
  Call(const Signature& s, const Tensors& inputs, Device device) {
    for (const Tensor& t : inputs) in.push_back(t.raw());
    for (const Type& t : s.outputs) {
      outputs.emplace_back(t.dtype, t.shape, device);
      out.push_back(outputs.back().mutable_raw());
    }
  }
  std::vector<const void*> in;
  std::vector<void*> out;
  Tensors outputs;
};

Tensors run_on_processor(const Op& op, const Signature& signature, const Tensors& inputs, Device device) {
  const std::shared_ptr<ThreadPool> pool = serial ? nullptr : ThreadPool::shared();
  Cpu cpu = pool ? Cpu(*pool) : Cpu();
  const Kernel kernel = op.prepare(CpuTarget{cpu.threads()}, signature);
  if (kernel.view) return {inputs[0].with_shape(signature.outputs[0].shape)};
  Call call(signature, inputs, device);
  const auto scratch = Storage::allocate(device, kernel.scratch_bytes);
  const FlushDenormals flush;
  kernel.run(cpu, Buffers(signature, call.in.data(), call.out.data(), scratch->data()));
  return call.outputs;
}

/// Kernels of a GPU want arrays at 16 bytes' alignment, which rows() may not give.
Tensors aligned(Tensors inputs) {
  for (Tensor& t : inputs)
    if (reinterpret_cast<std::uintptr_t>(t.raw()) % 16 != 0) t = t.clone();
  return inputs;
}

/// Enqueued, not waited for. An op without a kernel for the GPU runs on the processor.
Tensors run_on_gpu(const Op& op, const Signature& signature, const Tensors& given, Device device) {
  Cuda& gpu = Cuda::of(device.index);
  const Cuda::Use use(gpu);
  const Tensors inputs = aligned(given);
  const auto kernel = op.prepare(gpu.target(), signature);
  if (!kernel) {
    if (op.prepare(CpuTarget{}, signature).view) return {inputs[0].with_shape(signature.outputs[0].shape)};
    Tensors here, results;
    for (const Tensor& t : inputs) here.push_back(t.on_host());
    for (const Tensor& t : run_on_processor(op, signature, here, Device{})) results.push_back(t.to(device));
    return results;
  }
  if (kernel->view) return {inputs[0].with_shape(signature.outputs[0].shape)};
  Call call(signature, inputs, device);
  const auto scratch = Storage::allocate(device, kernel->scratch_bytes);
  kernel->launch(gpu, Buffers(signature, call.in.data(), call.out.data(), scratch->data()));
  return call.outputs;
}

Tensors run_now(const Op& op, const Tensors& inputs) {
  const Device device = common_device(op, inputs);
  Signature signature;
  for (const Tensor& t : inputs) signature.inputs.push_back(t.type());
  signature.outputs = op.infer(signature.inputs);
  return device.kind == DeviceKind::gpu ? run_on_gpu(op, signature, inputs, device)
                                        : run_on_processor(op, signature, inputs, device);
}

/// The common type of the operands from `first` on, of which numbers only decide when they stand alone or are floats.
DType common_type(const detail::AnyOperands& operands, const Types& types, std::size_t first) {
  bool known = false, float_number = false;
  DType common = DType::f32;
  for (std::size_t i = first; i < operands.size(); ++i) {
    if (operands[i].is_number) {
      float_number = float_number || !operands[i].integral;
    } else {
      common = known ? promote(common, types[i].dtype) : types[i].dtype;
      known = true;
    }
  }
  if (float_number && !is_floating(common)) common = DType::f32;
  return common;
}

Values values_of(const detail::AnyOperands& operands, detail::Promotion promotion) {
  Types types(operands.size());
  for (std::size_t i = 0; i < operands.size(); ++i)
    if (!operands[i].is_number) types[i] = operands[i].value.type();
  const DType common = common_type(operands, types, promotion.start());
  Values values;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (operands[i].is_number)
      values.push_back(constant(operands[i].number, common));
    else
      values.push_back(static_cast<int>(i) >= promotion.first ? cast(operands[i].value, common) : operands[i].value);
  }
  return values;
}

Values outputs_of(const NodePtr& node) {
  Values outputs;
  for (std::size_t i = 0; i < node->types().size(); ++i) outputs.push_back(node->output(static_cast<int>(i)));
  return outputs;
}
}  // namespace

SerialScope::SerialScope() : previous_(serial) { serial = true; }
SerialScope::~SerialScope() { serial = previous_; }

OpLayer::OpLayer(Op op, detail::AnyOperands operands, detail::Promotion promotion, std::string name)
    : op_(std::move(op)), operands_(std::move(operands)), promotion_(promotion), name_(std::move(name)) {
  if (name_.empty()) name_ = unique_name(op_.name());
}

std::string OpLayer::class_name() const { return camel_case(op_.name()); }

Values OpLayer::call_on(const Values& inputs, Mode mode) {
  const CallScope scope(name_, mode, true);
  detail::AnyOperands operands = operands_;
  std::size_t next = 0;
  for (detail::AnyOperand& o : operands)
    if (!o.is_number) o.value = inputs.at(next++);
  return detail::apply_values(op_, operands, promotion_);
}

namespace detail {
Tensors apply_tensors(const Op& op, const AnyOperands& operands, Promotion promotion) {
  Types types(operands.size());
  for (std::size_t i = 0; i < operands.size(); ++i)
    if (!operands[i].is_number) types[i] = operands[i].tensor.type();
  const DType common = common_type(operands, types, promotion.start());
  const auto array = std::find_if(operands.begin(), operands.end(), [](const AnyOperand& o) { return !o.is_number; });
  const Device device = array == operands.end() ? current_device() : array->tensor.device();
  Tensors tensors;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (operands[i].is_number)
      tensors.push_back(constant(operands[i].number, common).node()->op().as<Constant>()->tensor.to(device));
    else
      tensors.push_back(static_cast<int>(i) >= promotion.first ? cast(operands[i].tensor, common) : operands[i].tensor);
  }
  return run_now(op, tensors);
}

Values apply_values(const Op& op, const AnyOperands& operands, Promotion promotion) {
  return outputs_of(Node::make(op, values_of(operands, promotion)));
}

Symbols apply_symbols(const Op& op, const AnyOperands& operands, Promotion promotion) {
  Symbols inputs;
  for (const AnyOperand& o : operands)
    if (!o.is_number) inputs.push_back(o.symbol);
  return call_symbols(std::make_shared<OpLayer>(op, operands, promotion), inputs);
}

void fail_several_outputs(const Op& op, std::size_t count) {
  fail_expected(op.name(), "an op with one output (apply_all gives all)", std::to_string(count) + " outputs");
}
}  // namespace detail

Tensors apply_all(const Op& op, const Tensors& inputs) { return run_now(op, inputs); }
Values apply_all(const Op& op, const Values& inputs) { return outputs_of(Node::make(op, inputs)); }
Symbols apply_all(const Op& op, const Symbols& inputs) {
  return detail::apply_symbols(op, detail::AnyOperands(inputs.begin(), inputs.end()), {detail::Promotion::none});
}

Type Accumulate::infer(std::span<const Type> in) const {
  if (in[0] != in[1]) fail_expected(name, to_string(in[0]), to_string(in[1]));
  return in[0];
}

Tile Accumulate::tile(std::span<const DType> in) const {
  return dispatch(in[0], [&]<class T>() -> Tile {
    return {tiles::binary<fn::Accumulate, Accumulate, T, T, T>, in[0], tiles::device_code<fn::Accumulate, Accumulate>};
  });
}

Values Cast::vjp(const Node& node, Value g) const {
  const DType from = node.input(0).dtype();
  if (!is_floating(from) || !is_floating(to)) return no_gradient();
  return {cast(g, from)};
}

Tile Cast::tile(std::span<const DType> in) const {
  return dispatch(in[0], [&]<class From>() {
    return dispatch(to, [&]<class To>() -> Tile {
      return {tiles::unary<fn::Cast, Cast, To, From>, to, tiles::device_code<fn::Cast, Cast>};
    });
  });
}

}  // namespace strata
