#include "tools/strata/starter_networks.h"

namespace strata::tools {

Sequential starter_cnn(const Shape& sample, std::int64_t classes) {
  return Sequential({layers::Input(sample), layers::Conv2D(32, 3, {.activation = "relu"}),
                     layers::Conv2D(64, 3, {.activation = "relu"}), layers::MaxPooling2D(2), layers::Dropout(0.25),
                     layers::Flatten(), layers::Dense(128, {.activation = "relu"}), layers::Dropout(0.5),
                     layers::Dense(classes, {.activation = "softmax"})},
                    "cnn");
}

Sequential starter_mlp(const Shape& sample, std::int64_t classes) {
  return Sequential({layers::Input(sample), layers::Flatten(), layers::Dense(512, {.activation = "relu"}),
                     layers::Dropout(0.2), layers::Dense(512, {.activation = "relu"}), layers::Dropout(0.2),
                     layers::Dense(classes, {.activation = "softmax"})},
                    "mlp");
}

Sequential starter_linear(const Shape& sample, std::int64_t classes) {
  return Sequential({layers::Input(sample), layers::Flatten(), layers::Dense(classes, {.activation = "softmax"})},
                    "linear");
}

}  // namespace strata::tools
