// Digests by OpenSSL.
#include <openssl/evp.h>

#include <array>

#include "core/base/error.h"
#include "data/checksum.h"

namespace strata::data {

namespace {

class OpenSslDigest final : public Digest {
 public:
  explicit OpenSslDigest(Hash hash) {
    const EVP_MD* algorithm = hash == Hash::md5 ? EVP_md5() : EVP_sha256();
    require(context_ && EVP_DigestInit_ex(context_.get(), algorithm, nullptr) == 1, "checksum",
            hash == Hash::md5 ? "OpenSSL on this system refuses MD5" : "OpenSSL on this system refuses SHA-256");
  }

  void update(std::span<const std::byte> bytes) override {
    require(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1, "checksum",
            "OpenSSL failed to digest data");
  }

  std::string hex() override {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int length = 0;
    require(EVP_DigestFinal_ex(context_.get(), digest.data(), &length) == 1, "checksum",
            "OpenSSL failed to finish a digest");
    std::string text;
    for (unsigned int i = 0; i < length; ++i) {
      text += "0123456789abcdef"[digest[i] >> 4];
      text += "0123456789abcdef"[digest[i] & 15];
    }
    return text;
  }

 private:
  struct Free {
    void operator()(EVP_MD_CTX* p) const { EVP_MD_CTX_free(p); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_{EVP_MD_CTX_new()};
};

class OpenSsl final : public ChecksumModule {
 public:
  std::unique_ptr<Digest> start(Hash hash) const override { return std::make_unique<OpenSslDigest>(hash); }
};

const RegisteredModule<OpenSsl> openssl;

}  // namespace

}  // namespace strata::data
