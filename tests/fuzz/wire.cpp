// What an isolated reader sends: it reads a hostile file, so its answers may be anything.
#include "models/saving/wire.h"

#include <fuzzer/FuzzedDataProvider.h>
#include <sys/socket.h>

#include "tests/fuzz/fuzzing.h"

namespace {

using namespace strata;

/// Takes values in an order that the input chooses.
void take_all(wire::Message message, FuzzedDataProvider& input, std::size_t size) {
  while (input.remaining_bytes() > 0) {
    switch (input.ConsumeIntegralInRange(0, 4)) {
      case 0:
        message.take_number();
        break;
      case 1:
        fuzzing::check(message.take_number(9) <= 9, "a number beyond its bound");
        break;
      case 2:
        fuzzing::check(message.take_text().size() <= size, "a text longer than the message");
        break;
      case 3:
        fuzzing::check(message.take_texts().size() <= size, "more texts than bytes");
        break;
      default:
        fuzzing::check(message.take_type().shape.elements() >= 0, "a shape of negative size");
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider input(data, size);
  const std::string sent = input.ConsumeBytesAsString(input.ConsumeIntegralInRange<std::size_t>(0, 4096));
  int ends[2];
  fuzzing::check(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "no socket");
  const bool all_sent = ::send(ends[1], sent.data(), sent.size(), MSG_DONTWAIT) == static_cast<ssize_t>(sent.size());
  fuzzing::check(all_sent, "the socket takes no message");
  ::close(ends[1]);
  fuzzing::expect_error_or_success([&] {
    try {
      take_all(wire::Channel(ends[0], 1, "input").receive(4096), input, sent.size());
    } catch (wire::Failure) {  // the other side has ended
    }
  });
  fuzzing::expect_error_or_success([&] { take_all(wire::Message(sent), input, sent.size()); });
  ::close(ends[0]);
  return 0;
}
