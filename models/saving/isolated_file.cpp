#include "models/saving/isolated_file.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>

#include "core/base/error.h"
#include "core/base/module.h"
#include "models/saving/wire.h"

namespace strata {

using wire::Message;
using wire::Question;

IsolationLimits isolation_limits(std::uint64_t file_bytes) {
  return {(std::uint64_t{2} << 30) + 4 * file_bytes, 60 + (file_bytes >> 24)};
}

namespace {

std::string find_reader() {
  if (const char* given = std::getenv("STRATA_READER")) return given;
  return companion_file("strata-read", "the program", "the variable STRATA_READER may say where it is").string();
}

[[noreturn]] void fail_system(const std::string& what, int error) {
  throw Error("isolated reading", what + ": " + std::strerror(error));
}

/// A running reader and our end of the socket to it. The other end is its standard input.
class Reader {
 public:
  Reader(const std::string& path, const IsolationLimits& limits) {
    const std::string program = find_reader(), memory = std::to_string(limits.memory),
                      seconds = std::to_string(limits.seconds);
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) fail_system("no socket", errno);
    socket_ = ends[0];
    const char* const arguments[] = {"strata-read", path.c_str(), memory.c_str(), seconds.c_str(), nullptr};
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], 0);
    ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    const int error =
        ::posix_spawn(&process_, program.c_str(), &actions, nullptr, const_cast<char* const*>(arguments), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    if (error != 0) {
      ::close(socket_);
      fail_system("'" + program + "' cannot be started", error);
    }
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { end(); }

  int socket() const { return socket_; }
  /// Ends it and waits; how it ended, as waitpid tells.
  int end() {
    if (socket_ < 0) return status_;
    ::close(std::exchange(socket_, -1));
    // Closing tells it to stop; one that is busy or hangs does not listen.
    ::kill(process_, SIGKILL);
    while (::waitpid(process_, &status_, 0) < 0 && errno == EINTR) {
    }
    return status_;
  }
  /// One that has closed its end is about to die by itself: waits for that a little, to learn how.
  int wait_for_end() {
    using namespace std::chrono_literals;
    for (int i = 0; socket_ >= 0 && i < 200; ++i) {
      if (::waitpid(process_, &status_, WNOHANG) == process_) {
        ::close(std::exchange(socket_, -1));
        break;
      }
      std::this_thread::sleep_for(10ms);
    }
    return end();
  }

 private:
  pid_t process_ = -1;
  int socket_ = -1, status_ = 0;
};

std::string described(int status, const IsolationLimits& limits) {
  if (WIFSIGNALED(status)) {
    if (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL)
      return "the system ended it, after " + std::to_string(limits.seconds) + " seconds of work or for want of memory";
    return std::string("it was killed by signal ") + std::to_string(WTERMSIG(status)) + " (" +
           ::strsignal(WTERMSIG(status)) + ")";
  }
  return "it ended with status " + std::to_string(WEXITSTATUS(status));
}

class IsolatedFile : public ModelFile {
 private:
  wire::Channel channel() const { return {reader_.socket(), limits_.seconds, path_}; }

  /// Runs f; a failure of the connection becomes an error that says how the reader ended.
  auto guarded(const auto& f) const {
    if (reader_.socket() < 0) throw Error(path_, "its isolated reader has ended before");
    try {
      return f();
    } catch (wire::Failure failure) {
      if (failure == wire::Failure::late) {
        reader_.end();
        throw Error(path_, "cannot be read: its isolated reader gave no answer for " + std::to_string(limits_.seconds) +
                               " seconds and was ended. The file is damaged, or hostile");
      }
      throw Error(path_, "cannot be read: the file is damaged, or hostile. Its isolated reader died: " +
                             described(reader_.wait_for_end(), limits_));
    }
  }

 public:
  explicit IsolatedFile(const std::string& path)
      : path_(path), limits_(isolation_limits(bytes_of_model_file(path))), reader_(path, limits_) {
    receive();  // whether the file could be opened
  }

  std::optional<std::string> text(const std::string& member) const override {
    Message answer = ask(Question::text, Message().put(member));
    if (answer.take_number(1) == 0) return std::nullopt;
    return answer.take_text();
  }
  bool has_group(const std::string& path) const override { return ask_yes(Question::has_group, Message().put(path)); }
  bool has_dataset(const std::string& path) const override {
    return ask_yes(Question::has_dataset, Message().put(path));
  }
  std::vector<std::string> children(const std::string& group) const override {
    return ask(Question::children, Message().put(group)).take_texts();
  }
  Type dataset_type(const std::string& path) const override {
    return ask(Question::dataset_type, Message().put(path)).take_type();
  }
  StoredArray describe(const std::string& path) const override {
    Message answer = ask(Question::describe, Message().put(path));
    StoredArray array;
    array.type = answer.take_text();
    array.shape = answer.take_shape();
    array.bytes = answer.take_number();
    return array;
  }
  bool has_attribute(const std::string& object, const std::string& name) const override {
    return ask_yes(Question::has_attribute, Message().put(object).put(name));
  }
  std::string read_text(const std::string& object, const std::string& name) const override {
    return ask(Question::read_text, Message().put(object).put(name)).take_text();
  }
  std::vector<std::string> read_texts(const std::string& object, const std::string& name) const override {
    return ask(Question::read_texts, Message().put(object).put(name)).take_texts();
  }
  Tensor read(const std::string& path, DType dtype) const override {
    const std::lock_guard lock(mutex_);
    const Type type = ask(Question::read, Message().put(path).put(static_cast<std::uint64_t>(dtype))).take_type();
    if (type.dtype != dtype || type.bytes() > limits_.memory)
      throw Error(path_, "its reader answered with " + to_string(type) + " for '" + path + "'");
    Tensor value(dtype, type.shape, Device{});
    guarded([&] {
      channel().receive({value.mutable_raw(), value.bytes()});
      return 0;
    });
    if (dtype == DType::boolean)  // whatever the bytes are
      for (std::int64_t i = 0; i < value.size(); ++i) value.mutable_raw()[i] &= std::byte{1};
    return value;
  }

 private:
  Message receive() const {
    Message answer = guarded([&] { return channel().receive(most_text + (std::uint64_t{1} << 20)); });
    if (answer.take_number(1) == static_cast<std::uint64_t>(wire::Answer::value)) return answer;
    const std::string where = answer.take_text(), what = answer.take_text();
    throw Error(where, what);
  }

  Message ask(Question question, const Message& about) const {
    const std::lock_guard lock(mutex_);
    Message whole;
    whole.put(static_cast<std::uint64_t>(question)).put(std::string_view(about.bytes()));
    guarded([&] {
      channel().send(whole);
      return 0;
    });
    return receive();
  }
  bool ask_yes(Question question, const Message& about) const { return ask(question, about).take_number(1) == 1; }

  std::string path_;
  IsolationLimits limits_;
  mutable Reader reader_;
  mutable std::recursive_mutex mutex_;  // a question and its answer
};

}  // namespace

std::unique_ptr<ModelFile> open_isolated_file(const std::string& path) { return std::make_unique<IsolatedFile>(path); }

}  // namespace strata
