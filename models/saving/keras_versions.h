#pragma once

namespace strata {

/// What written files say of their writer: the version of Keras whose layout they follow, and the backend whose order
/// of dimensions the weights have.
inline constexpr const char* keras_version = "3.15.1";
inline constexpr const char* legacy_keras_version = "2.15.0";
inline constexpr const char* keras_backend = "tensorflow";

}  // namespace strata
