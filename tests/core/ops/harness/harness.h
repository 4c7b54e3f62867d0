#pragma once

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "core/compile/function.h"
#include "core/graph/apply.h"
#include "tests/core/ops/harness/arrays.h"

/// One harness for every op, the library's and a user's: give it samples, and it checks the shape rule, the numbers,
/// the gradient rule, the compiler and the threads. See user_op_test.cpp for an op of one's own.
namespace strata::harness {

/// Computes an op's outputs in double precision, in the plainest way.
using Reference = std::function<Arrays(const Arrays&)>;

/// What a finite difference is held against.
enum class Slope {
  checked,  ///< the gradient rule; where it gives none, the difference must be zero
  none,     ///< nothing: no gradient is expected, though the output may change with the input
  refused,  ///< nothing: asking for a gradient is an Error
};

struct Sample {
  std::string label = {};  ///< tells the samples of an op apart
  Op op;
  Tensors inputs = {};              ///< floating ones as f64
  Reference reference = {};         ///< empty: only for ops whose own f64 kernel is the plain form
  double tolerance = 2e-6;          ///< f32 against the reference, relative to the larger of its magnitude and `floor`
  double double_tolerance = 1e-13;  ///< f64 likewise
  double floor = 1;
  double slope_tolerance = 1e-6;  ///< gradient against difference, relative to the larger of the difference and 1
  double step = 1e-5;             ///< of the difference
  Slope slope = Slope::checked;
  /// Inputs, by number, that change the outputs and have no gradient all the same.
  std::vector<std::size_t> constants = {};
  /// Outputs from this number on have no gradient (statistics beside a result).
  std::size_t differentiable = std::numeric_limits<std::size_t>::max();
  std::optional<Op> op_in_double = {};  ///< for ops that name an element type: what the f64 run uses
  bool as_given = false;                ///< run with the inputs' own types only (an op for one type, a cast)
  bool same_for_all_threads = false;    ///< results do not depend on the number of threads, bit for bit
};
using SampleList = std::vector<Sample>;

/// Inputs worth testing: every op of AllOps has a specialization with `static SampleList make()`.
template <class T>
struct Samples;

// Each reports failures through GoogleTest, named by op and label.
/// Shape rule against run and reference, in f32 and f64.
void check_types(const Sample&);
/// f32 and f64 runs against the reference, and the f32 kernel against the f64 one.
void check_reference(const Sample&);
/// Gradient rule against directional central differences through compiled functions, for every floating input.
void check_gradient(const Sample&);
/// Planned, fused and in place against node by node, forward and backward: bit for bit, except that epilogues may round
/// differently.
void check_compiled(const Sample&);
/// One thread against two and three, and each number of threads against itself.
void check_threads(const Sample&);
/// f16 and bf16 runs, where the op takes them, against the reference on the rounded inputs: within two units in the
/// last place, since arithmetic is done in f32.
void check_sixteen_bits(const Sample&);
/// On gpu:0 against the processor: alone, and planned, where the first, the recorded and the replayed run agree bit for
/// bit; forward and backward, in f32, f64 and the 16-bit types.
void check_gpu(const Sample&);
/// All that needs no GPU.
void check(const Sample&);

}  // namespace strata::harness
