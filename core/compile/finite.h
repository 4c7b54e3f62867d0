#pragma once

#include <string>

#include "core/compile/plan.h"

namespace strata {

/// Error that names `what` and the first element that is NaN or infinite, if there is one. `data` is readable here.
void check_finite(const Type& type, const void* data, const std::string& what);
/// `conv2d 'block1/conv' (gradient)`
std::string label(const PlanStep& step);

}  // namespace strata
