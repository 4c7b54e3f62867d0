#include "models/saving/wire.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "core/base/error.h"

namespace strata::wire {

namespace {

constexpr int most_rank = 32;  // of HDF5
constexpr DType last_dtype = DType::boolean;

[[noreturn]] void fail_malformed(const std::string& from) {
  throw Error(from, "what its isolated reader sent is malformed");
}

}  // namespace

void Message::fail() const { fail_malformed(from_); }

Message& Message::put(std::uint64_t number) {
  bytes_.append(reinterpret_cast<const char*>(&number), sizeof number);
  return *this;
}

Message& Message::put(std::string_view text) {
  put(std::uint64_t{text.size()});
  bytes_.append(text);
  return *this;
}

Message& Message::put(const std::vector<std::string>& texts) {
  put(std::uint64_t{texts.size()});
  for (const std::string& text : texts) put(text);
  return *this;
}

Message& Message::put(const Shape& shape) {
  put(static_cast<std::uint64_t>(shape.rank()));
  for (const std::int64_t d : shape) put(static_cast<std::uint64_t>(d));
  return *this;
}

Message& Message::put(const Type& type) {
  put(static_cast<std::uint64_t>(type.dtype));
  return put(type.shape);
}

std::string_view Message::take(std::uint64_t count) {
  if (count > bytes_.size() - at_) fail();
  const std::string_view part = std::string_view(bytes_).substr(at_, count);
  at_ += count;
  return part;
}

std::uint64_t Message::take_number() {
  std::uint64_t number;
  std::memcpy(&number, take(sizeof number).data(), sizeof number);
  return number;
}

std::uint64_t Message::take_number(std::uint64_t most) {
  const std::uint64_t number = take_number();
  if (number > most) fail();
  return number;
}

std::string Message::take_text() { return std::string(take(take_number())); }

std::vector<std::string> Message::take_texts() {
  const std::uint64_t count = take_number((bytes_.size() - at_) / sizeof(std::uint64_t));
  std::vector<std::string> texts;
  for (std::uint64_t i = 0; i < count; ++i) texts.push_back(take_text());
  return texts;
}

Shape Message::take_shape() {
  Shape shape;
  const std::uint64_t rank = take_number(most_rank);
  constexpr std::uint64_t most_bytes = std::uint64_t{1} << 62;
  std::uint64_t bytes = 8;  // of one element, at most
  for (std::uint64_t i = 0; i < rank; ++i) {
    const std::uint64_t size = take_number(most_bytes);
    if (size != 0 && bytes > most_bytes / size) fail();
    bytes *= std::max<std::uint64_t>(size, 1);
    shape.push_back(static_cast<std::int64_t>(size));
  }
  return shape;
}

Type Message::take_type() {
  const auto dtype = static_cast<DType>(take_number(static_cast<std::uint64_t>(last_dtype)));
  return {dtype, take_shape()};
}

void Channel::send(std::span<const std::byte> raw) const {
  while (!raw.empty()) {
    const ssize_t count = ::send(descriptor_, raw.data(), raw.size(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw Failure::closed;
    raw = raw.subspan(static_cast<std::size_t>(count));
  }
}

void Channel::send(const Message& message) const {
  const std::uint64_t size = message.bytes().size();
  send(std::as_bytes(std::span(&size, 1)));
  send(std::as_bytes(std::span(message.bytes())));
}

void Channel::receive(std::span<std::byte> raw) const {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::seconds(seconds_);
  while (!raw.empty()) {
    if (seconds_ > 0) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
      pollfd one{descriptor_, POLLIN, 0};
      const int ready = left > 0 ? ::poll(&one, 1, static_cast<int>(left)) : 0;
      if (ready < 0 && errno == EINTR) continue;
      if (ready <= 0) throw Failure::late;
    }
    const ssize_t count = ::recv(descriptor_, raw.data(), raw.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) throw Failure::closed;
    raw = raw.subspan(static_cast<std::size_t>(count));
  }
}

Message Channel::receive(std::uint64_t most) const {
  std::uint64_t size = 0;
  receive(std::as_writable_bytes(std::span(&size, 1)));
  if (size > most) fail_malformed(from_);
  std::string bytes(size, '\0');
  receive(std::as_writable_bytes(std::span(bytes)));
  return Message(std::move(bytes), from_);
}

}  // namespace strata::wire
