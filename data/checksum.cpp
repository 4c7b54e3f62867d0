#include "data/checksum.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "core/base/error.h"

namespace strata::data {

std::unique_ptr<Digest> Digest::start(Hash hash) { return loaded<ChecksumModule>().start(hash); }

std::string hex_digest(Hash hash, std::span<const std::byte> bytes) {
  const auto digest = Digest::start(hash);
  digest->update(bytes);
  return digest->hex();
}

std::string file_digest(Hash hash, const std::filesystem::path& file) {
  const auto close = [](std::FILE* f) { std::fclose(f); };
  const std::unique_ptr<std::FILE, decltype(close)> in(std::fopen(file.c_str(), "rb"), close);
  if (!in) throw Error(file.string(), std::string("cannot be opened: ") + std::strerror(errno));
  const auto digest = Digest::start(hash);
  std::vector<std::byte> block(std::size_t{1} << 18);
  while (const std::size_t count = std::fread(block.data(), 1, block.size(), in.get()))
    digest->update({block.data(), count});
  if (std::ferror(in.get())) throw Error(file.string(), std::string("cannot be read: ") + std::strerror(errno));
  return digest->hex();
}

void verify_md5(const std::filesystem::path& file, const std::string& expected) {
  const std::string digest = file_digest(Hash::md5, file);
  if (digest != expected)
    throw Error(file.string(), "wrong checksum: expected MD5 " + expected + "; received " + digest);
}

}  // namespace strata::data
