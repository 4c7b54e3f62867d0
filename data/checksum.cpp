#include "data/checksum.h"

#include <openssl/evp.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "core/base/error.h"

namespace strata::data {

struct Digest::State {
  struct Free {
    void operator()(EVP_MD_CTX* p) const { EVP_MD_CTX_free(p); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context{EVP_MD_CTX_new()};
};

Digest::Digest(Hash hash) : state_(std::make_unique<State>()) {
  const EVP_MD* algorithm = hash == Hash::md5 ? EVP_md5() : EVP_sha256();
  require(state_->context && EVP_DigestInit_ex(state_->context.get(), algorithm, nullptr) == 1, "checksum",
          hash == Hash::md5 ? "OpenSSL on this system refuses MD5" : "OpenSSL on this system refuses SHA-256");
}

Digest::~Digest() = default;

void Digest::update(std::span<const std::byte> bytes) {
  require(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1, "checksum",
          "OpenSSL failed to digest data");
}

std::string Digest::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  require(EVP_DigestFinal_ex(state_->context.get(), digest.data(), &length) == 1, "checksum",
          "OpenSSL failed to finish a digest");
  std::string text;
  for (unsigned int i = 0; i < length; ++i) {
    text += "0123456789abcdef"[digest[i] >> 4];
    text += "0123456789abcdef"[digest[i] & 15];
  }
  return text;
}

std::string hex_digest(Hash hash, std::span<const std::byte> bytes) {
  Digest digest(hash);
  digest.update(bytes);
  return digest.hex();
}

std::string file_digest(Hash hash, const std::filesystem::path& file) {
  const auto close = [](std::FILE* f) { std::fclose(f); };
  const std::unique_ptr<std::FILE, decltype(close)> in(std::fopen(file.c_str(), "rb"), close);
  if (!in) throw Error(file.string(), std::string("cannot be opened: ") + std::strerror(errno));
  Digest digest(hash);
  std::vector<std::byte> block(std::size_t{1} << 18);
  while (const std::size_t count = std::fread(block.data(), 1, block.size(), in.get()))
    digest.update({block.data(), count});
  if (std::ferror(in.get())) throw Error(file.string(), std::string("cannot be read: ") + std::strerror(errno));
  return digest.hex();
}

void verify_md5(const std::filesystem::path& file, const std::string& expected) {
  const std::string digest = file_digest(Hash::md5, file);
  if (digest != expected)
    throw Error(file.string(), "wrong checksum: expected MD5 " + expected + "; received " + digest);
}

}  // namespace strata::data
