#include "models/saving/wire.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/messages.h"

namespace strata::wire {
namespace {

TEST(Wire, ValuesComeBackInOrder) {
  Message out;
  out.put(std::uint64_t{7})
      .put(std::string_view("text"))
      .put(std::vector<std::string>{"a", ""})
      .put(Type{DType::i64, {2, 0}})
      .put(Shape{5});
  Message in(out.bytes());
  EXPECT_EQ(in.take_number(), 7u);
  EXPECT_EQ(in.take_text(), "text");
  EXPECT_EQ(in.take_texts(), (std::vector<std::string>{"a", ""}));
  EXPECT_EQ(in.take_type(), (Type{DType::i64, {2, 0}}));
  EXPECT_EQ(in.take_shape(), Shape{5});
  EXPECT_ERROR(in.take_number(), "malformed");
}

TEST(Wire, LengthsBeyondTheMessageAreRefused) {
  const auto of = [](std::uint64_t number) { return Message(Message().put(number).bytes()); };
  EXPECT_ERROR(of(1).take_text(), "malformed");
  EXPECT_ERROR(of(~std::uint64_t{0}).take_texts(), "malformed");
  EXPECT_ERROR(of(5).take_number(4), "malformed");
  EXPECT_ERROR(of(99).take_type(), "malformed");  // no such element type
  Message huge;
  huge.put(std::uint64_t{0}).put(std::uint64_t{2}).put(std::uint64_t{1} << 61).put(std::uint64_t{1} << 61);
  EXPECT_ERROR(Message(huge.bytes()).take_type(), "malformed");
}

TEST(Wire, ASideThatIsLateOrGoneIsAFailure) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const Channel here(ends[0], 1, "here"), there(ends[1], 1, "there");
  there.send(Message().put(std::uint64_t{3}));
  EXPECT_EQ(here.receive(100).take_number(), 3u);
  there.send(Message().put(std::string_view("longer than allowed")));
  EXPECT_ERROR(here.receive(10), "malformed");
  const auto failure = [](const auto& f) {
    try {
      f();
    } catch (Failure what) {
      return what == Failure::late ? "late" : "closed";
    }
    return "none";
  };
  std::byte rest[27];
  here.receive(rest);
  EXPECT_STREQ(failure([&] { here.receive(100); }), "late");
  ::close(ends[1]);
  EXPECT_STREQ(failure([&] { here.receive(100); }), "closed");
  EXPECT_STREQ(failure([&] { here.send(Message().put(std::uint64_t{3})); }), "closed");
  ::close(ends[0]);
}

}  // namespace
}  // namespace strata::wire
