#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "core/base/dtype.h"
#include "core/device/cuda.h"

/// Matrix products on a GPU, by cuBLASLt. Where the GPU is emulated, by loops that answer the same questions.
namespace strata::cuda {

/// C[m,n] = epilogue(op(A)[m,k] op(B)[k,n]), row-major, `batch` times: what core/ops/matmul.h means.
/// f32, f64, f16, bf16; 16-bit floats are summed in f32. cuBLASLt has no product of i32 or i64 with results of that
/// type.
struct MatMulProblem {
  DType dtype = DType::f32;
  std::int64_t m = 1, n = 1, k = 1;               ///< each at least 1
  bool transpose_a = false, transpose_b = false;  ///< A is stored as [k,m], B as [n,k]
  std::int64_t batch = 1;                         ///< at least 1; the results lie one behind the other
  std::int64_t stride_a = 0, stride_b = 0;  ///< elements from one product's operand to the next one's; 0: one for all
  bool bias = false;                        ///< adds bias[n] to every row
  bool relu = false;                        ///< max(x, 0), after the bias; of NaN, what cuBLASLt makes of it
  bool tensor_float_32 = false;             ///< operands of f32 may be rounded to 10 bits
  friend bool operator==(const MatMulProblem&, const MatMulProblem&) = default;
};
/// `matmul bf16 [128,784] x [784,512] + bias, relu`, with everything in which problems can differ.
std::string to_string(const MatMulProblem&);
/// Error when it is none of those described above.
void check(const MatMulProblem&);
/// Whether cuBLASLt has products of the type.
bool matmul_takes(DType);

/// How a problem is solved on one device. Immutable; copies share.
class MatMulPlan {
 public:
  /// Asks cuBLASLt's heuristics, once per problem and device in a process; the same plan gives the same bits each time.
  /// Error naming the problem when it is not as described above, when cuBLASLt cannot be had, or has no way to do it.
  static MatMulPlan make(const CudaTarget&, const MatMulProblem&);

  /// Scratch that run() wants on the device, at 256 bytes' alignment.
  std::size_t workspace_bytes() const;
  /// False when cuBLASLt has no such product with bias and ReLU (of f64, perhaps): then run() leaves C without either,
  /// and the caller adds them.
  bool applies_epilogue() const;
  /// Enqueues the product. Addresses are the device's, at 16 bytes' alignment (error otherwise); `bias` may be null
  /// without one. Can be recorded in a cuda::Graph. The caller holds a Cuda::Use.
  void run(Cuda&, const void* a, const void* b, const void* bias, void* c, void* workspace) const;

  struct Body;

 private:
  explicit MatMulPlan(std::shared_ptr<const Body> body) : body_(std::move(body)) {}
  std::shared_ptr<const Body> body_;
};

}  // namespace strata::cuda
