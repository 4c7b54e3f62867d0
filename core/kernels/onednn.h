#pragma once

// The one border to oneDNN: single-threaded primitives that our threads run on slices. Both
// generations of its interface are served (2.x with operation descriptors, 3.x without).
// Everything is prepared once; scratch comes from the caller. In a build without oneDNN nothing
// is available, and each `make` returns null.

#include <cstddef>
#include <memory>
#include <string>

#include "core/kernels/conv_geometry.h"

namespace strata::kernels::onednn {

bool available();
// "2.6.3"; empty when not available.
std::string version();

enum class ConvDirection { forward, data_gradient, weight_gradient };

// One direction of a convolution on g.batch images. The kernel is read (forward, data gradient)
// or written (weight gradient) in a layout of oneDNN's choice; `arrange` and `restore` convert.
class Conv2D {
 public:
  static std::shared_ptr<const Conv2D> make(ConvDirection direction, const Conv2DGeometry& g,
                                            bool bias, bool relu, int callers);
  virtual ~Conv2D() = default;
  virtual std::size_t kernel_bytes() const = 0;
  virtual std::size_t scratch_bytes() const = 0;
  // Plain kernel to arranged, and back. One call at a time does the whole kernel.
  virtual void arrange(const float* w, void* arranged) const = 0;
  virtual void restore(const void* arranged, float* w) const = 0;
  // forward: x, arranged kernel, bias -> y. data gradient: dy, arranged kernel, null -> dx.
  // weight gradient: x, dy, null -> arranged kernel, overwritten.
  virtual void run(const void* first, const void* second, const float* bias, void* result,
                   void* scratch) const = 0;
};

}  // namespace strata::kernels::onednn
