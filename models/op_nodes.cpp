#include "models/op_nodes.h"

#include <algorithm>

#include "core/base/argument_fields.h"
#include "core/base/json.h"
#include "core/graph/tile_loops.h"
#include "core/ops/ops.h"
#include "models/op_classes.h"

namespace strata {

std::string where_of(const char* class_name, const std::string& name) {
  return "operation " + std::string(class_name) + (name.empty() ? "" : " '" + name + "'");
}

namespace {
// Fields that several statements share. Keras writes axes as null (all), a number or a list.
void axes_field(ArgumentWriter& field, const char* key, const Axes& axes) {
  field(key, axes.empty() ? ConfigValue(nullptr) : axes.size() == 1 ? ConfigValue(axes[0]) : ConfigValue(axes));
}
void axes_field(ArgumentReader& field, const char* key, Axes& axes) {
  ConfigValue given;
  field(key, given);
  if (given.is_null()) return;
  axes.assign(1, 0);
  if (std::holds_alternative<ConfigValue::List>(given.variant()))
    field(key, axes);
  else
    field(key, axes[0]);
}
void dtype_field(ArgumentWriter& field, const char* key, DType dtype) { field(key, std::string(keras_name(dtype))); }
void dtype_field(ArgumentReader& field, const char* key, DType& dtype) {
  std::string name(keras_name(dtype));
  field(key, name);
  dtype = dtype_from_string(name);
}
void shape_field(ArgumentWriter& field, const char* key, const Shape& shape) {
  ConfigValue::List sizes;
  for (const std::int64_t size : shape) sizes.emplace_back(size);
  field(key, ConfigValue(sizes));
}
void shape_field(ArgumentReader& field, const char* key, Shape& shape) {
  std::vector<std::int64_t> sizes;
  field.required(key, sizes);
  shape = {};
  for (const std::int64_t size : sizes) shape.push_back(size);
}

constexpr auto nothing = [](auto&, auto&) {};
constexpr auto reduction = [](auto& field, auto& op) {
  axes_field(field, "axis", op.axes);
  field("keepdims", op.keepdims);
  field.accepted("initial", nullptr);
  field.accepted("dtype", nullptr);
};
constexpr auto one_axis = [](auto& field, auto& op) { field("axis", op.axis); };
constexpr auto some_axes = [](auto& field, auto& op) { axes_field(field, "axis", op.axes); };
constexpr auto order_of_axes = [](auto& field, auto& op) { axes_field(field, "axes", op.axes); };
constexpr auto new_shape = [](auto& field, auto& op) { shape_field(field, "newshape", op.shape); };
constexpr auto target_shape = [](auto& field, auto& op) { shape_field(field, "shape", op.shape); };
constexpr auto bounds = [](auto& field, auto& op) {
  field.required("x_min", op.low);
  field.required("x_max", op.high);
};
constexpr auto element_type = [](auto& field, auto& op) { dtype_field(field, "dtype", op.to); };
constexpr auto repeats = [](auto& field, auto& op) {
  field.required("repeats", op.count);
  field.required("axis", op.axis);
};
constexpr auto multiples = [](auto& field, auto& op) { field.required("repeats", op.multiples); };

/// Numbers and symbols as the op wants them; error unless there are `count` (any number for 0), one a symbol at least.
detail::AnyOperands operands_of(const std::string& where, const CallArguments& arguments, std::size_t count) {
  detail::AnyOperands operands;
  bool any_symbol = false;
  for (const CallArgument& a : arguments) {
    if (a.symbol.defined()) {
      operands.emplace_back(a.symbol);
      any_symbol = true;
    } else if (std::holds_alternative<std::int64_t>(a.constant.variant())) {
      operands.emplace_back(a.constant.as_int());
    } else if (std::holds_alternative<double>(a.constant.variant())) {
      operands.emplace_back(a.constant.as_double());
    } else {
      fail_expected(where, "tensors and numbers as arguments", a.list.empty() ? to_json(a.constant) : "a list");
    }
  }
  if (!any_symbol || (count != 0 && operands.size() != count))
    fail_expected(where, count == 0 ? "tensors" : std::to_string(count) + " arguments, one of them a tensor",
                  std::to_string(operands.size()) + " arguments");
  return operands;
}

CallArgument to_argument(const detail::AnyOperand& o) {
  if (!o.is_number) return {};
  return {.constant = o.integral ? ConfigValue(static_cast<std::int64_t>(o.number)) : ConfigValue(o.number)};
}

/// How an op takes its operands.
struct Form {
  std::size_t count = 1;              // 0: any number, as a list in the first argument
  int promoted_from = detail::Promotion::none;
};
constexpr Form unary{1}, binary{2, 0}, choice{3, 1}, list{0}, lookup{2};

template <class T, class Statement>
OpClass op_class(const char* module, const char* class_name, Form form, Statement statement) {
  const auto describe = [=](const OpLayer& layer) -> std::optional<OpDescription> {
    const T* op = layer.op().as<T>();
    if (op == nullptr) return std::nullopt;
    OpDescription d{module, class_name, write_arguments(statement, *op), {}};
    for (const detail::AnyOperand& o : layer.operands()) d.arguments.push_back(to_argument(o));
    if (form.count == 0) d.arguments = {{.list = d.arguments}};
    return d;
  };
  const auto call = [=](const std::string& name, const Config& config, const CallArguments& arguments) {
    const std::string where = where_of(class_name, name);
    T op{};
    read_arguments(where, config, statement, op);
    if (form.count == 0 && arguments.size() != 1) fail_expected(where, "one list of tensors", std::to_string(arguments.size()) + " arguments");
    const auto operands = operands_of(where, form.count == 0 ? arguments[0].list : arguments, form.count);
    Symbols inputs;
    for (const detail::AnyOperand& o : operands)
      if (!o.is_number) inputs.push_back(o.symbol);
    return call_symbols(std::make_shared<OpLayer>(op, operands, detail::Promotion{form.promoted_from}, name), inputs);
  };
  return {module, class_name, describe, call};
}

/// FillLike in an element type other than its input's: what Keras makes of masks, zeros_like(x, dtype="bool").
struct FillLikeAs {
  double value = 0;
  DType dtype = DType::f32;
  static constexpr std::string_view name = "fill_like_as";
  bool operator==(const FillLikeAs&) const = default;
  Type infer(std::span<const Type> in) const {
    detail::require_inputs(name, 1, in);
    return {dtype, in[0].shape};
  }
  Values vjp(const Node&, Value) const { return no_gradient(); }
  void run(Cpu&, Buffers io) const {
    dispatch(dtype, [&]<class T>() { std::ranges::fill(io.out<T>(0), tiles::store<T>(value)); });
  }
};

/// ZerosLike, OnesLike, and FullLike, which has the number as its second argument.
OpClass fill_like(const char* class_name, std::optional<double> fixed) {
  const auto describe = [=](const OpLayer& layer) -> std::optional<OpDescription> {
    const auto* op = layer.op().as<FillLike>();
    const auto* typed = layer.op().as<FillLikeAs>();
    if (op == nullptr && typed == nullptr) return std::nullopt;
    const double value = op ? op->value : typed->value;
    if (fixed && value != *fixed) return std::nullopt;
    OpDescription d{"keras.src.ops.numpy", class_name, {}, {{}}};
    if (typed) d.config.set("dtype", std::string(keras_name(typed->dtype)));
    if (!fixed) d.arguments.push_back({.constant = value});
    return d;
  };
  const auto call = [=](const std::string& name, const Config& config, const CallArguments& arguments) {
    const std::string where = where_of(class_name, name);
    if (arguments.size() != (fixed ? 1u : 2u) || !arguments[0].symbol.defined())
      fail_expected(where, fixed ? "one tensor" : "a tensor and a number", std::to_string(arguments.size()) + " arguments");
    const double value = fixed ? *fixed : arguments[1].constant.as_double();
    const Symbol& x = arguments[0].symbol;
    ConfigValue dtype;
    read_arguments(where, config, [](auto& field, auto& given) { field("dtype", given); }, dtype);
    const DType wanted = dtype.is_null() ? x.dtype() : dtype_from_string(dtype.as_string());
    const auto make = [&](const auto& op) {
      return call_symbols(std::make_shared<OpLayer>(op, detail::AnyOperands{x}, detail::Promotion{detail::Promotion::none}, name), {x});
    };
    return wanted == x.dtype() ? make(FillLike{value}) : make(FillLikeAs{value, wanted});
  };
  return {"keras.src.ops.numpy", class_name, describe, call};
}

/// The first class that describes an op is the one that is written.
const std::vector<OpClass>& op_classes() {
  static constexpr const char *numpy = "keras.src.ops.numpy", *nn = "keras.src.ops.nn", *math = "keras.src.ops.math", *core = "keras.src.ops.core";
  static const std::vector<OpClass> all{
      op_class<Add>(numpy, "Add", binary, nothing),
      op_class<Subtract>(numpy, "Subtract", binary, nothing),
      op_class<Multiply>(numpy, "Multiply", binary, nothing),
      op_class<Divide>(numpy, "Divide", binary, nothing),
      op_class<Divide>(numpy, "TrueDivide", binary, nothing),
      op_class<Power>(numpy, "Power", binary, nothing),
      op_class<Maximum>(numpy, "Maximum", binary, nothing),
      op_class<Minimum>(numpy, "Minimum", binary, nothing),
      op_class<FloorDivide>(numpy, "FloorDivide", binary, nothing),
      op_class<Mod>(numpy, "Mod", binary, nothing),
      op_class<Equal>(numpy, "Equal", binary, nothing),
      op_class<NotEqual>(numpy, "NotEqual", binary, nothing),
      op_class<Less>(numpy, "Less", binary, nothing),
      op_class<LessEqual>(numpy, "LessEqual", binary, nothing),
      op_class<Greater>(numpy, "Greater", binary, nothing),
      op_class<GreaterEqual>(numpy, "GreaterEqual", binary, nothing),
      op_class<LogicalAnd>(numpy, "LogicalAnd", binary, nothing),
      op_class<LogicalOr>(numpy, "LogicalOr", binary, nothing),
      op_class<LogicalNot>(numpy, "LogicalNot", unary, nothing),
      op_class<Neg>(numpy, "Negative", unary, nothing),
      op_class<Abs>(numpy, "Absolute", unary, nothing),
      op_class<Abs>(numpy, "Abs", unary, nothing),
      op_class<Square>(numpy, "Square", unary, nothing),
      op_class<Sign>(numpy, "Sign", unary, nothing),
      op_class<Floor>(numpy, "Floor", unary, nothing),
      op_class<Ceil>(numpy, "Ceil", unary, nothing),
      op_class<Exp>(numpy, "Exp", unary, nothing),
      op_class<Expm1>(numpy, "Expm1", unary, nothing),
      op_class<Log>(numpy, "Log", unary, nothing),
      op_class<Log1p>(numpy, "Log1p", unary, nothing),
      op_class<Sqrt>(numpy, "Sqrt", unary, nothing),
      op_class<Reciprocal>(numpy, "Reciprocal", unary, nothing),
      op_class<Sin>(numpy, "Sin", unary, nothing),
      op_class<Cos>(numpy, "Cos", unary, nothing),
      op_class<Tanh>(numpy, "Tanh", unary, nothing),
      op_class<IsNan>(numpy, "Isnan", unary, nothing),
      op_class<IsFinite>(numpy, "Isfinite", unary, nothing),
      op_class<Sum>(numpy, "Sum", unary, reduction),
      op_class<Mean>(numpy, "Mean", unary, reduction),
      op_class<ReduceMax>(numpy, "Max", unary, reduction),
      op_class<ReduceMin>(numpy, "Min", unary, reduction),
      op_class<Prod>(numpy, "Prod", unary, reduction),
      op_class<Any>(numpy, "Any", unary, reduction),
      op_class<All>(numpy, "All", unary, reduction),
      op_class<Reshape>(numpy, "Reshape", unary, new_shape),
      op_class<ExpandDims>(numpy, "ExpandDims", unary, one_axis),
      op_class<Squeeze>(numpy, "Squeeze", unary, some_axes),
      op_class<Transpose>(numpy, "Transpose", unary, order_of_axes),
      op_class<BroadcastTo>(numpy, "BroadcastTo", unary, target_shape),
      op_class<Repeat>(numpy, "Repeat", unary, repeats),
      op_class<Tiling>(numpy, "Tile", unary, multiples),
      op_class<Concatenate>(numpy, "Concatenate", list, one_axis),
      op_class<Gather>(numpy, "Take", lookup, one_axis),
      op_class<Where>(numpy, "Where", choice, nothing),
      op_class<Clip>(numpy, "Clip", unary, bounds),
      fill_like("ZerosLike", 0.0),
      fill_like("OnesLike", 1.0),
      fill_like("FullLike", std::nullopt),
      get_item_class(),
      op_class<Relu>(nn, "Relu", unary, nothing),
      op_class<Sigmoid>(nn, "Sigmoid", unary, nothing),
      op_class<Softplus>(nn, "Softplus", unary, nothing),
      op_class<Softmax>(nn, "Softmax", unary, one_axis),
      op_class<LogSoftmax>(nn, "LogSoftmax", unary, one_axis),
      op_class<Rsqrt>(math, "Rsqrt", unary, nothing),
      op_class<Erf>(math, "Erf", unary, nothing),
      op_class<Cast>(core, "Cast", unary, element_type),
      op_class<StopGradient>(core, "StopGradient", unary, nothing),
  };
  return all;
}
}  // namespace

bool is_op_class(const std::string& module, const std::string& class_name) {
  return std::ranges::any_of(op_classes(), [&](const OpClass& c) {
    return c.class_name == class_name && (module.empty() || module.starts_with("keras.src.ops") || module == "keras.ops");
  });
}

OpDescription describe_op(const OpLayer& layer) {
  for (const OpClass& c : op_classes())
    if (auto d = c.describe(layer)) return *std::move(d);
  throw Error("operation '" + layer.name() + "'", "a model with `" + std::string(layer.op().name()) +
                                                      "` between its layers cannot be written: Keras's files have no word for it");
}

Symbols call_op(const std::string& class_name, const Config& config, const CallArguments& arguments) {
  std::string name;
  Config own;
  for (const auto& [key, value] : config.items()) {
    if (key == "name")
      from_config(value, name);
    else
      own.set(key, value);
  }
  for (const OpClass& c : op_classes())
    if (c.class_name == class_name) return c.call(name, own, arguments);
  throw Error(where_of(class_name.c_str(), name), "is not known");
}

}  // namespace strata
