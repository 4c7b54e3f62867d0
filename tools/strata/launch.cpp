#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <vector>

#include "tools/strata/commands.h"

namespace strata::tools {

namespace {
using Clock = std::chrono::steady_clock;

struct LaunchOptions {
  int processes = 0;
  int first_rank = 0, world_size = 0;
  std::string address;
  double grace_seconds = 5;
  std::vector<std::string> command;
};

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error(what + ": " + std::strerror(errno)); }

/// One that nobody listens at now.
std::string free_address() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ::sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const place = reinterpret_cast<::sockaddr*>(&address);
  const bool found = fd >= 0 && ::bind(fd, place, size) == 0 && ::getsockname(fd, place, &size) == 0;
  if (fd >= 0) ::close(fd);
  if (!found) fail("no free port");
  return "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
}

/// One of the two outputs of a process: what it says goes on line by line, with its rank before it.
class Stream {
 public:
  Stream(int fd, std::FILE* to, std::string prefix) : fd_(fd), to_(to), prefix_(std::move(prefix)) {}
  int fd() const { return fd_; }
  bool open() const { return fd_ >= 0; }

  void take() {
    char block[4096];
    const ssize_t n = ::read(fd_, block, sizeof block);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (n > 0) {
      pending_.append(block, static_cast<std::size_t>(n));
      // A progress bar goes back to the beginning of its line.
      const std::size_t end = pending_.find_last_of("\n\r");
      if (end != std::string::npos) pass_on(end + 1);
      return;
    }
    if (!pending_.empty()) {
      pending_ += '\n';
      pass_on(pending_.size());
    }
    ::close(fd_);
    fd_ = -1;
  }

 private:
  void pass_on(std::size_t bytes) {
    for (std::size_t at = 0; at < bytes;) {
      const std::size_t end = pending_.find_first_of("\n\r", at) + 1;
      std::fputs(prefix_.c_str(), to_);
      std::fwrite(pending_.data() + at, 1, end - at, to_);
      at = end;
    }
    std::fflush(to_);
    pending_.erase(0, bytes);
  }

  int fd_;
  std::FILE* to_;
  std::string prefix_, pending_;
};

struct Process {
  int rank;
  pid_t id;
  bool running = true;
};

std::string describe(int status) {
  if (WIFSIGNALED(status))
    return fmt::format("was ended by signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
  return fmt::format("ended with status {}", WEXITSTATUS(status));
}

int exit_status_of(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

class Launch {
 public:
  explicit Launch(const LaunchOptions& options) : o_(options) {
    ::sigemptyset(&signals_);
    for (const int s : {SIGCHLD, SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&signals_, s);
    ::sigprocmask(SIG_BLOCK, &signals_, &signals_before_);
    news_ = ::signalfd(-1, &signals_, SFD_CLOEXEC | SFD_NONBLOCK);
    if (news_ < 0) fail("signalfd");
  }

  /// The exit status: that of the process that failed first, 0 if none did.
  int run() {
    for (int i = 0; i < o_.processes; ++i) start(i);
    while (running() > 0 || any_open()) {
      wait();
      if (kill_at_ && Clock::now() >= *kill_at_ && running() > 0) press();
    }
    return status_;
  }

 private:
  void start(int local_rank) {
    const int rank = o_.first_rank + local_rank;
    int out[2], error[2];
    if (::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(error, O_CLOEXEC) != 0) fail("no pipe");
    std::fflush(nullptr);
    const pid_t id = ::fork();
    if (id < 0) fail("no process can be started");
    if (id == 0) become(rank, local_rank, out[1], error[1]);
    ::setpgid(id, id);
    ::close(out[1]);
    ::close(error[1]);
    processes_.push_back({rank, id});
    const std::string prefix = fmt::format("[{}] ", rank);
    streams_.emplace_back(out[0], stdout, prefix);
    streams_.emplace_back(error[0], stderr, prefix);
  }

  /// In the new process.
  [[noreturn]] void become(int rank, int local_rank, int out, int error) const {
    ::setpgid(0, 0);  // what it starts ends with it
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::sigprocmask(SIG_SETMASK, &signals_before_, nullptr);
    ::dup2(::open("/dev/null", O_RDONLY | O_CLOEXEC), STDIN_FILENO);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(error, STDERR_FILENO);
    ::setenv("STRATA_RANK", std::to_string(rank).c_str(), 1);
    ::setenv("STRATA_WORLD_SIZE", std::to_string(o_.world_size).c_str(), 1);
    ::setenv("STRATA_LOCAL_RANK", std::to_string(local_rank).c_str(), 1);
    ::setenv("STRATA_ADDRESS", o_.address.c_str(), 1);
    std::vector<char*> arguments;
    for (const std::string& word : o_.command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    ::execvp(arguments[0], arguments.data());
    std::fprintf(stderr, "%s cannot be started: %s\n", arguments[0], std::strerror(errno));
    std::fflush(stderr);
    std::_Exit(127);
  }

  int running() const {
    int n = 0;
    for (const Process& p : processes_) n += p.running ? 1 : 0;
    return n;
  }
  bool any_open() const {
    for (const Stream& s : streams_)
      if (s.open()) return true;
    return false;
  }

  void wait() {
    std::vector<::pollfd> all{{news_, POLLIN, 0}};
    for (const Stream& s : streams_) all.push_back({s.fd(), POLLIN, 0});  // closed ones are negative: passed over
    int limit = -1;
    if (kill_at_)
      limit = static_cast<int>(
          std::max<std::int64_t>(0, std::chrono::ceil<std::chrono::milliseconds>(*kill_at_ - Clock::now()).count()));
    if (::poll(all.data(), all.size(), limit) < 0 && errno != EINTR) fail("poll");
    for (std::size_t i = 0; i < streams_.size(); ++i)
      if (all[i + 1].revents != 0) streams_[i].take();
    if (all[0].revents != 0) hear();
  }

  void hear() {
    ::signalfd_siginfo signal{};
    while (::read(news_, &signal, sizeof signal) == static_cast<ssize_t>(sizeof signal)) {
      const int number = static_cast<int>(signal.ssi_signo);
      if (number == SIGCHLD) continue;
      if (status_ == 0) status_ = 128 + number;
      send(number);
      end_soon();
    }
    reap();
  }

  void reap() {
    for (Process& p : processes_) {
      int status = 0;
      if (!p.running || ::waitpid(p.id, &status, WNOHANG) != p.id) continue;
      p.running = false;
      if (status == 0) continue;
      std::fprintf(stderr, "strata launch: rank %d (process %d) %s\n", p.rank, static_cast<int>(p.id),
                   describe(status).c_str());
      if (status_ == 0) status_ = exit_status_of(status);
      end_soon();
    }
    // What a process had started may hold its output open.
    if (running() == 0)
      for (const Process& p : processes_) ::kill(-p.id, SIGKILL);
  }

  /// The others find out by themselves, and say what it meant to them, before they are ended.
  void end_soon() {
    if (!kill_at_) kill_at_ = Clock::now() + grace();
  }

  void press() {
    send(pressed_ ? SIGKILL : SIGTERM);
    if (pressed_)
      kill_at_.reset();
    else
      kill_at_ = Clock::now() + grace();
    pressed_ = true;
  }

  void send(int signal) const {
    for (const Process& p : processes_)
      if (p.running) {
        ::kill(-p.id, signal);
        if (signal == SIGTERM) ::kill(-p.id, SIGCONT);  // one that stands still would not hear it
      }
  }

  Clock::duration grace() const {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(o_.grace_seconds));
  }

  const LaunchOptions& o_;
  ::sigset_t signals_{}, signals_before_{};
  int news_ = -1;
  std::vector<Process> processes_;
  std::vector<Stream> streams_;
  std::optional<Clock::time_point> kill_at_;
  bool pressed_ = false;
  int status_ = 0;
};

void launch(LaunchOptions o) {
  if (o.command.empty()) throw UsageError("launch: expected a program; received none");
  if (o.world_size == 0) o.world_size = o.first_rank + o.processes;
  if (o.first_rank + o.processes > o.world_size)
    throw UsageError(fmt::format("launch: ranks {} to {} are beyond a world of {}", o.first_rank,
                                 o.first_rank + o.processes - 1, o.world_size));
  if (o.address.empty()) {
    if (o.processes != o.world_size)
      throw UsageError("launch: expected --address, since some of the ranks are elsewhere");
    o.address = free_address();
  }
  const int status = Launch(o).run();
  if (status != 0) throw ExitStatus{status};
}
}  // namespace

void add_launch(CLI::App& strata) {
  CLI::App* command =
      strata.add_subcommand("launch", "PROGRAM [ARGUMENTS]: starts it several times, as the ranks of one training");
  const auto o = std::make_shared<LaunchOptions>();
  command->add_option("-n,--processes", o->processes, "how many to start on this machine")
      ->required()
      ->check(CLI::Range(1, 1024));
  command->add_option("--address", o->address, "host:port at which rank 0 waits for the others [a free port here]");
  command->add_option("--first-rank", o->first_rank, "rank of the first one started here [0]")
      ->check(CLI::Range(0, 65535));
  command->add_option("--world-size", o->world_size, "processes on all machines together [those here]")
      ->check(CLI::Range(1, 65536));
  command
      ->add_option("--grace", o->grace_seconds,
                   "seconds between the failure of one and the end of the others, and again until they are killed [5]")
      ->check(CLI::Range(0.0, 3600.0));
  command->prefix_command();
  command->footer(R"(Each process gets STRATA_RANK, STRATA_WORLD_SIZE, STRATA_LOCAL_RANK and STRATA_ADDRESS, which a
MultiWorkerMirroredStrategy reads. What it prints comes out with its rank before each line. When one fails,
the others are ended, and its exit status is that of the command (128 and the signal's number if it was
killed).

Examples:
  strata launch -n 4 ./train --epochs 5
  strata launch -n 8 --address node1:29500 --world-size 16 ./train                  (on node1)
  strata launch -n 8 --address node1:29500 --world-size 16 --first-rank 8 ./train   (on node2))");
  command->callback([o, command] {
    o->command = command->remaining();
    launch(*o);
  });
}

}  // namespace strata::tools
