#include "distributed/rendezvous.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "core/base/error.h"
#include "core/base/json.h"

namespace strata::distribute {

namespace {
/// How long a process that has connected may take to say who it is: it may be none of ours.
constexpr std::chrono::seconds introduction(10);

Clock::time_point soon(Clock::time_point deadline) { return std::min(deadline, Clock::now() + introduction); }

/// After this one line says what is waited for: the rest of the time-out may be long.
constexpr std::chrono::seconds silence(5);

Clock::time_point first_part(Clock::time_point deadline) { return std::min(deadline, Clock::now() + silence); }

void say(const std::string& who, const std::string& what, Clock::time_point deadline) {
  std::fprintf(stderr, "strata: %s %s; gives up in %d s\n", who.c_str(), what.c_str(),
               milliseconds_until(deadline) / 1000);
}

struct Address {
  std::string host;
  int port;
};

Address address_of(const WorldOptions& world) {
  const std::size_t colon = world.address.rfind(':');
  return {world.address.substr(0, colon), std::stoi(world.address.substr(colon + 1))};
}

std::string rank_text(int rank, int size) { return "rank " + std::to_string(rank) + " of " + std::to_string(size); }

/// What rank 0 hears from one of the others.
struct Hello {
  int rank = 0, size = 0, port = 0;
  Process process;
};

std::string to_text(const Hello& h) {
  return to_json(
      Config{{"rank", h.rank}, {"size", h.size}, {"port", h.port}, {"process", distribute::to_text(h.process)}});
}

/// Nothing when it is no greeting of ours: whoever scans ports is not to end the training.
std::optional<Hello> hello_of(const std::string& text) try {
  const ConfigValue all = parse_json(text, "a greeting");
  const Config& config = all.as_config();
  return Hello{static_cast<int>(config.at("rank").as_int()), static_cast<int>(config.at("size").as_int()),
               static_cast<int>(config.at("port").as_int()), process_of(config.at("process").as_string())};
} catch (const Error&) {
  return std::nullopt;
}

/// Takes the others in until all are there; what is wrong with the one that came last, if something is.
class Reception {
 public:
  Reception(const WorldOptions& world, const std::string& name) : world_(world), hellos_(size()) {
    assembly_.processes.resize(size());
    assembly_.sockets.resize(size());
    assembly_.processes[0] = this_process(name);
  }

  Assembly run(Clock::time_point deadline) {
    const Socket listener = listen_at(address_of(world_).port);
    const Clock::time_point early = first_part(deadline);
    while (came_ + 1 < world_.size) {
      Socket guest = accept_from(listener, early);
      if (!guest.open() && Clock::now() < deadline) {
        if (!std::exchange(said_, true))
          say(rank_text(0, world_.size), "waits at " + world_.address + " for " + missing(), deadline);
        guest = accept_from(listener, deadline);
      }
      if (!guest.open()) fail("waited in vain at " + world_.address + " for " + missing());
      std::string text;
      if (!receive_text(guest, text, soon(deadline))) continue;
      if (const auto hello = hello_of(text)) take(*hello, std::move(guest));
    }
    answer(Config{{"addresses", addresses()}}, deadline);
    return std::move(assembly_);
  }

 private:
  std::size_t size() const { return static_cast<std::size_t>(world_.size); }

  void take(const Hello& hello, Socket guest) {
    const std::string who = "a process on " + hello.process.host + " (" + std::to_string(hello.process.id) + ") ";
    const auto rank = static_cast<std::size_t>(hello.rank);
    const bool fits = hello.size == world_.size && hello.rank > 0 && hello.rank < world_.size;
    const std::string claim = who + "came as " + rank_text(hello.rank, hello.size);
    const bool twice = fits && assembly_.sockets[rank].open();
    if (!fits || twice) refused_ = std::move(guest);
    if (!fits) fail(claim + " where there are " + std::to_string(world_.size));
    if (twice) fail(claim + ", as which one on " + assembly_.processes[rank].host + " is there");
    assembly_.processes[rank] = hello.process;
    assembly_.sockets[rank] = std::move(guest);
    hellos_[rank] = hello;
    ++came_;
    if (hello.process.version != assembly_.processes[0].version)
      fail(who + "has version " + hello.process.version + " of Strata, and this one " + assembly_.processes[0].version);
  }

  std::string missing() const {
    std::string ranks;
    for (std::size_t r = 1; r < size(); ++r)
      if (!assembly_.sockets[r].open()) ranks += (ranks.empty() ? "" : ", ") + std::to_string(r);
    return "rank " + ranks + " of " + std::to_string(world_.size);
  }

  ConfigValue::List addresses() const {
    ConfigValue::List all;
    for (std::size_t r = 0; r < size(); ++r)
      all.emplace_back(Config{{"host", r == 0 ? "" : peer_of(assembly_.sockets[r])},
                              {"port", hellos_[r].port},
                              {"process", distribute::to_text(assembly_.processes[r])}});
    return all;
  }

  void answer(const Config& answer, Clock::time_point deadline) {
    const std::string text = to_json(answer);
    for (Socket& guest : assembly_.sockets)
      if (guest.open()) send_text(guest, text, deadline);  // whoever does not take it will be missed
    if (refused_.open()) send_text(refused_, text, deadline);
  }

  [[noreturn]] void fail(const std::string& what) {
    answer(Config{{"error", what}}, Clock::now() + std::chrono::seconds(1));
    throw Error(rank_text(0, world_.size) + " on " + assembly_.processes[0].host, what);
  }

  const WorldOptions& world_;
  Assembly assembly_;
  std::vector<Hello> hellos_;
  Socket refused_;
  int came_ = 0;
  bool said_ = false;
};

/// A process that is not rank 0: it greets that one, and hears of the others.
class Guest {
 public:
  Guest(const WorldOptions& world, const std::string& name, Clock::time_point deadline)
      : world_(world), deadline_(deadline), self_(this_process(name)) {
    assembly_.sockets.resize(static_cast<std::size_t>(world.size));
  }

  Assembly run() {
    const Socket listener = listen_at(0);
    const ConfigValue answer = greet(port_of(listener));
    const ConfigValue::List& addresses = answer.as_config().at("addresses").as_list();
    for (const ConfigValue& one : addresses)
      assembly_.processes.push_back(process_of(one.as_config().at("process").as_string()));
    for (int r = 1; r < world_.rank; ++r) call(r, addresses[static_cast<std::size_t>(r)].as_config());
    for (int left = world_.size - 1 - world_.rank; left > 0;) left -= take(listener) ? 1 : 0;
    return std::move(assembly_);
  }

 private:
  /// Rank 0.
  Socket called() {
    const Address to = address_of(world_);
    try {
      return connect_to(to.host, to.port, first_part(deadline_));
    } catch (const Error& e) {
      if (Clock::now() < deadline_)
        say(rank_text(world_.rank, world_.size), "looks for rank 0: " + std::string(e.what()), deadline_);
    }
    try {
      return connect_to(to.host, to.port, deadline_);
    } catch (const Error& e) {
      fail("rank 0, which should be there, was not found: " + std::string(e.what()));
    }
  }

  ConfigValue greet(int port) {
    Socket socket = called();
    std::string text;
    if (!send_text(socket, to_text(Hello{world_.rank, world_.size, port, self_}), deadline_) ||
        !receive_text(socket, text, deadline_))
      fail("rank 0 at " + world_.address + " has not said in time that all are there, or has ended");
    ConfigValue answer = parse_json(text, "the answer of " + world_.address);
    if (answer.as_config().contains("error")) fail("rank 0 says: " + answer.as_config().at("error").as_string());
    assembly_.sockets[0] = std::move(socket);
    return answer;
  }

  /// Those with lower ranks are called, those with higher ones call.
  void call(int rank, const Config& address) {
    const std::string host = address.at("host").as_string();
    try {
      Socket socket = connect_to(host, static_cast<int>(address.at("port").as_int()), deadline_);
      if (!send_text(socket, std::to_string(world_.rank), deadline_)) throw Error("it broke off");
      assembly_.sockets[static_cast<std::size_t>(rank)] = std::move(socket);
    } catch (const Error& e) {
      fail(rank_text(rank, world_.size) + " cannot be reached from here: " + e.what());
    }
  }

  bool take(const Socket& listener) {
    Socket socket = accept_from(listener, deadline_);
    if (!socket.open()) fail("waited in vain for " + missing());
    std::string text;
    if (!receive_text(socket, text, soon(deadline_))) return false;
    for (int r = world_.rank + 1; r < world_.size; ++r)
      if (Socket& place = assembly_.sockets[static_cast<std::size_t>(r)]; text == std::to_string(r) && !place.open()) {
        place = std::move(socket);
        return true;
      }
    return false;
  }

  std::string missing() const {
    std::string ranks;
    for (int r = world_.rank + 1; r < world_.size; ++r)
      if (!assembly_.sockets[static_cast<std::size_t>(r)].open())
        ranks += (ranks.empty() ? "" : ", ") + std::to_string(r);
    return "rank " + ranks + " of " + std::to_string(world_.size);
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(rank_text(world_.rank, world_.size) + " on " + self_.host, what);
  }

  const WorldOptions& world_;
  Clock::time_point deadline_;
  Process self_;
  Assembly assembly_;
};
}  // namespace

Assembly assemble(const WorldOptions& world, const std::string& name, Clock::time_point deadline) {
  if (world.size == 1) {
    Assembly alone;
    alone.processes.push_back(this_process(name));
    alone.sockets.resize(1);
    return alone;
  }
  return world.rank == 0 ? Reception(world, name).run(deadline) : Guest(world, name, deadline).run();
}

}  // namespace strata::distribute
