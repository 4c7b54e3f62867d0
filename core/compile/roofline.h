#pragma once

#include "core/base/dtype.h"
#include "core/device/device.h"

namespace strata {

/// What a device reaches at best, measured here and now: the two lines of the roofline model (Williams, Waterman and
/// Patterson, "Roofline: an insightful visual performance model", 2009).
struct Roofline {
  double flops = 0;  ///< operations in a second, of a large square product
  double bytes = 0;  ///< read and written in a second, in a pass over an array
};

/// Products and arrays grow until one takes 10 ms, up to sides of 8192 and to 256 MiB; all takes about a second.
/// `dtype` is a floating type, that of the product's operands; the pass is over f32. The number of threads is that of
/// config::set_num_threads.
STRATA_API Roofline measure_roofline(Device device, DType dtype = DType::f32);

}  // namespace strata
