// Neighbouring elements that are moved as one. Free-standing (core/base/host_device.h).
#pragma once

#include "core/base/host_device.h"

namespace strata::tiles {

template <class T, int width>
struct alignas(sizeof(T) * width) Pack {
  T at[width];
};

/// The address must be a multiple of the pack's size.
template <int width, class T>
STRATA_HD inline Pack<T, width> load_pack(const T* x) {
  return *reinterpret_cast<const Pack<T, width>*>(x);
}
template <int width, class T>
STRATA_HD inline void store_pack(T* y, const Pack<T, width>& pack) {
  *reinterpret_cast<Pack<T, width>*>(y) = pack;
}

}  // namespace strata::tiles
