#include "data/download.h"

namespace strata::data {

void download(const std::string& url, const std::filesystem::path& target, const Verify& verify,
              const DownloadOptions& options) {
  loaded<DownloadModule>().download(url, target, verify, options);
}

}  // namespace strata::data
