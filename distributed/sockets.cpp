#include "distributed/sockets.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <thread>
#include <utility>

#include "core/base/error.h"

namespace strata::distribute {

namespace {
constexpr std::size_t longest_text = 64 << 10;

void set(int fd, int level, int option, int value) { ::setsockopt(fd, level, option, &value, sizeof value); }

/// Small messages leave at once, and a machine that is cut off is noticed within half a minute.
Socket prepared(Socket socket) {
  const int fd = socket.fd();
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 10);
  set(fd, IPPROTO_TCP, TCP_KEEPINTVL, 5);
  set(fd, IPPROTO_TCP, TCP_KEEPCNT, 4);
  set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 30'000);
  return socket;
}

bool wait_for(int fd, short what, Clock::time_point deadline) {
  ::pollfd one{fd, what, 0};
  int ready = 0;
  do ready = ::poll(&one, 1, milliseconds_until(deadline));
  while (ready < 0 && errno == EINTR);
  return ready > 0;
}

/// One attempt: a closed Socket, with errno, when it fails.
Socket connected(const ::addrinfo& to, Clock::time_point deadline) {
  Socket socket(::socket(to.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.open()) return {};
  if (::connect(socket.fd(), to.ai_addr, to.ai_addrlen) == 0) return socket;
  if (errno != EINPROGRESS) return {};
  int error = ETIMEDOUT;
  socklen_t size = sizeof error;
  if (wait_for(socket.fd(), POLLOUT, deadline)) ::getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
  errno = error;
  return error == 0 ? std::move(socket) : Socket();
}

/// All of it, in one direction.
template <class Byte, class Move>
bool move_all(const Socket& socket, std::span<Byte> bytes, short what, Clock::time_point deadline, Move&& move) {
  while (!bytes.empty()) {
    const ssize_t n = move(socket.fd(), bytes.data(), bytes.size());
    if (n > 0)
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    else if (n == 0 || (errno != EAGAIN && errno != EINTR) || !wait_for(socket.fd(), what, deadline))
      return false;
  }
  return true;
}

bool send_all(const Socket& socket, std::span<const std::byte> bytes, Clock::time_point deadline) {
  return move_all(socket, bytes, POLLOUT, deadline,
                  [](int fd, const void* data, std::size_t n) { return ::send(fd, data, n, MSG_NOSIGNAL); });
}

bool receive_all(const Socket& socket, std::span<std::byte> bytes, Clock::time_point deadline) {
  return move_all(socket, bytes, POLLIN, deadline,
                  [](int fd, void* data, std::size_t n) { return ::recv(fd, data, n, 0); });
}
}  // namespace

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this != &other) {
    if (open()) ::close(fd_);
    fd_ = other.release();
  }
  return *this;
}

Socket::~Socket() {
  if (open()) ::close(fd_);
}

int Socket::release() noexcept { return std::exchange(fd_, -1); }

int milliseconds_until(Clock::time_point then) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(then - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
}

Socket listen_at(int port) {
  // One that takes IPv4 and IPv6; where there is no IPv6, IPv4.
  for (const int family : {AF_INET6, AF_INET}) {
    Socket socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket.open()) continue;
    set(socket.fd(), SOL_SOCKET, SO_REUSEADDR, 1);
    ::sockaddr_in6 six{};
    ::sockaddr_in four{};
    six.sin6_family = AF_INET6;
    four.sin_family = AF_INET;
    six.sin6_port = four.sin_port = htons(static_cast<std::uint16_t>(port));
    if (family == AF_INET6) set(socket.fd(), IPPROTO_IPV6, IPV6_V6ONLY, 0);
    const bool bound = family == AF_INET6
                           ? ::bind(socket.fd(), reinterpret_cast<const ::sockaddr*>(&six), sizeof six) == 0
                           : ::bind(socket.fd(), reinterpret_cast<const ::sockaddr*>(&four), sizeof four) == 0;
    if (bound && ::listen(socket.fd(), 1024) == 0) return socket;
  }
  throw Error("port " + std::to_string(port), std::string("cannot be listened at: ") + std::strerror(errno) +
                                                  ". Another program may use it: choose another port");
}

int port_of(const Socket& listener) {
  ::sockaddr_storage address{};
  socklen_t size = sizeof address;
  ::getsockname(listener.fd(), reinterpret_cast<::sockaddr*>(&address), &size);
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<const ::sockaddr_in6&>(address).sin6_port
                                             : reinterpret_cast<const ::sockaddr_in&>(address).sin_port);
}

Socket accept_from(const Socket& listener, Clock::time_point deadline) {
  for (;;) {
    Socket socket(::accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC));
    if (socket.open()) return prepared(std::move(socket));
    if (!wait_for(listener.fd(), POLLIN, deadline)) return {};
  }
}

Socket connect_to(const std::string& host, int port, Clock::time_point deadline) {
  std::string reason;
  do {
    ::addrinfo hints{}, *found = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
    const std::unique_ptr<::addrinfo, void (*)(::addrinfo*)> all(found, ::freeaddrinfo);
    if (error != 0) reason = ::gai_strerror(error);
    for (const ::addrinfo* one = error == 0 ? found : nullptr; one != nullptr; one = one->ai_next) {
      Socket socket = connected(*one, std::min(deadline, Clock::now() + std::chrono::seconds(5)));
      if (socket.open()) return prepared(std::move(socket));
      reason = std::strerror(errno);
    }
    std::this_thread::sleep_for(std::min<Clock::duration>(std::chrono::milliseconds(50), deadline - Clock::now()));
  } while (Clock::now() < deadline);
  throw Error(host + ":" + std::to_string(port), "cannot be reached: " + reason);
}

std::string peer_of(const Socket& socket) {
  ::sockaddr_storage address{};
  socklen_t size = sizeof address;
  ::getpeername(socket.fd(), reinterpret_cast<::sockaddr*>(&address), &size);
  char host[NI_MAXHOST] = {};
  ::getnameinfo(reinterpret_cast<const ::sockaddr*>(&address), size, host, sizeof host, nullptr, 0, NI_NUMERICHOST);
  return host;
}

bool send_text(const Socket& socket, const std::string& text, Clock::time_point deadline) {
  const auto length = static_cast<std::uint32_t>(text.size());
  return send_all(socket, std::as_bytes(std::span(&length, 1)), deadline) &&
         send_all(socket, std::as_bytes(std::span(text)), deadline);
}

bool receive_text(const Socket& socket, std::string& text, Clock::time_point deadline) {
  std::uint32_t length = 0;
  if (!receive_all(socket, std::as_writable_bytes(std::span(&length, 1)), deadline) || length > longest_text)
    return false;
  text.resize(length);
  return receive_all(socket, std::as_writable_bytes(std::span(text)), deadline);
}

}  // namespace strata::distribute
