#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "core/base/error.h"
#include "distributed/process_group.h"

namespace strata::testing {

/// An address of this machine that nobody listens at.
inline std::string free_address() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  ::sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(fd, reinterpret_cast<::sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<::sockaddr*>(&address), &size), 0);
  ::close(fd);
  return "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
}

/// work(group) as each rank of a world: threads that are processes to each other. What each one's Error said; empty
/// where there was none.
inline std::vector<std::string> as_processes(int size, const std::function<void(distribute::ProcessGroup&)>& work,
                                             std::chrono::milliseconds timeout = std::chrono::minutes(2)) {
  const std::string address = free_address();
  std::vector<std::string> errors(static_cast<std::size_t>(size));
  std::vector<std::thread> threads;
  for (int r = 0; r < size; ++r)
    threads.emplace_back([&, r] {
      try {
        const auto group = distribute::ProcessGroup::join({.rank = r, .size = size, .address = address},
                                                          "cpu:" + std::to_string(r), timeout);
        work(*group);
      } catch (const Error& e) {
        errors[static_cast<std::size_t>(r)] = e.what();
      }
    });
  for (std::thread& t : threads) t.join();
  return errors;
}

}  // namespace strata::testing
