#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/shape.h"

/// Messages between a program and its isolated reader: values in a row, each checked when it is taken, framed by their
/// length.
namespace strata::wire {

enum class Question : std::uint8_t {
  text,
  has_group,
  has_dataset,
  children,
  dataset_type,
  describe,
  read,
  has_attribute,
  read_text,
  read_texts
};
enum class Answer : std::uint8_t { value, error };

/// Values in the order in which they were put.
class Message {
 public:
  Message() = default;
  /// To be taken from; `from` is named in errors.
  explicit Message(std::string bytes, std::string from = "message")
      : bytes_(std::move(bytes)), from_(std::move(from)) {}

  Message& put(std::uint64_t number);
  Message& put(std::string_view text);
  Message& put(const std::vector<std::string>& texts);
  Message& put(const Shape& shape);
  Message& put(const Type& type);

  /// Each is an error when the message has no more, or no such value.
  std::uint64_t take_number();
  /// Error unless it is at most `most`.
  std::uint64_t take_number(std::uint64_t most);
  std::string take_text();
  std::vector<std::string> take_texts();
  Shape take_shape();
  Type take_type();

  const std::string& bytes() const { return bytes_; }

 private:
  [[noreturn]] void fail() const;
  std::string_view take(std::uint64_t count);
  std::string bytes_, from_;
  std::size_t at_ = 0;
};

/// The other side has closed the connection, or did not answer in time.
enum class Failure { closed, late };

/// One side of a socket. Failures are thrown as Failure.
class Channel {
 public:
  /// Waits at most so long for each part; 0: for ever. `from` names what comes from the other side in errors.
  Channel(int descriptor, std::uint64_t seconds, std::string from)
      : descriptor_(descriptor), seconds_(seconds), from_(std::move(from)) {}

  void send(const Message&) const;
  void send(std::span<const std::byte> raw) const;
  /// Error for a message longer than `most`.
  Message receive(std::uint64_t most) const;
  void receive(std::span<std::byte> raw) const;

 private:
  int descriptor_;
  std::uint64_t seconds_;
  std::string from_;
};

}  // namespace strata::wire
