#include "distributed/tcp_transport.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <utility>

#include "core/base/error.h"

namespace strata::distribute {

namespace {
enum class FrameKind : std::uint32_t { message = 0x53545241, abort, farewell };

/// What stands before the bytes of each message.
struct FrameHead {
  FrameKind kind = FrameKind::message;
  std::uint32_t unused = 0;
  std::uint64_t bytes = 0;
};

constexpr std::size_t longest_reason = 8 << 10;

/// The rest of a head and of the bytes behind it.
struct Rest {
  ::iovec parts[2];
  ::msghdr message{};

  Rest(void* head, std::size_t head_done, void* bytes, std::size_t bytes_left) {
    parts[0] = {static_cast<std::byte*>(head) + head_done, sizeof(FrameHead) - head_done};
    parts[1] = {bytes, bytes_left};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
  }
};

/// How far the message to one of the others is.
struct Sending {
  std::size_t rank;
  FrameHead head;
  const std::byte* data;
  std::size_t head_done = 0, done = 0;
  bool broken = false;

  bool over() const { return broken || (head_done == sizeof head && done == head.bytes); }
  bool begun() const { return head_done > 0 && !over(); }

  /// As much as the connection takes. When it is broken, what the other end has sent before may say why.
  void go_on(int fd) {
    Rest rest(&head, head_done, const_cast<std::byte*>(data + done), head.bytes - done);
    const ssize_t n = ::sendmsg(fd, &rest.message, MSG_NOSIGNAL);
    if (n < 0) {
      broken = errno != EAGAIN && errno != EINTR;
      return;
    }
    const std::size_t of_head = std::min(static_cast<std::size_t>(n), sizeof head - head_done);
    head_done += of_head;
    done += static_cast<std::size_t>(n) - of_head;
  }
};

/// How far the message from one of the others is. The head comes first and by itself, since it may be that of an abort.
struct Receiving {
  std::size_t rank;
  Transport::Incoming* to;
  FrameHead head;
  std::size_t head_done = 0, done = 0;
  std::string reason;  ///< the bytes, of an abort

  bool over() const { return head_done == sizeof head && done == head.bytes; }

  std::optional<Trouble> go_on(int fd) {
    while (!over()) {
      const bool in_head = head_done < sizeof head;
      const ssize_t n = in_head
                            ? ::recv(fd, reinterpret_cast<std::byte*>(&head) + head_done, sizeof head - head_done, 0)
                            : ::recv(fd, place() + done, head.bytes - done, 0);
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
      if (n <= 0)
        return gone(n == 0 || errno == ECONNRESET ? "its process has ended or was killed" : std::strerror(errno));
      (in_head ? head_done : done) += static_cast<std::size_t>(n);
      if (in_head && head_done == sizeof head)
        if (auto trouble = begin()) return trouble;
    }
    if (head.kind == FrameKind::abort) return Trouble{Trouble::Kind::aborted, {static_cast<int>(rank)}, reason};
    to->bytes = head.bytes;
    return std::nullopt;
  }

 private:
  std::byte* place() { return head.kind == FrameKind::abort ? reinterpret_cast<std::byte*>(reason.data()) : to->data; }

  Trouble gone(const std::string& why) const { return {Trouble::Kind::gone, {static_cast<int>(rank)}, why}; }

  std::optional<Trouble> begin() {
    if (head.kind == FrameKind::farewell) return gone("its program has left the group");
    const bool aborts = head.kind == FrameKind::abort;
    if ((!aborts && head.kind != FrameKind::message) || head.bytes > (aborts ? longest_reason : to->capacity))
      return gone("it sent what no message begins with");
    if (aborts) reason.resize(head.bytes);
    return std::nullopt;
  }
};

class TcpTransport final : public Transport {
 public:
  explicit TcpTransport(Assembly assembly)
      : processes_(std::move(assembly.processes)),
        sockets_(std::move(assembly.sockets)),
        partial_(sockets_.size()),
        wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    require(wake_.open(), "communicator", "the system gives no eventfd");
  }

  ~TcpTransport() override {
    if (aborted_)
      tell_reason();
    else
      tell_all({FrameKind::farewell}, {});
  }

  const std::vector<Process>& processes() const override { return processes_; }

  std::optional<Trouble> exchange(std::span<const Outgoing> out, std::span<Incoming> in,
                                  Clock::time_point deadline) override {
    const std::lock_guard lock(using_);
    std::vector<Sending> sending;
    std::vector<Receiving> receiving;
    for (const Outgoing& o : out)
      sending.push_back({static_cast<std::size_t>(o.to), {FrameKind::message, 0, o.bytes}, o.data});
    for (Incoming& i : in) receiving.push_back({static_cast<std::size_t>(i.from), &i, {}, 0, 0, {}});
    auto trouble = move_all(sending, receiving, deadline);
    for (const Sending& s : sending) partial_[s.rank] = partial_[s.rank] || s.begun();
    if (aborted_) tell_reason();
    return trouble;
  }

  void abort(const std::string& reason) override {
    {
      const std::lock_guard lock(telling_);
      if (aborted_) return;
      reason_ = reason.substr(0, longest_reason);
      aborted_ = true;
    }
    const std::uint64_t one = 1;
    if (::write(wake_.fd(), &one, sizeof one) < 0) return;  // it is awake
    // An exchange that is under way tells the others itself.
    if (const std::unique_lock lock(using_, std::try_to_lock); lock) tell_reason();
  }

 private:
  std::optional<Trouble> move_all(std::vector<Sending>& sending, std::vector<Receiving>& receiving,
                                  Clock::time_point deadline) {
    for (;;) {
      if (aborted_) return Trouble{Trouble::Kind::aborted, {}, reason()};
      std::vector<::pollfd>& waits = waits_;
      waits.assign(1, {wake_.fd(), POLLIN, 0});
      for (Sending& s : sending) {
        if (!s.over()) s.go_on(sockets_[s.rank].fd());
        if (!s.over()) waits.push_back({sockets_[s.rank].fd(), POLLOUT, 0});
      }
      for (Receiving& r : receiving) {
        if (r.over()) continue;
        if (auto trouble = r.go_on(sockets_[r.rank].fd())) return trouble;
        if (!r.over()) waits.push_back({sockets_[r.rank].fd(), POLLIN, 0});
      }
      if (waits.size() == 1) return broken(sending);
      const int left = milliseconds_until(deadline);
      if (left == 0) return late(sending, receiving);
      ::poll(waits.data(), waits.size(), left);
    }
  }

  /// A connection over which nothing can be sent, and from which nothing was expected.
  static std::optional<Trouble> broken(const std::vector<Sending>& sending) {
    for (const Sending& s : sending)
      if (s.broken)
        return Trouble{Trouble::Kind::gone, {static_cast<int>(s.rank)}, "its process has ended or was killed"};
    return std::nullopt;
  }

  static Trouble late(const std::vector<Sending>& sending, const std::vector<Receiving>& receiving) {
    Trouble trouble{Trouble::Kind::late, {}, {}};
    for (const Receiving& r : receiving)
      if (!r.over()) trouble.ranks.push_back(static_cast<int>(r.rank));
    if (trouble.ranks.empty())
      for (const Sending& s : sending)
        if (!s.over()) trouble.ranks.push_back(static_cast<int>(s.rank));
    return trouble;
  }

  std::string reason() {
    const std::lock_guard lock(telling_);
    return reason_;
  }

  void tell_reason() {
    const std::string text = reason();
    tell_all({FrameKind::abort, 0, text.size()}, text);
  }

  /// As far as the connections take it without waiting. One on which half a message has gone can only be closed: the
  /// other end would take anything for the rest of it.
  void tell_all(const FrameHead& head, const std::string& text) {
    if (std::exchange(told_, true)) return;
    for (std::size_t r = 0; r < sockets_.size(); ++r) {
      if (!sockets_[r].open()) continue;
      if (partial_[r])
        ::shutdown(sockets_[r].fd(), SHUT_RDWR);
      else
        Sending{r, head, reinterpret_cast<const std::byte*>(text.data())}.go_on(sockets_[r].fd());
    }
  }

  std::vector<Process> processes_;
  std::vector<Socket> sockets_;
  std::vector<bool> partial_;  // half a message has gone to that rank
  Socket wake_;
  std::vector<::pollfd> waits_;
  std::mutex using_;    // held while an exchange goes on
  std::mutex telling_;  // of reason_
  std::string reason_;
  std::atomic<bool> aborted_{false};
  bool told_ = false;
};
}  // namespace

std::unique_ptr<Transport> tcp_transport(Assembly assembly) {
  return std::make_unique<TcpTransport>(std::move(assembly));
}

}  // namespace strata::distribute
