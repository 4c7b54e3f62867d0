#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace strata::data {

enum class Hash { md5, sha256 };

/// A digest over bytes given in pieces.
class Digest {
 public:
  explicit Digest(Hash);
  Digest(const Digest&) = delete;
  Digest& operator=(const Digest&) = delete;
  ~Digest();
  void update(std::span<const std::byte> bytes);
  /// Lower-case hexadecimal. Once.
  std::string hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string hex_digest(Hash, std::span<const std::byte> bytes);
/// Of a file as it lies on the disk. Error when it cannot be read.
std::string file_digest(Hash, const std::filesystem::path& file);
/// Error unless the file as it lies on the disk has this MD5.
void verify_md5(const std::filesystem::path& file, const std::string& expected);

}  // namespace strata::data
