#pragma once

#include <optional>
#include <string>

#include "layers/arguments.h"
#include "layers/layer.h"

/// Pooling over sequences, images and volumes; inputs, padding ("valid", "same") and data format as in layers/conv.h.
/// Padding never counts: not as a maximum, not in the divisor of a mean. Error when the window is larger than the
/// input.
namespace strata::layers {

template <std::size_t N>
struct PoolingOptions {
  std::optional<Size<N>> strides = {};  ///< none: the pool size
  std::string padding = "valid";
  std::string data_format = "channels_last";
  std::string name = {};
  bool trainable = true;
};
using Pooling1DOptions = PoolingOptions<1>;
using Pooling2DOptions = PoolingOptions<2>;
using Pooling3DOptions = PoolingOptions<3>;

STRATA_API Layer MaxPooling1D(Size1 pool_size = 2, const Pooling1DOptions& = {});
STRATA_API Layer MaxPooling2D(Size2 pool_size = 2, const Pooling2DOptions& = {});
STRATA_API Layer MaxPooling3D(Size3 pool_size = 2, const Pooling3DOptions& = {});
STRATA_API Layer AveragePooling1D(Size1 pool_size, const Pooling1DOptions& = {});
STRATA_API Layer AveragePooling2D(Size2 pool_size, const Pooling2DOptions& = {});
STRATA_API Layer AveragePooling3D(Size3 pool_size, const Pooling3DOptions& = {});

struct GlobalPoolingOptions {
  std::string data_format = "channels_last";
  bool keepdims = false;  ///< [batch, 1, ..., channels] rather than [batch, channels]
  std::string name = {};
  bool trainable = true;
};

/// Over all positions. GlobalAveragePooling1D leaves out the steps that a mask leaves out.
STRATA_API Layer GlobalMaxPooling1D(const GlobalPoolingOptions& = {});
STRATA_API Layer GlobalMaxPooling2D(const GlobalPoolingOptions& = {});
STRATA_API Layer GlobalMaxPooling3D(const GlobalPoolingOptions& = {});
STRATA_API Layer GlobalAveragePooling1D(const GlobalPoolingOptions& = {});
STRATA_API Layer GlobalAveragePooling2D(const GlobalPoolingOptions& = {});
STRATA_API Layer GlobalAveragePooling3D(const GlobalPoolingOptions& = {});

struct AdaptivePoolingOptions {
  std::string data_format = "channels_last";
  std::string name = {};
  bool trainable = true;
};

/// [batch, output_size..., channels], whatever the size of the input: window i of n along an axis of `in` positions
/// covers those from floor(i in / n) to before ceil((i + 1) in / n).
STRATA_API Layer AdaptiveMaxPooling1D(Size1 output_size, const AdaptivePoolingOptions& = {});
STRATA_API Layer AdaptiveMaxPooling2D(Size2 output_size, const AdaptivePoolingOptions& = {});
STRATA_API Layer AdaptiveMaxPooling3D(Size3 output_size, const AdaptivePoolingOptions& = {});
STRATA_API Layer AdaptiveAveragePooling1D(Size1 output_size, const AdaptivePoolingOptions& = {});
STRATA_API Layer AdaptiveAveragePooling2D(Size2 output_size, const AdaptivePoolingOptions& = {});
STRATA_API Layer AdaptiveAveragePooling3D(Size3 output_size, const AdaptivePoolingOptions& = {});

// Keras's other names.
inline Layer MaxPool1D(Size1 pool_size = 2, const Pooling1DOptions& o = {}) { return MaxPooling1D(pool_size, o); }
inline Layer MaxPool2D(Size2 pool_size = 2, const Pooling2DOptions& o = {}) { return MaxPooling2D(pool_size, o); }
inline Layer MaxPool3D(Size3 pool_size = 2, const Pooling3DOptions& o = {}) { return MaxPooling3D(pool_size, o); }
inline Layer AvgPool1D(Size1 pool_size, const Pooling1DOptions& o = {}) { return AveragePooling1D(pool_size, o); }
inline Layer AvgPool2D(Size2 pool_size, const Pooling2DOptions& o = {}) { return AveragePooling2D(pool_size, o); }
inline Layer AvgPool3D(Size3 pool_size, const Pooling3DOptions& o = {}) { return AveragePooling3D(pool_size, o); }
inline Layer GlobalMaxPool1D(const GlobalPoolingOptions& o = {}) { return GlobalMaxPooling1D(o); }
inline Layer GlobalMaxPool2D(const GlobalPoolingOptions& o = {}) { return GlobalMaxPooling2D(o); }
inline Layer GlobalMaxPool3D(const GlobalPoolingOptions& o = {}) { return GlobalMaxPooling3D(o); }
inline Layer GlobalAvgPool1D(const GlobalPoolingOptions& o = {}) { return GlobalAveragePooling1D(o); }
inline Layer GlobalAvgPool2D(const GlobalPoolingOptions& o = {}) { return GlobalAveragePooling2D(o); }
inline Layer GlobalAvgPool3D(const GlobalPoolingOptions& o = {}) { return GlobalAveragePooling3D(o); }

}  // namespace strata::layers
