#pragma once

#include <concepts>
#include <type_traits>

#include "core/base/argument_fields.h"

/// Arguments that a statement (core/base/argument_fields.h) reads wherever they stand, but writes only where they say
/// something: the readers of older versions of Keras do not know their keys. Internal.
namespace strata {

/// Not written while it has its usual value.
template <class Field, class T>
void field_unless(const std::type_identity_t<std::remove_const_t<T>>& usual, Field& field, const char* key, T& value) {
  if constexpr (std::same_as<Field, ArgumentWriter>)
    if (value == usual) return;
  field(key, value);
}

/// Not written while it is empty.
template <class Field, class T>
void field_if_set(Field& field, const char* key, T& value) {
  field_unless({}, field, key, value);
}

}  // namespace strata
