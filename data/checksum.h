#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/base/module.h"

namespace strata::data {

enum class Hash { md5, sha256 };

/// A digest over bytes given in pieces.
class Digest {
 public:
  static std::unique_ptr<Digest> start(Hash);
  virtual ~Digest() = default;
  virtual void update(std::span<const std::byte> bytes) = 0;
  /// Lower-case hexadecimal. Once.
  virtual std::string hex() = 0;
};

std::string hex_digest(Hash, std::span<const std::byte> bytes);
/// Of a file as it lies on the disk. Error when it cannot be read.
std::string file_digest(Hash, const std::filesystem::path& file);
/// Error unless the file as it lies on the disk has this MD5.
void verify_md5(const std::filesystem::path& file, const std::string& expected);

/// The module with OpenSSL's libcrypto, its only use.
class ChecksumModule : public Module {
 public:
  static constexpr std::string_view module_name = "checksum";
  virtual std::unique_ptr<Digest> start(Hash) const = 0;
};

}  // namespace strata::data
