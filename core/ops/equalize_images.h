#pragma once

#include "core/graph/apply.h"

namespace strata {

/// Images [n, h, w, c] of a floating type, with numbers from 0 to 255 -> the same with levels that are as even as can
/// be: each channel, over all n images together, is counted in `bins` bins, and a pixel becomes 255 times the share of
/// the pixels beyond the lowest bin in use that lie in its bin or below, rounded. A channel in one bin stays as it is.
/// Numbers outside count as 0 and 255. What keras.layers.Equalization does. No gradient. Error unless bins is in [1,
/// 65536].
struct STRATA_API EqualizeImages {
  std::int64_t bins = 256;
  static constexpr std::string_view name = "equalize_images";
  bool operator==(const EqualizeImages&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node&, Value) const { return no_gradient(); }
  Kernel prepare(const CpuTarget&, const Signature&) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};

template <Operand X>
auto equalize_images(const X& images, std::int64_t bins = 256) {
  return apply(EqualizeImages{bins}, images);
}

}  // namespace strata
