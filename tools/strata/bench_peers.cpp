#include "tools/strata/bench_peers.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <thread>

#include "tools/strata/commands.h"

namespace strata::tools {

namespace fs = std::filesystem;

namespace {
struct Framework {
  const char* name;
  std::vector<std::string> modules, modes;
  const char* packages;  ///< as pip knows them
};

const std::vector<Framework>& frameworks() {
  static const std::vector<Framework> all{
      {"keras", {"keras", "tensorflow", "numpy"}, {"graph", "xla"}, "keras tensorflow"},
      {"torch",
       {"torch", "numpy"},
       {"eager-nchw", "eager-channels_last", "compiled-nchw", "compiled-channels_last"},
       "torch numpy"}};
  return all;
}

/// bin/../share/strata/bench, in an installation as in a build.
fs::path scripts_folder() {
  const fs::path program = fs::read_symlink("/proc/self/exe");
  fs::path folder = (program.parent_path() / "../share/strata/bench").lexically_normal();
  if (!fs::exists(folder / "workloads.py"))
    throw UsageError("bench: --compare wants the scripts that are installed with this command in " + folder.string());
  return folder;
}

/// Starts a program, found as a shell finds it. Standard streams are these descriptors.
pid_t spawn(const std::vector<std::string>& command, int in, int out, int error) {
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in, 0);
  ::posix_spawn_file_actions_adddup2(&actions, out, 1);
  ::posix_spawn_file_actions_adddup2(&actions, error, 2);
  ::posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  pid_t process = -1;
  const int status = ::posix_spawnp(&process, words[0], &actions, nullptr, words.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (status != 0) throw UsageError("bench: '" + command[0] + "' cannot be started: " + std::strerror(status));
  return process;
}

int wait_for_end(pid_t process) {
  int status = 0;
  while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool has_modules(const std::string& python, const std::vector<std::string>& modules) {
  std::string names;
  for (const std::string& module : modules) names += "'" + module + "', ";
  const std::string question =
      "import importlib.util, sys; sys.exit(0 if all(map(importlib.util.find_spec, (" + names + "))) else 3)";
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  const pid_t process = spawn({python, "-c", question}, null, null, null);
  ::close(null);
  return wait_for_end(process) == 0;
}

bool is_asked_for(const std::string& name, const std::vector<std::string>& words) {
  return words.empty() ||
         std::ranges::any_of(words, [&](const std::string& word) { return name.find(word) != std::string::npos; });
}
}  // namespace

Peers find_peers(const std::vector<std::string>& pythons, const std::vector<std::string>& words) {
  const fs::path folder = scripts_folder();
  Peers peers;
  for (const Framework& framework : frameworks()) {
    const auto python =
        std::ranges::find_if(pythons, [&](const std::string& p) { return has_modules(p, framework.modules); });
    if (python == pythons.end()) {
      std::string tried;
      for (const std::string& p : pythons) tried += (tried.empty() ? "" : ", ") + p;
      peers.missing.push_back(std::string(framework.name) + ": not in " + tried + "; install it there (pip install " +
                              framework.packages + "), or name a Python that has it with --python");
      continue;
    }
    const std::string script = folder / ("peer_" + std::string(framework.name) + ".py");
    for (const std::string& mode : framework.modes)
      if (Peer peer{framework.name, mode, *python, script}; is_asked_for(peer.name(), words))
        peers.found.push_back(std::move(peer));
  }
  return peers;
}

PeerWorker::PeerWorker(const Peer& peer, const BenchCase& c, int threads) : case_(c) {
  const std::vector<std::string> command{peer.python,    peer.script,
                                         "--workload",   c.network.workload,
                                         "--mode",       peer.mode,
                                         "--threads",    std::to_string(threads),
                                         "--batch",      std::to_string(c.batch_size),
                                         "--precision",  c.precision,
                                         "--image-size", std::to_string(c.image_size),
                                         "--random-data"};
  log_ = ::memfd_create("peer", MFD_CLOEXEC);
  int ends[2];
  if (log_ < 0 || ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    throw Error("bench", std::string("no socket: ") + std::strerror(errno));
  socket_ = ends[0];
  process_ = spawn(command, ends[1], ends[1], log_);
  ::close(ends[1]);
}

PeerWorker::~PeerWorker() {
  using namespace std::chrono_literals;
  ::close(socket_);  // which tells it to end; one that is busy does not listen
  ::close(log_);
  for (int i = 0; i < 200; ++i) {
    if (::waitpid(process_, nullptr, WNOHANG) == process_) return;
    std::this_thread::sleep_for(10ms);
  }
  ::kill(process_, SIGKILL);
  wait_for_end(process_);
}

std::string PeerWorker::ready(double timeout) {
  std::istringstream words(read_line(timeout));
  std::string word, seconds, version;
  words >> word >> seconds >> std::ws;
  std::getline(words, version);
  if (word != "ready") throw Error("bench", "expected 'ready SECONDS VERSION'; received '" + words.str() + "'");
  return version;
}

double PeerWorker::seconds_of_batch(std::int64_t batches, double timeout) {
  const bool trains = case_.mode == Mode::train;
  const std::string verb = trains ? "step" : "infer", count = std::to_string(batches),
                    size = std::to_string(case_.batch_size),
                    command = verb + " " + count + (trains ? "" : " " + size) + "\n";
  if (::send(socket_, command.data(), command.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(command.size()))
    throw Error("bench", "it has ended: " + last_words());
  const std::string answer = read_line(timeout);
  std::istringstream words(answer);
  std::string word;
  double number = 0;
  if (!(words >> word >> number) || word != verb || number <= 0)
    throw Error("bench", answer.starts_with("error ") ? answer.substr(6) : "received '" + answer + "'");
  return trains ? number / 1e3 : static_cast<double>(case_.batch_size) / number;
}

std::string PeerWorker::read_line(double timeout) {
  using Clock = std::chrono::steady_clock;
  const auto deadline =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(timeout));
  for (;;) {
    if (const std::size_t end = pending_.find('\n'); end != std::string::npos) {
      const std::string line = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      return line;
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd ready{socket_, POLLIN, 0};
    if (left <= 0 || ::poll(&ready, 1, static_cast<int>(left)) == 0)
      throw Error("bench", "no answer in " + std::to_string(static_cast<int>(timeout)) + " s");
    char text[4096];
    const ssize_t got = ::read(socket_, text, sizeof text);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) throw Error("bench", "it has ended: " + last_words());
    pending_.append(text, static_cast<std::size_t>(got));
  }
}

/// The last line that it wrote to stderr.
std::string PeerWorker::last_words() {
  constexpr off_t most = 4096;
  const off_t size = ::lseek(log_, 0, SEEK_END);
  std::string text(static_cast<std::size_t>(std::min(size, most)), '\0');
  const ssize_t got = ::pread(log_, text.data(), text.size(), size - static_cast<off_t>(text.size()));
  text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  const std::size_t line = text.rfind('\n');
  return text.empty() ? "it said nothing" : line == std::string::npos ? text : text.substr(line + 1);
}

}  // namespace strata::tools
