#include "core/ops/elementwise.h"

namespace strata::detail {

namespace {
void require_domain(std::string_view name, Domain domain, const Type& type) {
  if (domain == Domain::floating && !is_floating(type.dtype))
    fail_expected(name, "a floating element type (f32, f64, f16, bf16)", to_string(type));
  if (domain == Domain::numeric && type.dtype == DType::boolean)
    fail_expected(name, "numbers", to_string(type));
}
}  // namespace

void require_inputs(std::string_view name, std::size_t wanted, std::span<const Type> in) {
  if (in.size() != wanted)
    fail_expected(name, std::to_string(wanted) + (wanted == 1 ? " input" : " inputs"), std::to_string(in.size()));
}

Type infer_unary(std::string_view name, Domain domain, std::span<const Type> in) {
  require_inputs(name, 1, in);
  require_domain(name, domain, in[0]);
  return in[0];
}

Type infer_binary(std::string_view name, Domain domain, std::span<const Type> in) {
  require_inputs(name, 2, in);
  if (in[0].dtype != in[1].dtype)
    fail_expected(name, "inputs of one element type", to_string(in[0]) + " and " + to_string(in[1]));
  require_domain(name, domain, in[0]);
  return {in[0].dtype, broadcast(in[0].shape, in[1].shape, name)};
}

}  // namespace strata::detail
