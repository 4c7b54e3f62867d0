#include "layers/einsum_dense.h"

#include <algorithm>
#include <array>
#include <optional>

#include "core/ops/ops.h"
#include "layers/checks.h"
#include "layers/einsum.h"
#include "layers/registration.h"

namespace strata::layers {
namespace {

/// Keras writes None where there is no bias.
struct BiasAxes {
  std::string letters;
};
ConfigValue to_config(const BiasAxes& axes) {
  if (axes.letters.empty()) return nullptr;
  return axes.letters;
}
void from_config(const ConfigValue& c, BiasAxes& axes) { axes.letters = c.is_null() ? "" : c.as_string(); }

constexpr auto arguments = [](auto& field, auto& equation, auto& output_shape, auto& o) {
  field.required("output_shape", output_shape);
  field.required("equation", equation);
  field("activation", o.activation);
  BiasAxes bias_axes{o.bias_axes};
  field("bias_axes", bias_axes);
  if constexpr (!std::is_const_v<std::remove_reference_t<decltype(o)>>) o.bias_axes = bias_axes.letters;
  field("kernel_initializer", o.kernel_initializer);
  field("bias_initializer", o.bias_initializer);
  field("kernel_regularizer", o.kernel_regularizer);
  field("bias_regularizer", o.bias_regularizer);
  field("activity_regularizer", o.activity_regularizer);
  field("kernel_constraint", o.kernel_constraint);
  field("bias_constraint", o.bias_constraint);
};

/// The same initializer, told how many inputs and outputs the kernel has: scaled ones read that from a matrix's shape.
Initializer with_fans(const Initializer& initializer, std::int64_t inputs, std::int64_t outputs) {
  constexpr std::array<std::string_view, 7> scaled{"VarianceScaling", "GlorotUniform", "GlorotNormal", "HeUniform",
                                                   "HeNormal",        "LecunUniform",  "LecunNormal"};
  if (std::ranges::find(scaled, initializer.class_name()) == scaled.end()) return initializer;
  const auto fill = [initializer, inputs, outputs](const Shape& shape, DType dtype, std::uint64_t) {
    return initializer({inputs, outputs}, dtype).with_shape(shape);
  };
  return Initializer(initializer.class_name(), initializer.config(), fill, 0);
}

class EinsumDenseLayer final : public Definition {
 public:
  EinsumDenseLayer(std::string equation, Sizes output_shape, EinsumDenseOptions options)
      : text_(std::move(equation)),
        equation_(EinsumEquation::parse(place("EinsumDense", options.name), text_)),
        output_shape_(std::move(output_shape)),
        o_(std::move(options)) {
    set_activity_regularizer(o_.activity_regularizer);
  }

  void check_inputs(const Shapes& inputs) const override {
    const Shape& input = inputs[0];
    const int offset = equation_.dots_left ? equation_.elided(describe(), input.rank()) : 0;
    equation_.elided(describe(), input.rank());
    for (std::size_t i = 0; built() && i < equation_.input.size(); ++i) {
      const std::size_t axis = equation_.weight.find(equation_.input[i]);
      if (axis != std::string::npos)
        require_axis(describe(), input, offset + static_cast<int>(i), kernel_.shape()[static_cast<std::int64_t>(axis)]);
    }
  }

  void build(const Shape& input) override {
    const Shape output = full_output(input);
    Shape kernel;
    std::int64_t inputs = 1, outputs = 1;
    for (const char c : equation_.weight) {
      const bool kept = equation_.output.find(c) != std::string::npos;
      kernel.push_back(kept ? size_in(equation_.output, output, c) : size_in(equation_.input, input, c));
      (kept ? outputs : inputs) *= kernel.back();
    }
    kernel_ = add_weight("kernel", kernel, with_fans(o_.kernel_initializer, inputs, outputs),
                         {.regularizer = o_.kernel_regularizer, .constraint = o_.kernel_constraint});
    if (!o_.bias_axes.empty())
      bias_ = add_weight("bias", bias_shape(output), o_.bias_initializer,
                         {.regularizer = o_.bias_regularizer, .constraint = o_.bias_constraint});
  }

  Value call(Value x, Mode) override {
    Value y = einsum(describe(), equation_, to_compute(x), kernel_);
    if (!o_.bias_axes.empty()) y = y + bias_;
    return o_.activation(y);
  }

  Config config() const override { return write_arguments(arguments, text_, output_shape_, o_); }

 private:
  /// The size behind a letter; with dots on the left, letters count from the end.
  std::int64_t size_in(const std::string& letters, const Shape& shape, char c) const {
    const auto at = static_cast<std::int64_t>(letters.find(c));
    const std::int64_t size = shape[equation_.dots_left ? at - static_cast<std::int64_t>(letters.size()) : at];
    if (size == open_dim)
      fail_expected(describe(), std::string("a known size of dimension '") + c + "'", to_string(shape));
    return size;
  }

  /// The result's shape as far as output_shape and the input tell. Error where they differ.
  Shape full_output(const Shape& input) const {
    const int elided = equation_.elided(describe(), input.rank());
    Shape output{input[0]};
    if (equation_.dots_left)
      for (int i = 1; i < elided; ++i) output.push_back(input[i]);
    for (const std::int64_t size : output_shape_) output.push_back(size);
    if (equation_.dots_right)
      for (int i = input.rank() - elided; i < input.rank(); ++i) output.push_back(input[i]);
    if (output.rank() != static_cast<int>(equation_.output.size()) + elided)
      fail_expected(describe(), "an output_shape for '" + equation_.output + "'", to_string(Shape(output_shape_)));
    const std::int64_t in_offset = equation_.dots_left ? elided : 0;
    for (std::size_t i = 0; i < equation_.output.size(); ++i) {
      const std::size_t at = equation_.input.find(equation_.output[i]);
      if (at == std::string::npos) continue;
      std::int64_t& size = output[in_offset + static_cast<std::int64_t>(i)];
      const std::int64_t given = input[in_offset + static_cast<std::int64_t>(at)];
      if (size == open_dim) size = given;
      if (size != given && given != open_dim)
        throw Error(describe(), std::string("Input shape and output shape do not match at shared dimension '") +
                                    equation_.output[i] + "'. Input shape is " + std::to_string(given) +
                                    ", and output shape is " + std::to_string(size) + ".");
    }
    return output;
  }

  Shape bias_shape(const Shape& output) const {
    const std::size_t first = equation_.output.find_first_of(o_.bias_axes);
    Shape shape;
    for (std::size_t i = first; i < equation_.output.size(); ++i) {
      const char c = equation_.output[i];
      shape.push_back(o_.bias_axes.find(c) == std::string::npos ? 1 : size_in(equation_.output, output, c));
    }
    if (equation_.dots_right)
      for (int i = static_cast<int>(equation_.output.size()); i < output.rank(); ++i) shape.push_back(1);
    return shape;
  }

  std::string text_;
  EinsumEquation equation_;
  Sizes output_shape_;
  EinsumDenseOptions o_;
  Variable kernel_, bias_;
};
}  // namespace

Layer EinsumDense(const std::string& equation, const Sizes& output_shape, const EinsumDenseOptions& o) {
  const std::string where = place("EinsumDense", o.name);
  const EinsumEquation parsed = EinsumEquation::parse(where, equation);
  for (const char c : o.bias_axes)
    if (parsed.output.find(c) == std::string::npos)
      throw Error(where, std::string("Bias dimension '") + c + "' was requested, but is not part of the output spec '" +
                             parsed.output + "'");
  for (const std::int64_t size : output_shape)
    if (size < 1 && size != open_dim)
      fail_expected(where, "an output_shape of positive sizes or -1", to_string(Shape(output_shape)));
  return make_named<EinsumDenseLayer>("EinsumDense", o.name, o.trainable, equation, output_shape, o);
}

namespace {
const bool registered = register_built_in("EinsumDense", EinsumDense, arguments);
}

}  // namespace strata::layers
