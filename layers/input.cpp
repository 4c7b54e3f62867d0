#include "layers/input.h"

#include "core/graph/names.h"
#include "layers/checks.h"

namespace strata::layers {

Symbol Input(const Shape& shape, const InputOptions& o) {
  const std::string where = place("Input", o.name);
  if (o.name.find('/') != std::string::npos) throw Error(where, "a layer's name cannot contain '/'");
  Shape with_batch{open_dim};
  for (const std::int64_t size : shape) {
    if (size < 1 && size != open_dim) fail_expected(where, "positive sizes, or -1 for an open one", to_string(shape));
    with_batch.push_back(size);
  }
  return input_symbol(o.name.empty() ? unique_name("input_layer") : o.name, with_batch, o.dtype);
}

}  // namespace strata::layers
