// Downloads by libcurl, the only use of it.
#include "data/download.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <thread>

#include "core/base/error.h"

namespace strata::data {

namespace fs = std::filesystem;

namespace {

// An open .part file on which this process alone works. Another one may have finished and renamed it while we waited:
// then the path leads to another file or to none, and we look again.
class PartFile {
 public:
  explicit PartFile(fs::path path) : path_(std::move(path)) {
    for (;;) {
      fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
      if (fd_ < 0) throw Error(path_.string(), std::string("cannot be created: ") + std::strerror(errno));
      struct stat ours, there;
      if (::flock(fd_, LOCK_EX) == 0 && ::fstat(fd_, &ours) == 0 && ::stat(path_.c_str(), &there) == 0 &&
          ours.st_ino == there.st_ino && ours.st_dev == there.st_dev)
        return;
      ::close(fd_);
    }
  }
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;
  ~PartFile() {
    if (size() == 0) ::unlink(path_.c_str());
    ::close(fd_);
  }

  const fs::path& path() const { return path_; }
  std::int64_t size() const {
    struct stat info;
    return ::fstat(fd_, &info) == 0 ? info.st_size : 0;
  }
  void clear() { resize(0); }
  // To its end at `size`, with the write position there.
  void resize(std::int64_t size) {
    if (::ftruncate(fd_, size) != 0 || ::lseek(fd_, size, SEEK_SET) < 0)
      throw Error(path_.string(), std::string("cannot be truncated: ") + std::strerror(errno));
  }
  // 0, or errno.
  int append(const char* data, std::size_t count) {
    while (count > 0) {
      const ssize_t written = ::write(fd_, data, count);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return errno;
      data += written;
      count -= static_cast<std::size_t>(written);
    }
    return 0;
  }
  void sync() {
    if (::fsync(fd_) != 0) throw Error(path_.string(), std::string("cannot be written: ") + std::strerror(errno));
  }

 private:
  fs::path path_;
  int fd_ = -1;
};

// `name 34% 55.1 of 162.2 MB` on one line of a terminal, a few times a second; without a terminal one line at the end.
class Progress {
 public:
  Progress(std::string name, bool quiet) : name_(std::move(name)), quiet_(quiet), terminal_(::isatty(2) != 0) {}
  void show(std::int64_t done, std::int64_t total, bool last) {
    const auto now = std::chrono::steady_clock::now();
    if (quiet_ || (!last && (!terminal_ || now - shown_ < std::chrono::milliseconds(200)))) return;
    shown_ = now;
    const double mb = 1e6;
    if (total > 0) {
      const int filled = static_cast<int>(30 * std::min(done, total) / total);
      std::fprintf(stderr, "%s%s [%s%s] %.1f of %.1f MB%s", terminal_ ? "\r" : "", name_.c_str(),
                   std::string(static_cast<std::size_t>(filled), '=').c_str(),
                   std::string(static_cast<std::size_t>(30 - filled), '.').c_str(), static_cast<double>(done) / mb,
                   static_cast<double>(total) / mb, last ? "\n" : "");
    } else {
      std::fprintf(stderr, "%s%s %.1f MB%s", terminal_ ? "\r" : "", name_.c_str(), static_cast<double>(done) / mb,
                   last ? "\n" : "");
    }
  }

 private:
  std::string name_;
  bool quiet_, terminal_;
  std::chrono::steady_clock::time_point shown_{};
};

struct Attempt {
  PartFile& part;
  Progress& progress;
  std::int64_t resumed_at;
  const DownloadOptions& options;
  std::chrono::steady_clock::time_point last_byte = std::chrono::steady_clock::now();
  std::int64_t received = 0;
  int write_error = 0;
  bool too_large = false, stalled = false;
};

std::size_t on_data(char* data, std::size_t, std::size_t count, void* user) {
  Attempt& a = *static_cast<Attempt*>(user);
  a.received += static_cast<std::int64_t>(count);
  a.last_byte = std::chrono::steady_clock::now();
  a.too_large = a.resumed_at + a.received > a.options.max_bytes;
  if (a.too_large) return 0;  // fewer than count: curl stops with CURLE_WRITE_ERROR
  a.write_error = a.part.append(data, count);
  return a.write_error == 0 ? count : 0;
}

// Before the first byte, connecting has its own limit.
std::chrono::milliseconds connect_allowance(const Attempt& a) {
  return a.received > 0 ? std::chrono::milliseconds(0) : a.options.connect_timeout;
}

int on_progress(void* user, curl_off_t total, curl_off_t done, curl_off_t, curl_off_t) {
  Attempt& a = *static_cast<Attempt*>(user);
  a.progress.show(a.resumed_at + done, total > 0 ? a.resumed_at + total : 0, false);
  // curl's own limit judges by the mean of several seconds, which notices a stall late.
  a.stalled = std::chrono::steady_clock::now() - a.last_byte > a.options.stall_timeout + connect_allowance(a);
  return a.stalled ? 1 : 0;  // 1: curl stops with CURLE_ABORTED_BY_CALLBACK
}

enum class Outcome { done, restart, again, hopeless };
struct Result {
  Outcome outcome;
  std::string reason;
};

Result judge(CURLcode code, long status, const Attempt& a, const char* detail) {
  if (code == CURLE_OK) return {Outcome::done, ""};
  if (a.too_large)
    return {Outcome::hopeless, "the file is larger than " + std::to_string(a.options.max_bytes) + " bytes"};
  if (a.write_error != 0)
    return {Outcome::hopeless, a.part.path().string() + " cannot be written: " + std::strerror(a.write_error)};
  if (code == CURLE_RANGE_ERROR || (code == CURLE_HTTP_RETURNED_ERROR && status == 416))
    return {Outcome::restart, "the server cannot continue a partial file"};
  if (code == CURLE_HTTP_RETURNED_ERROR) {
    const bool passing = status >= 500 || status == 408 || status == 429;
    return {passing ? Outcome::again : Outcome::hopeless, "the server answered " + std::to_string(status)};
  }
  if (a.stalled)
    return {Outcome::again, a.received > 0 ? "timed out: the server stopped sending" : "timed out without an answer"};
  if (code == CURLE_OPERATION_TIMEDOUT) return {Outcome::again, "timed out while connecting"};
  if (code == CURLE_PARTIAL_FILE) return {Outcome::again, "the connection was cut off"};
  const std::string text = detail[0] != '\0' ? detail : curl_easy_strerror(code);
  const bool hopeless = code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_UNSUPPORTED_PROTOCOL ||
                        code == CURLE_URL_MALFORMAT || code == CURLE_PEER_FAILED_VERIFICATION ||
                        code == CURLE_TOO_MANY_REDIRECTS;
  return {hopeless ? Outcome::hopeless : Outcome::again, text};
}

// One request that appends to the part file.
Result fetch_once(const std::string& url, PartFile& part, Progress& progress, const DownloadOptions& options) {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  const auto cleanup = [](CURL* handle) { curl_easy_cleanup(handle); };
  const std::unique_ptr<CURL, decltype(cleanup)> curl(started == CURLE_OK ? curl_easy_init() : nullptr, cleanup);
  if (!curl) return {Outcome::hopeless, "libcurl could not be started"};
  part.resize(part.size());
  Attempt attempt{part, progress, part.size(), options};
  std::array<char, CURL_ERROR_SIZE> detail{};
  CURL* const h = curl.get();
  curl_easy_setopt(h, CURLOPT_URL, url.c_str());
  curl_easy_setopt(h, CURLOPT_ERRORBUFFER, detail.data());
  curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);  // no signal handlers in a library
  curl_easy_setopt(h, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(h, CURLOPT_MAXREDIRS, 5L);
#if LIBCURL_VERSION_NUM >= 0x075500
  curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(h, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
#else
  curl_easy_setopt(h, CURLOPT_PROTOCOLS, static_cast<long>(CURLPROTO_HTTP | CURLPROTO_HTTPS));
  curl_easy_setopt(h, CURLOPT_REDIR_PROTOCOLS, static_cast<long>(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
  curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
  curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_data);
  curl_easy_setopt(h, CURLOPT_WRITEDATA, &attempt);
  curl_easy_setopt(h, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(h, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(h, CURLOPT_XFERINFODATA, &attempt);
  if (attempt.resumed_at > 0)
    curl_easy_setopt(h, CURLOPT_RESUME_FROM_LARGE, static_cast<curl_off_t>(attempt.resumed_at));
  const CURLcode code = curl_easy_perform(h);
  long status = 0;
  curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status);
  return judge(code, status, attempt, detail.data());
}

class Curl final : public DownloadModule {
 public:
  void download(const std::string& url, const fs::path& target, const Verify& verify,
                const DownloadOptions& options) const override;
};

void Curl::download(const std::string& url, const fs::path& target, const Verify& verify,
                    const DownloadOptions& options) const {
  std::error_code status;
  fs::create_directories(target.parent_path(), status);
  if (status) throw Error(target.parent_path().string(), "the folder cannot be made: " + status.message());
  PartFile part(target.string() + ".part");
  if (fs::exists(target, status)) {  // another process was faster
    verify(target);
    return;
  }
  Progress progress(target.filename().string(), options.quiet);
  std::string reasons;
  bool verified_before = false;
  auto pause = options.pause;
  for (int attempt = 1; attempt <= options.attempts;) {
    Result result = fetch_once(url, part, progress, options);
    if (result.outcome == Outcome::done) {
      progress.show(part.size(), part.size(), true);
      part.sync();
      try {
        verify(part.path());
        break;
      } catch (const Error& e) {
        part.clear();
        result = {verified_before ? Outcome::hopeless : Outcome::again, "what came is wrong: " + e.message()};
        verified_before = true;
      }
    }
    if (result.outcome == Outcome::restart && part.size() > 0) {
      part.clear();  // a new beginning is not another attempt: an empty file is never continued
      continue;
    }
    if (reasons.find(result.reason) == std::string::npos) reasons += (reasons.empty() ? "" : "; then ") + result.reason;
    if (result.outcome == Outcome::hopeless || attempt == options.attempts)
      throw Error(url, reasons + " (" + std::to_string(attempt) + (attempt == 1 ? " attempt)" : " attempts)"));
    ++attempt;
    std::this_thread::sleep_for(pause);
    pause *= 2;
  }
  fs::rename(part.path(), target, status);
  if (status) throw Error(target.string(), "cannot be renamed from its .part file: " + status.message());
}

const RegisteredModule<Curl> curl;

}  // namespace

}  // namespace strata::data
