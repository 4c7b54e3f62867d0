#include "core/base/disk_cache.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <vector>

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

/// A file of the cache, or an AtomicFile on the way to become one, which a process that was killed leaves behind.
bool is_ours(const fs::path& file) {
  std::string name = file.filename().string();
  if (name.starts_with('.') && name.ends_with(".tmp")) name = name.substr(1, name.find('.', 1) - 1);
  return name.size() == 16 && std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isxdigit(c); });
}

struct KeptFile {
  fs::path path;
  fs::file_time_type asked_for;
  std::uintmax_t bytes;
};

/// Those of the folder, without the ones that another process takes away meanwhile.
std::vector<KeptFile> kept_files(const fs::path& folder) {
  std::vector<KeptFile> files;
  std::error_code end_of_list;
  for (fs::directory_iterator at(folder, end_of_list), end; !end_of_list && at != end; at.increment(end_of_list)) {
    if (!is_ours(at->path())) continue;
    std::error_code no_time, no_size;
    KeptFile file{at->path(), at->last_write_time(no_time), at->file_size(no_size)};
    if (!no_time && !no_size) files.push_back(std::move(file));
  }
  return files;
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

DiskCache::DiskCache(std::string_view kind, std::uintmax_t limit) : limit_(limit) {
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
  const fs::path path = file_of(key);
  std::ifstream file(path, std::ios::binary);
  const std::string all{std::istreambuf_iterator<char>(file), {}};
  const std::string head = head_of(key);
  constexpr std::size_t digits = 17;
  if (!all.starts_with(head) || all.size() < head.size() + digits) return std::nullopt;
  std::string content = all.substr(head.size() + digits);
  if (all.compare(head.size(), digits, hexadecimal(fingerprint(content)) + "\n") != 0) return std::nullopt;
  std::error_code ignored;  // a cache that cannot be written is not trimmed either
  fs::last_write_time(path, fs::file_time_type::clock::now(), ignored);
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
    return;
  }
  const bool one_in_sixteen = fingerprint(key) % 16 == 0;
  if (one_in_sixteen) trim();
}

/// Somewhat more goes than must, so that what follows has room.
void DiskCache::trim() const {
  std::vector<KeptFile> files = kept_files(folder_);
  std::uintmax_t bytes = 0;
  for (const KeptFile& file : files) bytes += file.bytes;
  if (bytes <= limit_) return;
  std::sort(files.begin(), files.end(), [](const KeptFile& a, const KeptFile& b) { return a.asked_for < b.asked_for; });
  for (const KeptFile& file : files) {
    if (bytes <= limit_ / 4 * 3) return;
    std::error_code ignored;  // another process was faster
    fs::remove(file.path, ignored);
    bytes -= file.bytes;
  }
}

}  // namespace strata
