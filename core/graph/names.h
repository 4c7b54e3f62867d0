#pragma once

#include <string>
#include <string_view>

#include "core/base/export.h"

namespace strata {

/// Keras's automatic names: `dense`, `dense_1`, ... one counter per stem for the process.
STRATA_API std::string unique_name(std::string_view stem);
/// Starts all counters anew (Keras's clear_session).
STRATA_API void reset_names();
/// Keras's spelling of a class as a name: `MaxPooling2D` -> `max_pooling2d`, `ReLU` -> `re_lu`.
STRATA_API std::string snake_case(std::string_view class_name);
/// `reduce_sum` -> `ReduceSum`.
STRATA_API std::string camel_case(std::string_view snake);

}  // namespace strata
