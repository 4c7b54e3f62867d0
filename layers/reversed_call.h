#pragma once

#include "layers/layer.h"

namespace strata::layers {

/// The ReversibleEmbedding whose way back this step of a model is; an empty handle for any other step. Internal.
Layer reversed_by(const Callable& step);

}  // namespace strata::layers
