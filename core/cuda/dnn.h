#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/shape.h"
#include "core/device/cuda.h"

/// Convolutions on a GPU, by cuDNN's graphs. Where the GPU is emulated, by loops that answer the same questions.
///
/// Not here, but kernels of our own: pooling (cuDNN's maximum keeps an index of its own making from the forward pass,
/// which the gradient op does not have), depthwise convolutions where ours are faster (cuDNN takes them as well), and
/// batch normalization (cuDNN's wants compute capability 8.0 and channels in fours or eights, and compiles a kernel,
/// about a second long, for each shape).
namespace strata::cuda {

enum class ConvPass : std::uint8_t { forward, data_gradient, weight_gradient };

/// A cross-correlation over 2 or 3 axes (a sequence is an image of height 1), or one of its gradients:
///   y[n, i, f] = sum over (p, c) of w[f, p, c] x[n, i stride - padding_before + p dilation, g(f) + c]
/// for positions i and p of all axes; positions outside of x count as zero. 16-bit floats are summed in f32.
struct ConvProblem {
  ConvPass pass = ConvPass::forward;
  DType dtype = DType::f32;  ///< f32, f64, f16 or bf16
  Shape x;                   ///< [N, sizes..., C], as in Keras
  Shape w;                   ///< [F, sizes..., C / groups]: not Keras's order, cuDNN wants the filters first
  Shape y;                   ///< [N, sizes..., F]
  /// One number per axis. Padding at the end of an axis follows from y; it may differ from that at the beginning
  /// ('same').
  std::vector<std::int64_t> strides, dilation, padding_before;
  bool bias = false, relu = false;  ///< forward only: bias[F] is added, then max(x, 0); of NaN, what cuDNN makes of it
  bool tensor_float_32 = false;     ///< operands of f32 may be rounded to 10 bits

  std::int64_t groups() const { return x.back() / w.back(); }
  std::int64_t padding_after(std::size_t axis) const;
  friend bool operator==(const ConvProblem&, const ConvProblem&) = default;
};

/// `conv2d forward f16 x[32,28,28,1] w[64,3,3,1] y[32,26,26,64] ...`, with everything in which problems can differ.
std::string to_string(const ConvProblem&);
/// Error when sizes do not fit together or a type is none of those above.
void check(const ConvProblem&);

/// An array that a plan reads or writes.
struct Operand {
  std::string name;
  Type type;
  bool written = false;
};
/// What run() takes, in this order: the inputs, then the results.
///   forward           x, w, [bias], y
///   data_gradient     dy, w, dx
///   weight_gradient   x, dy, dw
std::vector<Operand> operands(const ConvProblem&);

struct DnnOptions {
  /// Only engines that give the same bits each time. An Error says so where there is none; none such was seen.
  bool deterministic = true;
  /// Runs the first dozen engines that the heuristics name, on arrays of zeros, and keeps the fastest.
  bool measure = false;
  /// Engines that want more are passed over, as long as there are others.
  std::size_t workspace_limit = std::size_t{256} << 20;
};

/// How a problem is solved on one device. Immutable; copies share.
class DnnPlan {
 public:
  /// A choice is made once per problem and device and kept in the process, and on the disk (core/base/disk_cache.h),
  /// where compiled kernels are kept with it. Error naming the problem when it is not as described above, when cuDNN
  /// cannot be had, or has no engine for it.
  static DnnPlan make(const CudaTarget&, const ConvProblem&, const DnnOptions& = {});

  /// Scratch that run() wants on the device, at 256 bytes' alignment.
  std::size_t workspace_bytes() const;
  /// cuDNN's name for the engine and its settings: "eng28_k2=4_k3=0".
  const std::string& engine() const;
  /// Enqueues the work. `addresses` are the operands' on the device, at 16 bytes' alignment (error otherwise). Can be
  /// recorded in a cuda::Graph, which must not outlive the plan. The caller holds a Cuda::Use.
  void run(Cuda&, std::span<void* const> addresses, void* workspace) const;

  struct Body;

 private:
  explicit DnnPlan(std::shared_ptr<const Body> body) : body_(std::move(body)) {}
  std::shared_ptr<const Body> body_;
};

}  // namespace strata::cuda
