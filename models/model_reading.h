#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "models/functional.h"

/// The parts of reading a model's config. Internal.
namespace strata {

/// Limits beyond which a config is not a model but an attack; errors say so.
inline constexpr int most_nested_models = 40;
inline constexpr std::size_t most_layers = 10'000;
/// Calls of layers in one pass through a model, those of models within it counted each time: forty models that each
/// call the next one twice would be a trillion.
inline constexpr std::uint64_t most_calls = 50'000;

/// Config of a Sequential, or the list of layers that Keras before 2.2.3 wrote in its place.
std::shared_ptr<ModelDefinition> read_sequential(const ConfigValue& config);
/// Config of a Functional model, in the spelling of Keras 2 or 3.
std::shared_ptr<ModelDefinition> read_functional(const Config& config);
/// From the config of an InputLayer, or of a layer that says its input's shape in an older file.
Symbol read_input(const Config& config, const std::string& where);
/// A layer, or a model, from an entry of a model's `layers`.
Layer read_layer(const ConfigValue& entry);
/// Error that lists all classes of a model that nothing here knows, and the Lambda layers.
void check_classes(const ConfigValue& model);
/// Whether an entry of a model's `layers` stands for a plain operation.
bool is_operation(const Config& entry);
/// Entry's "name", or its config's.
std::string name_of_entry(const Config& entry);
/// The value of a key that has to be there; error naming `where`.
const ConfigValue& member(const Config& config, const char* key, const std::string& where);

/// Which output of which call a file means.
struct TensorRef {
  std::string layer;
  std::int64_t call = 0, tensor = 0;
};

/// The calls of a Functional model as its file has them, whatever the spelling.
struct NodeArgument {
  enum class Kind { tensor, constant, list };
  Kind kind = Kind::constant;
  TensorRef tensor = {};
  ConfigValue constant = {};
  std::vector<NodeArgument> list = {};
};
struct NodeCall {
  std::vector<NodeArgument> arguments;
  std::vector<NodeArgument> masks;  ///< the keyword argument `mask`; none if there was none
  bool reverse = false;             ///< the keyword argument of ReversibleEmbedding
};
/// One entry of `inbound_nodes`. Error naming `where` for anything that is not a call.
NodeCall read_node(const ConfigValue& node, const std::string& where);
/// `input_layers` and `output_layers`: nested or flat, lists or dicts by name.
std::vector<TensorRef> read_ends(const ConfigValue& ends, const std::string& where);
/// Every tensor of a call, in order.
std::vector<TensorRef*> tensors_of(NodeCall& call);

}  // namespace strata
