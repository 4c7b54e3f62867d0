#include "core/base/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <random>
#include <string>
#include <utility>

#include "core/base/error.h"

namespace strata {

namespace fs = std::filesystem;

AtomicFile::AtomicFile(const fs::path& target) : target_(target) {
  std::error_code status, ignored;  // that the target is missing is no error
  if (fs::is_symlink(target_, ignored)) {
    const fs::path leads_to = fs::canonical(target_, status);
    if (status) fail("the symbolic link cannot be followed", status.value());
    target_ = leads_to;
  }
  if (fs::is_directory(target_, ignored)) fail("cannot be written", EISDIR);
  std::random_device random;
  do {
    temporary_ = target_.parent_path() / ("." + target_.filename().string() + "." + std::to_string(random()) + ".tmp");
    fd_ = ::open(temporary_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (fd_ < 0 && errno == EEXIST);
  if (fd_ < 0) fail("cannot be written", errno);
  struct stat previous;
  if (::stat(target_.c_str(), &previous) != 0) return;
  // Not all file systems know modes: keeping the old one is no reason to refuse the content.
  [[maybe_unused]] const int kept = ::fchmod(fd_, previous.st_mode & 0777);
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!committed_) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("cannot be written", errno);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

void AtomicFile::commit() {
  struct stat opened, named;
  if (::fstat(fd_, &opened) != 0 || ::stat(temporary_.c_str(), &named) != 0) fail("cannot be written", errno);
  if (opened.st_ino != named.st_ino) {  // a writer that works by name has put a file of its own there
    ::close(std::exchange(fd_, -1));
    fd_ = ::open(temporary_.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd_ < 0) fail("cannot be written", errno);
  }
  if (::fsync(fd_) != 0) fail("cannot be written", errno);
  const int closed = ::close(std::exchange(fd_, -1));
  if (closed != 0) fail("cannot be written", errno);
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail("cannot be replaced", errno);
  committed_ = true;
  // The rename itself reaches the disk with the folder. Where folders cannot be synchronized, the file is still whole.
  const fs::path folder = target_.has_parent_path() ? target_.parent_path() : fs::path(".");
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

void AtomicFile::fail(std::string_view what, int error) const {
  throw Error(target_.string(), std::string(what) + ": " + std::strerror(error));
}

}  // namespace strata
