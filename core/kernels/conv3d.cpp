#include "core/kernels/conv3d.h"

#include <algorithm>

namespace strata::kernels {
namespace {

// Calls f(offset in the image, offset in the volume or -1 outside) for every pixel, plane and group: runs of group_in()
// channels that lie together in both.
template <typename F>
void for_each_run(const Conv3DGeometry& g, Index out_plane, F&& f) {
  const Conv2DGeometry& p = g.plane;
  const Index channels = p.group_in(), image_pixel = g.kernel_depth * p.in_channels;
  for (Index k = 0; k < g.kernel_depth; ++k) {
    const Index plane = g.in_plane(out_plane, k);
    const bool inside = plane >= 0 && plane < g.in_depth;
    for (Index pixel = 0; pixel < p.in_height * p.in_width; ++pixel)
      for (Index group = 0; group < p.groups; ++group)
        f(pixel * image_pixel + (group * g.kernel_depth + k) * channels,
          inside ? plane * p.in_image() + pixel * p.in_channels + group * channels : -1);
  }
}

// Calls f(offset in the kernel laid side by side, offset in w) for runs of group_in() * out_channels weights.
template <typename F>
void for_each_weight_run(const Conv3DGeometry& g, F&& f) {
  const Index places = g.plane.kernel_height * g.plane.kernel_width;
  const Index run = g.plane.group_in() * g.plane.out_channels;
  for (Index k = 0; k < g.kernel_depth; ++k)
    for (Index place = 0; place < places; ++place) f((place * g.kernel_depth + k) * run, (k * places + place) * run);
}

}  // namespace

Conv2DGeometry side_by_side(const Conv3DGeometry& g) {
  Conv2DGeometry image = g.plane;
  image.in_channels *= g.kernel_depth;
  return image;
}

void lay_planes(const Conv3DGeometry& g, Index out_plane, const float* volume, float* image) {
  const Index channels = g.plane.group_in();
  for_each_run(g, out_plane, [&](Index to, Index from) {
    if (from < 0)
      std::fill_n(image + to, channels, 0.0f);
    else
      std::copy_n(volume + from, channels, image + to);
  });
}

void add_planes(const Conv3DGeometry& g, Index out_plane, const float* image, float* volume) {
  const Index channels = g.plane.group_in();
  for_each_run(g, out_plane, [&](Index from, Index to) {
    if (to < 0) return;
    for (Index c = 0; c < channels; ++c) volume[to + c] += image[from + c];
  });
}

void lay_kernel(const Conv3DGeometry& g, const float* w, float* laid) {
  const Index run = g.plane.group_in() * g.plane.out_channels;
  for_each_weight_run(g, [&](Index to, Index from) { std::copy_n(w + from, run, laid + to); });
}

void restore_kernel(const Conv3DGeometry& g, const float* laid, float* w) {
  const Index run = g.plane.group_in() * g.plane.out_channels;
  for_each_weight_run(g, [&](Index from, Index to) { std::copy_n(laid + from, run, w + to); });
}

}  // namespace strata::kernels
