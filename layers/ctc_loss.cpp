#include <limits>

#include "core/ops/ops.h"
#include "layers/loss_functions.h"

namespace strata::losses {

namespace {
constexpr double impossible = -1e30;  // as a logarithm of a probability; far from where f32 overflows

/// log(exp(a) + exp(b) + exp(c))
Value log_add(const Value& a, const Value& b, const Value& c) {
  const Value top = stop_gradient(maximum(maximum(a, b), c));
  return top + log(exp(a - top) + exp(b - top) + exp(c - top));
}

/// x [n, states] moved up by some states.
Value shifted(const Value& x, std::int64_t by) {
  return pad(slice(x, {0, 0}, {slice_end, -by}), {0, by}, {0, 0}, impossible);
}

/// The elements of x [n, states] at one state for each example; `impossible` where that is negative.
Value at_state(const Value& x, const Value& state) {
  const Value here = equal(constant(arange(x.shape()[1])), expand_dims(state, -1));
  return where(state >= 0, sum(where(here, x, 0.0), {-1}), impossible);
}
}  // namespace

// The forward variables of Graves and others (2006), in logarithms, for all examples at once. States are the labels
// with a blank before, between and after them; each time step is unrolled into the graph.
Value ctc(const std::string& who, const Value& y, const Value& p) {
  if (y.shape().rank() != 2 || p.shape().rank() != 3 || y.shape()[0] != p.shape()[0] || y.shape()[1] < 1 ||
      p.shape()[1] < 1)
    fail_expected(who,
                  "y_true of shape (batch_size, max_length) and y_pred of shape (batch_size, max_length, num_classes)",
                  to_keras_string(y.shape()) + " and " + to_keras_string(p.shape()));
  const std::int64_t n = y.shape()[0], length = y.shape()[1], times = p.shape()[1], classes = p.shape()[2];
  const std::int64_t states = 2 * length + 1;
  const Value labels = cast(y, DType::i64);
  const Value interleaved = reshape(stack(Values{zeros_like(labels), labels}, 2), {n, states - 1});
  const Value symbols = pad(interleaved, {0, 0}, {0, 1}, 0);
  const Value count = sum(cast(not_equal(labels, 0), DType::i64), {-1});

  // [n, times, states]; a label outside of the classes is an error when this runs.
  const Value chosen = gather(constant(eye(classes, -1, p.dtype())), symbols);
  const Value emitted = matmul(log_softmax(p), chosen, {.transpose_b = true});
  const auto at_time = [&](std::int64_t t) {
    return squeeze(slice(emitted, {0, t, 0}, {slice_end, t + 1, slice_end}), {1});
  };

  // A blank between two labels may be left out unless they are the same.
  const Value before = pad(slice(symbols, {0, 0}, {slice_end, -2}), {0, 2}, {0, 0}, 0);
  const Value may_skip = logical_and(not_equal(symbols, 0), not_equal(symbols, before));
  const Value first_two = constant(arange(states)) < 2;
  Value reached = where(first_two, at_time(0), impossible);
  for (std::int64_t t = 1; t < times; ++t)
    reached = log_add(reached, shifted(reached, 1), where(may_skip, shifted(reached, 2), impossible)) + at_time(t);
  const Value last_blank = at_state(reached, 2 * count), last_label = at_state(reached, 2 * count - 1);
  const Value loss = -log_add(last_blank, last_label, full_like(last_blank, impossible));
  // More labels than time steps can hold.
  return where(loss > -0.5 * impossible, std::numeric_limits<double>::infinity(), loss);
}

}  // namespace strata::losses
