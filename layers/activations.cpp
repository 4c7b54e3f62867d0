#include "layers/activations.h"

#include <map>

namespace strata {

namespace {
struct Known {
  const char* name;  // the function's own, where the key is an alias
  Value (*function)(Value);
};

const std::map<std::string, Known, std::less<>>& known_activations() {
  namespace act = activations;
  static const std::map<std::string, Known, std::less<>> known{
      {"relu", {"relu", [](Value x) { return act::relu(x); }}},
      {"relu6", {"relu6", [](Value x) { return act::relu6(x); }}},
      {"leaky_relu", {"leaky_relu", [](Value x) { return act::leaky_relu(x); }}},
      {"elu", {"elu", [](Value x) { return act::elu(x); }}},
      {"celu", {"celu", [](Value x) { return act::celu(x); }}},
      {"selu", {"selu", [](Value x) { return act::selu(x); }}},
      {"gelu", {"gelu", [](Value x) { return act::gelu(x); }}},
      {"silu", {"silu", [](Value x) { return act::silu(x); }}},
      {"swish", {"silu", [](Value x) { return act::silu(x); }}},
      {"hard_silu", {"hard_silu", [](Value x) { return act::hard_silu(x); }}},
      {"hard_swish", {"hard_silu", [](Value x) { return act::hard_silu(x); }}},
      {"mish", {"mish", [](Value x) { return act::mish(x); }}},
      {"softmax", {"softmax", [](Value x) { return act::softmax(x); }}},
      {"log_softmax", {"log_softmax", [](Value x) { return act::log_softmax(x); }}},
      {"sparsemax", {"sparsemax", [](Value x) { return act::sparsemax(x); }}},
      {"softplus", {"softplus", [](Value x) { return act::softplus(x); }}},
      {"softsign", {"softsign", [](Value x) { return act::softsign(x); }}},
      {"sigmoid", {"sigmoid", [](Value x) { return act::sigmoid(x); }}},
      {"log_sigmoid", {"log_sigmoid", [](Value x) { return act::log_sigmoid(x); }}},
      {"hard_sigmoid", {"hard_sigmoid", [](Value x) { return act::hard_sigmoid(x); }}},
      {"sparse_sigmoid", {"sparse_sigmoid", [](Value x) { return act::sparse_sigmoid(x); }}},
      {"tanh", {"tanh", [](Value x) { return act::tanh(x); }}},
      {"hard_tanh", {"hard_tanh", [](Value x) { return act::hard_tanh(x); }}},
      {"tanh_shrink", {"tanh_shrink", [](Value x) { return act::tanh_shrink(x); }}},
      {"hard_shrink", {"hard_shrink", [](Value x) { return act::hard_shrink(x); }}},
      {"soft_shrink", {"soft_shrink", [](Value x) { return act::soft_shrink(x); }}},
      {"glu", {"glu", [](Value x) { return act::glu(x); }}},
      {"squareplus", {"squareplus", [](Value x) { return act::squareplus(x); }}},
      {"sparse_plus", {"sparse_plus", [](Value x) { return act::sparse_plus(x); }}},
      {"exponential", {"exponential", [](Value x) { return act::exponential(x); }}},
  };
  return known;
}
}  // namespace

Activation::Activation(const char* identifier) : Activation(std::string(identifier)) {}

Activation::Activation(const std::string& identifier) {
  if (identifier.empty() || identifier == "linear") return;
  const auto found = known_activations().find(identifier);
  if (found == known_activations().end())
    throw Error("activation", "Could not interpret activation function identifier: " + identifier);
  name_ = found->second.name;
  function_ = found->second.function;
}

}  // namespace strata
