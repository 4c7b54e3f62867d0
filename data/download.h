#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "core/base/module.h"

namespace strata::data {

struct DownloadOptions {
  bool quiet = false;  ///< no progress bar on stderr
  std::chrono::milliseconds connect_timeout{15'000};
  std::chrono::milliseconds stall_timeout{20'000};  ///< gives up an attempt after that long without a byte
  int attempts = 4;                                 ///< in all; those that cannot succeed (404) are not repeated
  std::chrono::milliseconds pause{500};             ///< before the second attempt, doubled for each further one
  std::int64_t max_bytes = std::int64_t{1} << 30;
};

/// Looks at a file and throws what is wrong with it.
using Verify = std::function<void(const std::filesystem::path&)>;

/// Fetches `url` (http or https) into `target`. Data goes to `target` + ".part" first; one that an earlier attempt or
/// process left is continued, or started anew where the server cannot. Then `verify` looks at the .part file; one that
/// is wrong is removed and fetched once more from the beginning; then it is
/// renamed. Two processes fetching the same file take turns. Error naming the URL and the reason of each attempt.
void download(const std::string& url, const std::filesystem::path& target, const Verify& verify,
              const DownloadOptions& options = {});

/// The module with libcurl, its only use.
class DownloadModule : public Module {
 public:
  static constexpr std::string_view module_name = "download";
  virtual void download(const std::string& url, const std::filesystem::path& target, const Verify& verify,
                        const DownloadOptions& options) const = 0;
};

}  // namespace strata::data
