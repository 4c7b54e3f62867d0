#include "distributed/process_group.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <mutex>
#include <vector>

#include "core/base/error.h"
#include "distributed/group_state.h"
#include "distributed/mpi.h"
#include "distributed/reduce.h"
#include "distributed/tcp_transport.h"

namespace strata::distribute {

namespace {
/// Operands of up to so many bytes travel with the announcement, so that the call takes one exchange instead of three.
constexpr std::size_t largest_inline = 8 << 10;

const std::byte* bytes_of(const void* data, std::size_t offset = 0) {
  return static_cast<const std::byte*>(data) + offset;
}
std::byte* bytes_of(void* data, std::size_t offset = 0) { return static_cast<std::byte*>(data) + offset; }

/// A replica's part may be in its place already.
void copy(void* to, const void* from, std::size_t bytes) {
  if (to != from && bytes > 0) std::memmove(to, from, bytes);
}
}  // namespace

class ProcessGroup::Member final : public Communicator {
 public:
  Member(std::shared_ptr<GroupState> state, int members) : s_(std::move(state)), size_(members) {}

  int rank() const override { return s_->rank; }
  int size() const override { return size_; }
  bool takes_turns() const override { return s_->transport->takes_turns(); }

  void all_reduce(Reduction reduction, DType dtype, const void* in, void* out, std::size_t count) override {
    check_reducible(reduction, dtype);
    const std::size_t bytes = count * size_of(dtype);
    if (announce({CallKind::all_reduce, reduction, dtype, 0, count}, in, bytes)) {
      reduce(reduction, dtype, inlined(in), {out}, 0, count);
      return;
    }
    // Each rank adds up its slice for all.
    const auto slice = [&](int r) { return slice_of(r, count, size_of(dtype)); };
    add_parts(reduction, dtype, in, slice, bytes_of(out, slice(rank()).begin));
    give_to_all(out, slice);
  }

  void broadcast(DType dtype, void* data, std::size_t count, int root) override {
    if (root < 0 || root >= size_)
      fail_expected("broadcast", "a root below " + std::to_string(size_), std::to_string(root));
    const std::size_t bytes = count * size_of(dtype);
    if (announce({CallKind::broadcast, Reduction::sum, dtype, root, count}, data, bytes)) {
      if (root != rank()) copy(data, inlined(data)[static_cast<std::size_t>(root)], bytes);
      return;
    }
    // The root gives each rank a slice, and each gives its own to all.
    const auto slice = [&](int r) { return slice_of(r, count, size_of(dtype)); };
    std::vector<Transport::Outgoing> out;
    std::vector<Transport::Incoming> in;
    if (root == rank())
      for (const int r : others()) out.push_back({r, bytes_of(data, slice(r).begin), slice(r).bytes});
    else
      in.push_back({root, bytes_of(data, slice(rank()).begin), slice(rank()).bytes});
    s_->exchange(out, in);
    give_to_all(data, slice);
  }

  void all_gather(DType dtype, const void* in, void* out, std::size_t count) override {
    const std::size_t bytes = count * size_of(dtype);
    const bool small = announce({CallKind::all_gather, Reduction::sum, dtype, 0, count}, in, bytes);
    if (small) {
      const std::vector<const void*> all = inlined(in);
      for (const int r : others()) copy(bytes_of(out, index(r) * bytes), all[index(r)], bytes);
    }
    copy(bytes_of(out, index(rank()) * bytes), in, bytes);
    if (!small) give_to_all(out, [&](int r) { return Slice{index(r) * bytes, bytes}; });
  }

  void reduce_scatter(Reduction reduction, DType dtype, const void* in, void* out, std::size_t count) override {
    check_reducible(reduction, dtype);
    const std::size_t bytes = count * size_of(dtype), mine = index(rank()) * bytes;
    if (!announce({CallKind::reduce_scatter, reduction, dtype, 0, count}, in, bytes * index(size_))) {
      add_parts(
          reduction, dtype, in,
          [&](int r) {
            return Slice{index(r) * bytes, bytes};
          },
          out);
      return;
    }
    std::vector<const void*> parts = inlined(in);
    for (const void*& part : parts) part = bytes_of(part, mine);
    reduce(reduction, dtype, parts, {out}, 0, count);
  }

  void barrier() override { announce({}, nullptr, 0); }

  void abort(const std::string& reason) override { s_->fail(reason, reason); }

  void begin_step(std::int64_t number) override {
    s_->now.step = number;
    s_->now.calls = 0;
  }

 private:
  /// Bytes of an array.
  struct Slice {
    std::size_t begin, bytes;
  };
  using SliceOf = std::function<Slice(int rank)>;

  static std::size_t index(int rank) { return static_cast<std::size_t>(rank); }
  Slice slice_of(int r, std::size_t count, std::size_t size) const {
    const std::size_t begin = count * index(r) / index(size_), end = count * index(r + 1) / index(size_);
    return {begin * size, (end - begin) * size};
  }
  std::vector<int> others() const {
    std::vector<int> all;
    for (int r = 0; r < size_; ++r)
      if (r != rank()) all.push_back(r);
    return all;
  }
  std::byte* scratch(std::size_t bytes) {
    if (s_->scratch.size() < bytes) s_->scratch.resize(bytes);
    return s_->scratch.data();
  }

  /// Tells the others of the call and hears what they call; returns when all have made the same one. True if the
  /// operand, being small, went with it.
  bool announce(const Call& call, const void* operand, std::size_t bytes) {
    GroupState& s = *s_;
    s.now.call = call;
    s.now.members = size_;
    ++s.now.calls;
    s.check();
    s.deadline = Clock::now() + s.timeout;
    const bool small = bytes <= largest_inline;
    std::byte* const room = scratch((index(size_) + 1) * message_room);
    std::byte* const mine = room + index(size_) * message_room;
    std::memcpy(mine, &s.now, sizeof s.now);
    if (small && bytes > 0) std::memcpy(mine + sizeof s.now, operand, bytes);
    std::vector<Transport::Outgoing> out;
    std::vector<Transport::Incoming> in;
    for (const int r : others()) {
      out.push_back({r, mine, sizeof s.now + (small ? bytes : 0)});
      in.push_back({r, room + index(r) * message_room, message_room});
    }
    s.exchange(out, in);
    for (const int r : others()) std::memcpy(&s.heard[index(r)], room + index(r) * message_room, sizeof(Announcement));
    check_agreement();
    return small;
  }

  void check_agreement() {
    const auto agrees = [&](int r) {
      return s_->heard[index(r)].call == s_->now.call && s_->heard[index(r)].members == size_;
    };
    const std::vector<int> all = others();
    if (std::all_of(all.begin(), all.end(), agrees)) return;
    s_->heard[index(rank())] = s_->now;
    std::string text = "the replicas made different calls:";
    for (int r = 0; r < size_; ++r) {
      const Announcement& a = s_->heard[index(r)];
      text += (r ? "; rank " : " rank ") + std::to_string(r) + " " + place_of(a.step, a.calls, a.call);
    }
    s_->fail(text, text);
    s_->check();
  }

  /// All operands of the call, by rank; this rank's where it is.
  std::vector<const void*> inlined(const void* own) const {
    std::vector<const void*> all(index(size_), own);
    for (const int r : others()) all[index(r)] = s_->scratch.data() + index(r) * message_room + sizeof(Announcement);
    return all;
  }

  /// The reduction of this rank's slice of all operands.
  void add_parts(Reduction reduction, DType dtype, const void* in, const SliceOf& slice, void* result) {
    const Slice mine = slice(rank());
    std::byte* const room = scratch(index(size_) * mine.bytes);
    std::vector<const void*> parts(index(size_), bytes_of(in, mine.begin));
    std::vector<Transport::Outgoing> sent;
    std::vector<Transport::Incoming> received;
    for (const int r : others()) {
      sent.push_back({r, bytes_of(in, slice(r).begin), slice(r).bytes});
      received.push_back({r, room + index(r) * mine.bytes, mine.bytes});
      parts[index(r)] = received.back().data;
    }
    s_->exchange(sent, received);
    reduce(reduction, dtype, parts, {result}, 0, mine.bytes / size_of(dtype));
  }

  /// Every rank's slice, which it has in its place, comes to all.
  void give_to_all(void* data, const SliceOf& slice) {
    const Slice mine = slice(rank());
    std::vector<Transport::Outgoing> sent;
    std::vector<Transport::Incoming> received;
    for (const int r : others()) {
      sent.push_back({r, bytes_of(data, mine.begin), mine.bytes});
      received.push_back({r, bytes_of(data, slice(r).begin), slice(r).bytes});
    }
    s_->exchange(sent, received);
  }

  static constexpr std::size_t message_room = sizeof(Announcement) + largest_inline;
  std::shared_ptr<GroupState> s_;
  int size_;
};

std::shared_ptr<ProcessGroup> ProcessGroup::join(const WorldOptions& world, const std::string& name,
                                                 std::chrono::milliseconds timeout) {
  distribute::check(world);
  auto transport = world.transport == WorldOptions::Transport::mpi
                       ? mpi_transport(world, name, timeout)
                       : tcp_transport(assemble(world, name, Clock::now() + timeout));
  return std::make_shared<ProcessGroup>(std::move(transport), world.rank, timeout);
}

ProcessGroup::ProcessGroup(std::unique_ptr<Transport> transport, int rank, std::chrono::milliseconds timeout)
    : state_(std::make_shared<GroupState>(std::move(transport), rank, timeout)) {}

ProcessGroup::~ProcessGroup() = default;

int ProcessGroup::rank() const { return state_->rank; }
int ProcessGroup::size() const { return state_->size(); }

int ProcessGroup::on_this_machine() const {
  const std::vector<Process>& all = state_->processes();
  const std::string& here = all[static_cast<std::size_t>(rank())].host;
  return static_cast<int>(std::count_if(all.begin(), all.end(), [&](const Process& p) { return p.host == here; }));
}

std::string ProcessGroup::title(int rank) const { return state_->title(rank); }

std::shared_ptr<Communicator> ProcessGroup::communicator(int members) const {
  const int all = members == 0 ? size() : members;
  if (all > size() || rank() >= all)
    fail_expected("communicator",
                  "at most " + std::to_string(size()) + " members with rank " + std::to_string(rank()) + " among them",
                  std::to_string(members));
  return std::make_shared<Member>(state_, all);
}

bool ProcessGroup::abort(const std::string& error) const { return state_->fail(error, error); }

}  // namespace strata::distribute
