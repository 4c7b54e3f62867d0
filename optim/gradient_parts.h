#pragma once

#include <functional>

#include "core/graph/node.h"

/// Gradients of tables whose rows are looked up (embeddings), as Keras with TensorFlow takes them. Internal.
///
/// TensorFlow keeps such a gradient as a list of rows with their places. Keras's formulas square the rows of the list,
/// or take their absolute values, and add those of one place afterwards: for a row that is looked up more than once in
/// a batch, the square of a sum becomes a sum of squares. Measured with Keras 3.15.1 for all its optimizers; with JAX
/// and PyTorch, and in Keras 2, it is the square of the sum.
namespace strata::optimizers {

/// f of each part of such a gradient, added up; f(gradient) of any other, also of the sum of a list and something else.
Value map_parts(const Value& gradient, const std::function<Value(const Value&)>& f);

/// What formulas say in the place of square(gradient) and abs(gradient).
Value square_of_gradient(const Value& gradient);
Value abs_of_gradient(const Value& gradient);

}  // namespace strata::optimizers
