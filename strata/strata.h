#pragma once

// Everything Strata offers, in one header: #include <strata/strata.h>.

#include "core/base/version.h"
