// The other side of isolated_file.cpp, which runs in the program strata-read.
#include <sys/resource.h>

#include <cstdlib>
#include <functional>
#include <new>

#include "core/base/error.h"
#include "core/base/sanitizers.h"
#include "models/saving/isolated_file.h"
#include "models/saving/wire.h"

namespace strata {

namespace {

using wire::Answer;
using wire::Message;
using wire::Question;

void limit(__rlimit_resource what, std::uint64_t most) {
  const rlimit both{most, most};
  ::setrlimit(what, &both);
}

void limit_this_process(const IsolationLimits& limits) {
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_CPU, limits.seconds);
#if !STRATA_ADDRESS_SANITIZER && !STRATA_THREAD_SANITIZER  // these reserve terabytes
  limit(RLIMIT_AS, limits.memory);
#endif
}

Message error_message(std::string_view where, std::string_view what) {
  Message answer;
  answer.put(static_cast<std::uint64_t>(Answer::error)).put(where).put(what);
  return answer;
}

/// The answer that f gives, or the error that it ends in.
Message answered(const std::string& path, const std::function<void(Message&)>& f) {
  try {
    Message answer;
    answer.put(static_cast<std::uint64_t>(Answer::value));
    f(answer);
    return answer;
  } catch (const Error& e) {
    return error_message(e.where(), e.message());
  } catch (const std::bad_alloc&) {
    return error_message(path, "cannot be read: it needs more memory than its isolated reader may take");
  } catch (const std::exception& e) {
    return error_message(path, std::string("cannot be read: ") + e.what());
  }
}

/// Answers one question; `value` is what follows the answer as raw bytes.
void answer_to(const ModelFile& file, Message& question, Message& answer, Tensor& value) {
  const auto kind = static_cast<Question>(question.take_number(static_cast<std::uint64_t>(Question::read_texts)));
  Message about(question.take_text());
  const std::string object = about.take_text();
  switch (kind) {
    case Question::text: {
      const auto text = file.text(object);
      answer.put(std::uint64_t{text.has_value()});
      if (text) answer.put(std::string_view(*text));
      break;
    }
    case Question::has_group:
      answer.put(std::uint64_t{file.has_group(object)});
      break;
    case Question::has_dataset:
      answer.put(std::uint64_t{file.has_dataset(object)});
      break;
    case Question::children:
      answer.put(file.children(object));
      break;
    case Question::dataset_type:
      answer.put(file.dataset_type(object));
      break;
    case Question::describe: {
      const StoredArray array = file.describe(object);
      answer.put(std::string_view(array.type)).put(array.shape).put(array.bytes);
      break;
    }
    case Question::read:
      value = file.read(object, static_cast<DType>(about.take_number(static_cast<std::uint64_t>(DType::boolean))));
      answer.put(value.type());
      break;
    case Question::has_attribute:
      answer.put(std::uint64_t{file.has_attribute(object, about.take_text())});
      break;
    case Question::read_text:
      answer.put(std::string_view(file.read_text(object, about.take_text())));
      break;
    case Question::read_texts:
      answer.put(file.read_texts(object, about.take_text()));
      break;
  }
}

}  // namespace

int serve_isolated_file(int argc, char** argv) {
  if (argc != 4) return 2;  // the program is not for users
  const std::string path = argv[1];
  limit_this_process({std::strtoull(argv[2], nullptr, 10), std::strtoull(argv[3], nullptr, 10)});
  const wire::Channel channel(0, 0, path);
  try {
    std::unique_ptr<ModelFile> file;
    channel.send(answered(path, [&](Message&) { file = open_local_file(path); }));
    while (file) {
      constexpr std::uint64_t longest_question = std::uint64_t{1} << 20;
      Message question = channel.receive(longest_question);
      Tensor value;
      channel.send(answered(path, [&](Message& answer) { answer_to(*file, question, answer, value); }));
      if (value.defined()) channel.send({value.raw(), value.bytes()});
    }
  } catch (wire::Failure) {  // nobody asks any more
  }
  return 0;
}

}  // namespace strata
