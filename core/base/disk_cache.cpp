#include "core/base/disk_cache.h"

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "core/base/atomic_file.h"
#include "core/base/error.h"

namespace strata {

namespace fs = std::filesystem;

namespace {
constexpr std::string_view format = "strata cache 1\n";

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string hexadecimal(std::uint64_t x) {
  std::string text(16, '0');
  for (std::size_t i = 16; i-- > 0; x >>= 4) text[i] = "0123456789abcdef"[x & 15];
  return text;
}

/// A file is this, the content's fingerprint in 16 digits, a new line and the content. The whole key is there because
/// the file's name holds only its fingerprint.
std::string head_of(std::string_view key) {
  return std::string(format) + std::to_string(key.size()) + "\n" + std::string(key) + "\n";
}
}  // namespace

std::uint64_t fingerprint(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

DiskCache::DiskCache(std::string_view kind) {
  fs::path root = environment("STRATA_CACHE_DIR");
  if (root.empty()) {
    if (const std::string cache = environment("XDG_CACHE_HOME"); !cache.empty())
      root = fs::path(cache) / "strata";
    else if (const std::string home = environment("HOME"); !home.empty())
      root = fs::path(home) / ".cache" / "strata";
  }
  if (!root.empty()) folder_ = root / kind;
}

fs::path DiskCache::file_of(std::string_view key) const { return folder_ / hexadecimal(fingerprint(key)); }

std::optional<std::string> DiskCache::find(std::string_view key) const {
  if (folder_.empty()) return std::nullopt;
  std::ifstream file(file_of(key), std::ios::binary);
  const std::string all{std::istreambuf_iterator<char>(file), {}};
  const std::string head = head_of(key);
  constexpr std::size_t digits = 17;
  if (!all.starts_with(head) || all.size() < head.size() + digits) return std::nullopt;
  std::string content = all.substr(head.size() + digits);
  if (all.compare(head.size(), digits, hexadecimal(fingerprint(content)) + "\n") != 0) return std::nullopt;
  return content;
}

void DiskCache::put(std::string_view key, std::string_view content) const {
  if (folder_.empty()) return;
  try {
    std::error_code ignored;  // AtomicFile finds out
    fs::create_directories(folder_, ignored);
    AtomicFile file(file_of(key));
    file.write(head_of(key) + hexadecimal(fingerprint(content)) + "\n");
    file.write(content);
    file.commit();
  } catch (const Error&) {
  }
}

}  // namespace strata
