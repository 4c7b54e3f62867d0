#pragma once

#include <charconv>
#include <compare>
#include <string>
#include <string_view>

namespace strata {

/// A version as libraries and drivers give it: 9.19.0, 580.65.6.
struct LibraryVersion {
  int major = 0, minor = 0, patch = 0;

  friend auto operator<=>(const LibraryVersion&, const LibraryVersion&) = default;

  /// 9.19.0 of 91900, cuDNN's and NCCL's way; 13.0.0 of 13000, CUDA's, with `major_unit` 1000 and `minor_unit` 10.
  static LibraryVersion of_number(int number, int major_unit = 10000, int minor_unit = 100) {
    return {number / major_unit, number % major_unit / minor_unit, number % minor_unit};
  }

  /// The numbers of "580.65.06", up to the first text that is none; 0.0.0 of anything else.
  static LibraryVersion of_text(std::string_view text) {
    LibraryVersion version;
    const char* at = text.data();
    const char* const end = at + text.size();
    for (int* part : {&version.major, &version.minor, &version.patch}) {
      const auto [next, code] = std::from_chars(at, end, *part);
      if (code != std::errc{} || next == end || *next != '.') break;
      at = next + 1;
    }
    return version;
  }

  std::string text() const {
    return std::to_string(major) + "." + std::to_string(minor) + (patch > 0 ? "." + std::to_string(patch) : "");
  }
};

}  // namespace strata
