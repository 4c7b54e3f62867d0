#pragma once
#include "models/options.h"
namespace strata {
STRATA_API ConfigValue to_config(const Loss&); STRATA_API void from_config(const ConfigValue&, Loss&);
STRATA_API ConfigValue to_config(const Metric&); STRATA_API void from_config(const ConfigValue&, Metric&);
}
