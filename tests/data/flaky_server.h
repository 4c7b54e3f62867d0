#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace strata {

/// An HTTP server on 127.0.0.1 that serves one request after another, each as its script says. When the script has
/// run out, its last entry is used again.
class FlakyServer {
 public:
  struct Reply {
    int status = 200;
    std::string body = {};
    std::size_t send = std::string::npos;  ///< bytes of the body to send before the connection is cut off
    bool stall = false;                    ///< instead of cutting off, send nothing more until the client leaves
    bool ranges = true;                    ///< honour Range; otherwise the whole body comes
  };

  explicit FlakyServer(std::vector<Reply> script) : script_(std::move(script)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_, generic, length) != 0 || ::listen(listener_, 8) != 0 ||
        ::getsockname(listener_, generic, &length) != 0)
      throw std::runtime_error("the test's server cannot listen");
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  FlakyServer(const FlakyServer&) = delete;
  FlakyServer& operator=(const FlakyServer&) = delete;
  ~FlakyServer() {
    ::shutdown(listener_, SHUT_RDWR);  // accept() returns
    thread_.join();
    ::close(listener_);
  }

  std::string url(const std::string& path) const { return "http://127.0.0.1:" + std::to_string(port_) + path; }
  /// First lines and Range headers of the requests so far: "GET /a", "GET /a bytes=100-".
  std::vector<std::string> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void serve() {
    for (std::size_t i = 0;; ++i) {
      const int client = ::accept(listener_, nullptr, nullptr);
      if (client < 0) return;
      answer(client, script_[std::min(i, script_.size() - 1)]);
      ::close(client);
    }
  }

  void answer(int client, const Reply& reply) {
    std::string request;
    char block[2048];
    while (request.find("\r\n\r\n") == std::string::npos) {
      const ssize_t count = ::recv(client, block, sizeof block, 0);
      if (count <= 0) return;
      request.append(block, static_cast<std::size_t>(count));
    }
    const std::size_t range = request.find("Range: ");
    const std::string asked =
        range == std::string::npos ? "" : request.substr(range + 7, request.find("\r\n", range) - range - 7);
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request.substr(0, request.find(" HTTP")) + (asked.empty() ? "" : " " + asked));
    }
    int status = reply.status;
    std::size_t from = 0;
    std::string headers;
    if (status == 200 && reply.ranges && !asked.empty()) {
      from = std::stoul(asked.substr(6));
      status = from < reply.body.size() ? 206 : 416;
      if (status == 206)
        headers = "Content-Range: bytes " + std::to_string(from) + "-" + std::to_string(reply.body.size() - 1) + "/" +
                  std::to_string(reply.body.size()) + "\r\n";
    }
    const std::string body = status == 416 ? "" : reply.body.substr(from);
    transmit(client, "HTTP/1.1 " + std::to_string(status) + " x\r\nConnection: close\r\n" + headers +
                         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body.substr(0, reply.send));
    if (reply.stall) ::recv(client, block, sizeof block, 0);
  }

  static void transmit(int client, const std::string& text) {
    for (std::size_t done = 0; done < text.size();) {
      const ssize_t count = ::send(client, text.data() + done, text.size() - done, MSG_NOSIGNAL);
      if (count <= 0) return;
      done += static_cast<std::size_t>(count);
    }
  }

  std::vector<Reply> script_;
  int listener_ = -1;
  int port_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

}  // namespace strata
