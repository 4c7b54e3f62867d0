#pragma once

#include <set>
#include <string>

#include "tools/strata/file_contents.h"

/// What can be told from a config whose classes may be unknown.
namespace strata::tools {

/// The value of a key; null when there is no such key, or `config` is no object.
const ConfigValue& value_at(const ConfigValue& config, const std::string& key);
/// The same, empty unless it is a text.
std::string text_at(const ConfigValue& config, const std::string& key);

ModelFacts model_facts(const ConfigValue& model);
/// Every object in a config whose class nothing here is registered for, as "MyLayer (my_package>MyLayer, my.module)".
void add_unknown_classes(const ConfigValue& config, std::set<std::string>& unknown);
/// An object by its class, or its name in the logs; lists and dicts of such.
std::string brief(const ConfigValue& value);

}  // namespace strata::tools
