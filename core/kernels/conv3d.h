#pragma once

// Convolution over volumes [batch, depth, height, width, channels] by the algorithms of conv2d.h: the planes of x that
// one plane of y reads, laid side by side, are an image of kernel_depth times as many channels, and a plane of y is a
// two-dimensional convolution of it. Here is what lays planes and kernels side by side and back.

#include <cstddef>

#include "core/kernels/conv_geometry.h"

namespace strata::kernels {

// The convolution of one such image: batch 1. Within each group the channels of the first plane come first.
Conv2DGeometry side_by_side(const Conv3DGeometry& g);

// The image [in_height, in_width, kernel_depth * in_channels] that plane `out_plane` of y reads out of `volume`; zero
// where a plane lies outside.
void lay_planes(const Conv3DGeometry& g, Index out_plane, const float* volume, float* image);
// The reverse: adds the image to the planes it came from.
void add_planes(const Conv3DGeometry& g, Index out_plane, const float* image, float* volume);

// w [kernel_depth, kernel_height, kernel_width, group_in, out_channels] as the kernel of side_by_side(g), and back.
void lay_kernel(const Conv3DGeometry& g, const float* w, float* laid);
void restore_kernel(const Conv3DGeometry& g, const float* laid, float* w);

}  // namespace strata::kernels
