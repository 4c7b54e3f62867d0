#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "core/base/export.h"

namespace strata {

/// The one exception type of the library. `what()` is one sentence that names where (op, layer or file),
/// what was expected and what was received: `[conv2d 'block1/conv'] expected [N,H,W,C]; received [8,28,28]`.
class STRATA_API Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message);
  Error(std::string_view where, std::string_view message);
  Error(const Error&) = default;
  Error& operator=(const Error&) = default;
  ~Error() override;

  /// The text without its `[where]` prefix.
  const std::string& message() const noexcept { return message_; }
  /// The place already named, empty if none.
  const std::string& where() const noexcept { return where_; }

 private:
  std::string where_, message_;
};

/// A step or a tensor would go beyond a device's memory limit, or the system has no memory left.
class STRATA_API MemoryError : public Error {
 public:
  using Error::Error;
  ~MemoryError() override;
};

/// Throws `[where] expected <expected>; received <received>`.
[[noreturn]] STRATA_API void fail_expected(std::string_view where, std::string_view expected, std::string_view received);

/// Throws `[where] message` unless `ok`.
inline void require(bool ok, std::string_view where, std::string_view message) {
  if (!ok) [[unlikely]]
    throw Error(where, message);
}

}  // namespace strata
