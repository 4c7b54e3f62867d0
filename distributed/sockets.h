#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <string>

/// TCP connections between processes that trust each other. Every wait has an end. Internal.
namespace strata::distribute {

using Clock = std::chrono::steady_clock;

/// An open file descriptor, which it closes.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(other.release()) {}
  Socket& operator=(Socket&& other) noexcept;
  ~Socket();

  int fd() const { return fd_; }
  bool open() const { return fd_ >= 0; }
  int release() noexcept;

 private:
  int fd_ = -1;
};

/// Waits at this port of all interfaces; any free one for 0. Error when it is taken.
Socket listen_at(int port);
int port_of(const Socket& listener);
/// A closed Socket when nobody came in time.
Socket accept_from(const Socket& listener, Clock::time_point deadline);
/// Tries again until somebody listens there. Error, with the last reason, when the deadline has passed.
Socket connect_to(const std::string& host, int port, Clock::time_point deadline);
/// The other end's address in numbers.
std::string peer_of(const Socket&);

/// A text with its length before it, of at most 64 KiB. False if the other end broke off or was too slow.
bool send_text(const Socket&, const std::string& text, Clock::time_point deadline);
bool receive_text(const Socket&, std::string& text, Clock::time_point deadline);

/// Milliseconds until then for poll(), rounded up; 0 when it has passed.
int milliseconds_until(Clock::time_point);

}  // namespace strata::distribute
