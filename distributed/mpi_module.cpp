// Messages by Open MPI. Nothing here blocks: operations are started and then looked after until a deadline.
#define OMPI_SKIP_MPICXX 1
#include <dlfcn.h>
#include <mpi.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>

#include "core/base/error.h"
#include "distributed/mpi.h"

namespace strata::distribute {

namespace {
constexpr int message_tag = 1, abort_tag = 2;
constexpr std::size_t longest_piece = 1 << 30;  // MPI counts in int
constexpr std::size_t longest_reason = 8 << 10;
constexpr std::size_t longest_introduction = 1 << 10;

void require_done(int status, const char* what) {
  if (status == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  MPI_Error_string(status, text, &length);
  throw Error("MPI", std::string(what) + " failed: " + text);
}

/// Looks often at first, since most waits are short, then leaves the processor to others.
class Patience {
 public:
  void wait() {
    if (++looks_ < 200)
      std::this_thread::yield();
    else
      std::this_thread::sleep_for(std::chrono::microseconds(looks_ < 2000 ? 20 : 200));
  }
  /// Now and then.
  bool looks_around() const { return looks_ % 16 == 1; }

 private:
  int looks_ = 0;
};

/// MPI itself: once in a process, until it ends.
class Library {
 public:
  void start() {
    if (ours_) return;
    int running = 0;
    MPI_Initialized(&running);
    if (running == 0) {
      // Its plugins look for its symbols among those of the whole process.
      ::dlopen("libmpi.so.40", RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD);
      int provided = 0;
      require_done(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided), "MPI_Init_thread");
      require(provided >= MPI_THREAD_SERIALIZED, "MPI",
              "expected one that several threads may use in turn (MPI_THREAD_SERIALIZED)");
    }
    ours_ = running == 0;
  }
  /// After it nobody waits for the others to end.
  void give_up() { gave_up_ = true; }
  ~Library() {
    int over = 0;
    if (ours_ && !gave_up_ && MPI_Finalized(&over) == MPI_SUCCESS && over == 0) MPI_Finalize();
  }

 private:
  bool ours_ = false;
  std::atomic<bool> gave_up_{false};
};

class MpiTransport final : public Transport {
 public:
  MpiTransport(const WorldOptions& world, const std::string& name, Clock::time_point deadline, Library& library)
      : library_(library) {
    // A communicator of its own: messages of the program's do not mix with these.
    MPI_Request request = MPI_REQUEST_NULL;
    require_done(MPI_Comm_idup(MPI_COMM_WORLD, &all_, &request), "MPI_Comm_idup");
    finish(request, deadline);
    MPI_Comm_set_errhandler(all_, MPI_ERRORS_RETURN);
    int size = 0;
    MPI_Comm_rank(all_, &rank_);
    MPI_Comm_size(all_, &size);
    if (rank_ != world.rank || size != world.size)
      fail_expected(
          "MPI",
          "rank " + std::to_string(world.rank) + " of " + std::to_string(world.size) + ", as " + world.origin + " says",
          "rank " + std::to_string(rank_) + " of " + std::to_string(size));
    introduce(name, static_cast<std::size_t>(size), deadline);
  }

  ~MpiTransport() override {
    int over = 0;
    MPI_Finalized(&over);
    if (!aborted_ && !broken_ && over == 0) MPI_Comm_free(&all_);
  }

  const std::vector<Process>& processes() const override { return processes_; }

  std::optional<Trouble> exchange(std::span<const Outgoing> out, std::span<Incoming> in,
                                  Clock::time_point deadline) override {
    const std::lock_guard lock(using_);
    requests_.clear();
    owners_.clear();
    for (const Outgoing& o : out)
      in_pieces(o.bytes, [&](std::size_t at, int n) {
        MPI_Isend(o.data + at, n, MPI_BYTE, o.to, message_tag, all_, next_request(o.to));
      });
    const std::size_t sends = requests_.size();
    for (Incoming& i : in)
      in_pieces(i.capacity, [&](std::size_t at, int n) {
        MPI_Irecv(i.data + at, n, MPI_BYTE, i.from, message_tag, all_, next_request(i.from));
      });
    auto trouble = finish_all(deadline);
    if (aborted_) tell_reason();
    if (trouble) return trouble;
    std::size_t r = sends;
    for (Incoming& i : in) {
      i.bytes = 0;
      in_pieces(i.capacity, [&](std::size_t, int) {
        int n = 0;
        MPI_Get_count(&statuses_[r++], MPI_BYTE, &n);
        i.bytes += static_cast<std::size_t>(n);
      });
    }
    return std::nullopt;
  }

  /// A program may have started MPI for one thread only.
  bool takes_turns() const override {
    int level = MPI_THREAD_SINGLE;
    return MPI_Query_thread(&level) == MPI_SUCCESS && level >= MPI_THREAD_SERIALIZED;
  }

  void abort(const std::string& reason) override {
    {
      const std::lock_guard lock(telling_);
      if (aborted_) return;
      reason_ = reason.substr(0, longest_reason);
      aborted_ = true;
    }
    if (const std::unique_lock lock(using_, std::try_to_lock); lock) tell_reason();
  }

 private:
  /// f(offset, bytes) for each; once for no bytes, since a message may be empty.
  template <class F>
  static void in_pieces(std::size_t bytes, F&& f) {
    std::size_t at = 0;
    do {
      const std::size_t n = std::min(bytes - at, longest_piece);
      f(at, static_cast<int>(n));
      at += n;
    } while (at < bytes);
  }

  MPI_Request* next_request(int peer) {
    owners_.push_back(peer);
    return &requests_.emplace_back(MPI_REQUEST_NULL);
  }

  void introduce(const std::string& name, std::size_t size, Clock::time_point deadline) {
    const std::string self = to_text(this_process(name));
    std::vector<char> mine(longest_introduction), all(longest_introduction * size);
    require(self.size() < mine.size(), "MPI", "this machine's name is too long");
    std::copy(self.begin(), self.end(), mine.begin());
    MPI_Request request = MPI_REQUEST_NULL;
    require_done(MPI_Iallgather(mine.data(), static_cast<int>(mine.size()), MPI_CHAR, all.data(),
                                static_cast<int>(mine.size()), MPI_CHAR, all_, &request),
                 "MPI_Iallgather");
    finish(request, deadline);
    for (std::size_t r = 0; r < size; ++r) processes_.push_back(process_of(all.data() + r * mine.size()));
    check_versions(processes_);
  }

  /// An operation of the coming together.
  void finish(MPI_Request& request, Clock::time_point deadline) {
    Patience patience;
    for (int done = 0;; patience.wait()) {
      require_done(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
      if (done != 0) return;
      if (Clock::now() < deadline) continue;
      library_.give_up();
      throw Error("MPI",
                  "the processes that mpirun started did not all come in time: one may train with a strategy, and "
                  "another not");
    }
  }

  std::optional<Trouble> finish_all(Clock::time_point deadline) {
    statuses_.resize(requests_.size());
    Patience patience;
    for (int done = 0;; patience.wait()) {
      const int status = MPI_Testall(static_cast<int>(requests_.size()), requests_.data(), &done, statuses_.data());
      if (status != MPI_SUCCESS) return broken();
      if (done != 0) return std::nullopt;
      if (aborted_) return Trouble{Trouble::Kind::aborted, {}, reason()};
      if (!patience.looks_around()) continue;
      if (auto trouble = heard_abort()) return trouble;
      if (Clock::now() > deadline) return late();
    }
  }

  Trouble broken() {
    give_up();
    for (std::size_t i = 0; i < requests_.size(); ++i)
      if (const int error = statuses_[i].MPI_ERROR; error != MPI_SUCCESS && error != MPI_ERR_PENDING)
        return {Trouble::Kind::gone, {owners_[i]}, "MPI cannot exchange messages with it"};
    return {Trouble::Kind::aborted, {}, "MPI cannot exchange messages any more"};
  }

  Trouble late() {
    give_up();
    Trouble trouble{Trouble::Kind::late, {}, {}};
    for (std::size_t i = 0; i < requests_.size(); ++i)
      if (requests_[i] != MPI_REQUEST_NULL) {
        int done = 0;
        MPI_Test(&requests_[i], &done, MPI_STATUS_IGNORE);
        if (done == 0 && std::ranges::count(trouble.ranks, owners_[i]) == 0) trouble.ranks.push_back(owners_[i]);
      }
    std::ranges::sort(trouble.ranks);
    return trouble;
  }

  std::optional<Trouble> heard_abort() {
    int there = 0;
    MPI_Status status;
    if (MPI_Iprobe(MPI_ANY_SOURCE, abort_tag, all_, &there, &status) != MPI_SUCCESS || there == 0) return std::nullopt;
    std::string text(longest_reason, '\0');
    MPI_Recv(text.data(), static_cast<int>(text.size()), MPI_CHAR, status.MPI_SOURCE, abort_tag, all_, &status);
    int length = 0;
    MPI_Get_count(&status, MPI_CHAR, &length);
    text.resize(static_cast<std::size_t>(length));
    give_up();
    return Trouble{Trouble::Kind::aborted, {status.MPI_SOURCE}, text};
  }

  /// MPI has operations under way that will not come to their end.
  void give_up() {
    broken_ = true;
    library_.give_up();
  }

  std::string reason() {
    const std::lock_guard lock(telling_);
    return reason_;
  }

  /// Messages of this size leave at once where the other end is there; whoever is not will not miss it.
  void tell_reason() {
    if (std::exchange(told_, true)) return;
    give_up();
    std::vector<MPI_Request> requests;
    for (int r = 0; r < static_cast<int>(processes_.size()); ++r)
      if (r != rank_)
        MPI_Isend(reason_.data(), static_cast<int>(reason_.size()), MPI_CHAR, r, abort_tag, all_,
                  &requests.emplace_back(MPI_REQUEST_NULL));
    const auto until = Clock::now() + std::chrono::milliseconds(500);
    Patience patience;
    for (int done = 0; done == 0 && Clock::now() < until; patience.wait())
      if (MPI_Testall(static_cast<int>(requests.size()), requests.data(), &done, MPI_STATUSES_IGNORE) != MPI_SUCCESS)
        break;
  }

  Library& library_;
  MPI_Comm all_ = MPI_COMM_NULL;
  int rank_ = 0;
  std::vector<Process> processes_;
  std::vector<MPI_Request> requests_;
  std::vector<int> owners_;  // whom each request is with
  std::vector<MPI_Status> statuses_;
  std::mutex using_;    // held while an exchange goes on
  std::mutex telling_;  // of reason_, which stays as it is once it is there
  std::string reason_;
  std::atomic<bool> aborted_{false};
  bool told_ = false, broken_ = false;
};

class OpenMpi final : public MpiModule {
 public:
  std::unique_ptr<Transport> start(const WorldOptions& world, const std::string& name,
                                   std::chrono::milliseconds timeout) const override {
    static Library library;  // goes when the process ends
    library.start();
    return std::make_unique<MpiTransport>(world, name, Clock::now() + timeout, library);
  }
};

const RegisteredModule<OpenMpi> open_mpi;

}  // namespace

}  // namespace strata::distribute
