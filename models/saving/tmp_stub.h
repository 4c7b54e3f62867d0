#pragma once
#include "models/options.h"
namespace strata {
ConfigValue to_config(const Loss&); void from_config(const ConfigValue&, Loss&);
ConfigValue to_config(const Metric&); void from_config(const ConfigValue&, Metric&);
}
