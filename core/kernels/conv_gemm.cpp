#include "core/kernels/conv_gemm.h"

#include <algorithm>

#include "core/kernels/gemm.h"

namespace strata::kernels {
namespace {

// Patches of one block: enough rows to feed the product, few enough to stay in cache.
constexpr Index kBlockFloats = 1 << 17;
constexpr Index kMinPixels = 56;
constexpr Index kMaxPixels = 308;  // one depth block of the weight gradient's product

std::size_t unsigned_of(Index x) { return static_cast<std::size_t>(x); }
std::size_t bytes_of(Index floats) { return unsigned_of(floats) * sizeof(float); }

Index block_pixels(const Conv2DGeometry& g) {
  return std::clamp(kBlockFloats / std::max<Index>(1, g.patch()), kMinPixels, kMaxPixels);
}

// The patch of a pixel is then the pixel itself.
bool reads_in_place(const Conv2DGeometry& g) {
  return g.kernel_height == 1 && g.kernel_width == 1 && g.stride_height == 1 &&
         g.stride_width == 1 && g.pad_top == 0 && g.pad_left == 0 &&
         g.out_height == g.in_height && g.out_width == g.in_width;
}

// Calls f(patch offset, x offset or -1 outside, floats) for the runs of one pixel's patch that
// are contiguous in x; offsets start at the image and the group's first channel.
template <typename F>
void for_each_run(const Conv2DGeometry& g, Index row, Index column, F&& f) {
  const Index channels = g.group_in();
  const Index top = row * g.stride_height - g.pad_top;
  const Index left = column * g.stride_width - g.pad_left;
  const bool merged = g.groups == 1 && g.dilation_width == 1 && left >= 0 &&
                      left + g.kernel_width <= g.in_width;
  for (Index p = 0; p < g.kernel_height; ++p) {
    const Index i = top + p * g.dilation_height;
    const bool row_inside = i >= 0 && i < g.in_height;
    const Index patch_row = p * g.kernel_width * channels;
    if (merged) {
      f(patch_row, row_inside ? (i * g.in_width + left) * g.in_channels : -1,
        g.kernel_width * channels);
      continue;
    }
    for (Index q = 0; q < g.kernel_width; ++q) {
      const Index j = left + q * g.dilation_width;
      const bool inside = row_inside && j >= 0 && j < g.in_width;
      f(patch_row + q * channels, inside ? (i * g.in_width + j) * g.in_channels : -1, channels);
    }
  }
}

// One block of output pixels [first, first + count) of the whole batch, as rows of patches of
// one group.
void gather_patches(const Conv2DGeometry& g, Index group, Index first, Index count, const float* x,
                    float* patches) {
  const Index image_pixels = g.out_height * g.out_width;
  for (Index r = 0; r < count; ++r) {
    const Index pixel = (first + r) % image_pixels;
    const float* from =
        x + (first + r) / image_pixels * g.in_image() + group * g.group_in();
    float* patch = patches + r * g.patch();
    for_each_run(g, pixel / g.out_width, pixel % g.out_width,
                 [&](Index at, Index offset, Index floats) {
                   float* to = patch + at;
                   for (Index c = 0; c < floats; ++c) to[c] = offset < 0 ? 0.0f : from[offset + c];
                 });
  }
}

// The reverse: adds rows of patches to the image. Pixels of one image only.
void add_patches(const Conv2DGeometry& g, Index group, Index first, Index count,
                 const float* patches, float* dx_image) {
  float* to = dx_image + group * g.group_in();
  for (Index r = 0; r < count; ++r) {
    const float* patch = patches + r * g.patch();
    for_each_run(g, (first + r) / g.out_width, (first + r) % g.out_width,
                 [&](Index at, Index offset, Index floats) {
                   if (offset < 0) return;
                   for (Index c = 0; c < floats; ++c) to[offset + c] += patch[at + c];
                 });
  }
}

// Calls f(first, count) for the blocks of a range of pixels.
template <typename F>
void for_each_block(Index step, Index begin, Index end, F&& f) {
  for (Index first = begin; first < end; first += step) f(first, std::min(step, end - first));
}

MatrixView patches_of(const Conv2DGeometry& g, Index group, Index first, Index count,
                      const float* x, float* buffer) {
  if (reads_in_place(g)) return {x + first * g.in_channels + group * g.group_in(), g.in_channels};
  gather_patches(g, group, first, count, x, buffer);
  return {buffer, g.patch()};
}

Index forward_kernel_floats(const Conv2DGeometry& g) {
  return static_cast<Index>(gemm_packed_b_bytes(unsigned_of(g.group_out()), unsigned_of(g.patch())) /
                            sizeof(float));
}

Index data_kernel_floats(const Conv2DGeometry& g) {
  return static_cast<Index>(gemm_packed_b_bytes(unsigned_of(g.patch()), unsigned_of(g.group_out())) /
                            sizeof(float));
}

Index patch_buffer_floats(const Conv2DGeometry& g) {
  return reads_in_place(g) ? 0 : block_pixels(g) * g.patch();
}

}  // namespace

std::size_t conv_gemm_forward_kernel_bytes(const Conv2DGeometry& g) {
  return bytes_of(g.groups * forward_kernel_floats(g));
}

void conv_gemm_pack_forward_kernel(const Conv2DGeometry& g, const float* w, float* packed,
                                   Index part, Index parts) {
  for (Index group = 0; group < g.groups; ++group) {
    gemm_pack_b_part(unsigned_of(g.group_out()), unsigned_of(g.patch()),
                     {w + group * g.group_out(), g.out_channels},
                     packed + group * forward_kernel_floats(g), unsigned_of(part),
                     unsigned_of(parts));
  }
}

std::size_t conv_gemm_data_kernel_bytes(const Conv2DGeometry& g) {
  return bytes_of(g.groups * data_kernel_floats(g));
}

void conv_gemm_pack_data_kernel(const Conv2DGeometry& g, const float* w, float* packed, Index part,
                                Index parts) {
  for (Index group = 0; group < g.groups; ++group) {
    gemm_pack_b_part(unsigned_of(g.patch()), unsigned_of(g.group_out()),
                     {w + group * g.group_out(), g.out_channels, true},
                     packed + group * data_kernel_floats(g), unsigned_of(part),
                     unsigned_of(parts));
  }
}

std::size_t conv_gemm_forward_scratch_bytes(const Conv2DGeometry& g) {
  return bytes_of(patch_buffer_floats(g)) +
         gemm_packed_scratch_bytes(unsigned_of(block_pixels(g)), unsigned_of(g.patch()));
}

void conv_gemm_forward(const Conv2DGeometry& g, Index first_unit, Index last_unit, const float* x,
                       const float* packed, const float* bias, bool relu, float* y, void* scratch) {
  auto* buffer = static_cast<float*>(scratch);
  float* product_scratch = buffer + patch_buffer_floats(g);
  for_each_block(block_pixels(g), first_unit * g.out_width, last_unit * g.out_width,
                 [&](Index first, Index count) {
    for (Index group = 0; group < g.groups; ++group) {
      const Index column = group * g.group_out();
      GemmEpilogue epilogue;
      epilogue.bias = bias == nullptr ? nullptr : bias + column;
      epilogue.relu = relu;
      gemm_packed(unsigned_of(count), unsigned_of(g.group_out()), unsigned_of(g.patch()),
                  patches_of(g, group, first, count, x, buffer),
                  packed + group * forward_kernel_floats(g), y + first * g.out_channels + column,
                  g.out_channels, epilogue, product_scratch);
    }
  });
}

std::size_t conv_gemm_data_gradient_scratch_bytes(const Conv2DGeometry& g) {
  return bytes_of(patch_buffer_floats(g)) +
         gemm_packed_scratch_bytes(unsigned_of(block_pixels(g)), unsigned_of(g.group_out()));
}

void conv_gemm_data_gradient(const Conv2DGeometry& g, Index first_image, Index last_image,
                             const float* dy, const float* packed, float* dx, void* scratch) {
  auto* buffer = static_cast<float*>(scratch);
  float* product_scratch = buffer + patch_buffer_floats(g);
  const bool in_place = reads_in_place(g);
  const Index pixels = g.out_height * g.out_width;
  for (Index n = first_image; n < last_image; ++n) {
    float* image = dx + n * g.in_image();
    if (!in_place) std::fill(image, image + g.in_image(), 0.0f);
    for_each_block(block_pixels(g), 0, pixels, [&](Index first, Index count) {
      for (Index group = 0; group < g.groups; ++group) {
        const MatrixView gradient{
            dy + (n * pixels + first) * g.out_channels + group * g.group_out(), g.out_channels};
        float* to = in_place ? image + first * g.in_channels + group * g.group_in() : buffer;
        gemm_packed(unsigned_of(count), unsigned_of(g.patch()), unsigned_of(g.group_out()), gradient,
                    packed + group * data_kernel_floats(g), to,
                    in_place ? g.in_channels : g.patch(), {}, product_scratch);
        if (!in_place) add_patches(g, group, first, count, buffer, image);
      }
    });
  }
}

std::size_t conv_gemm_weight_gradient_scratch_bytes(const Conv2DGeometry& g) {
  return bytes_of(patch_buffer_floats(g)) +
         gemm_scratch_bytes(unsigned_of(g.patch()), unsigned_of(g.group_out()),
                            unsigned_of(block_pixels(g)));
}

void conv_gemm_weight_gradient(const Conv2DGeometry& g, Index first_unit, Index last_unit,
                               const float* x, const float* dy, float* dw, void* scratch) {
  auto* buffer = static_cast<float*>(scratch);
  float* product_scratch = buffer + patch_buffer_floats(g);
  GemmEpilogue add;
  add.beta = 1.0f;
  for_each_block(block_pixels(g), first_unit * g.out_width, last_unit * g.out_width,
                 [&](Index first, Index count) {
    for (Index group = 0; group < g.groups; ++group) {
      const Index column = group * g.group_out();
      MatrixView patches = patches_of(g, group, first, count, x, buffer);
      patches.transposed = true;
      gemm(unsigned_of(g.patch()), unsigned_of(g.group_out()), unsigned_of(count), patches,
           {dy + first * g.out_channels + column, g.out_channels}, dw + column, g.out_channels, add,
           product_scratch);
    }
  });
}

}  // namespace strata::kernels
