#include "distributed/agreement.h"

#include <algorithm>
#include <span>
#include <sstream>

#include "core/base/error.h"
#include "core/device/communicator.h"
#include "distributed/mirrors.h"

namespace strata::distribute {

namespace {
/// "f32[12,3]" with the samples of all replicas for those of this one.
std::string everywhere(Type type, const Replication& replication) {
  if (type.shape.rank() > 0) type.shape[0] = replication.all_samples;
  return to_string(type);
}

std::int64_t hash_of(std::span<const std::byte> bytes) {  // FNV-1a
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const std::byte b : bytes) hash = (hash ^ static_cast<std::uint64_t>(b)) * 0x100000001b3u;
  return static_cast<std::int64_t>(hash);
}

/// Each rank's text; shorter ones are filled up with zeros on the way.
std::vector<std::string> gathered(Communicator& all, const std::string& text) {
  auto longest = static_cast<std::int64_t>(text.size());
  all.all_reduce(Reduction::max, DType::i64, &longest, &longest, 1);
  const auto room = static_cast<std::size_t>(longest);
  std::string mine = text, texts(room * static_cast<std::size_t>(all.size()), '\0');
  mine.resize(room, '\0');
  all.all_gather(DType::u8, mine.data(), texts.data(), room);
  std::vector<std::string> result;
  for (int r = 0; r < all.size(); ++r) {
    result.push_back(texts.substr(static_cast<std::size_t>(r) * room, room));
    result.back().erase(result.back().find_last_not_of('\0') + 1);
  }
  return result;
}

/// The first line in which two texts differ, and theirs.
std::string difference(const std::string& a, const std::string& b) {
  std::istringstream left(a), right(b);
  for (int line = 1;; ++line) {
    std::string l = "nothing more", r = l;
    const bool more = static_cast<bool>(std::getline(left, l)), there = static_cast<bool>(std::getline(right, r));
    if (!more && !there) return "nothing";
    if (l != r) return "'" + l + "' on rank 0 and '" + r + "' there";
  }
}
}  // namespace

void share(Communicator& all, const Variable& v) {
  const bool first = all.rank() == 0;
  const Tensor& value = v.value();
  // In memory of its own: an assignment to a variable copies from another tensor.
  Tensor host = first ? value.on_host() : Tensor(value.dtype(), value.shape(), Device{});
  all.broadcast(value.dtype(), first ? const_cast<std::byte*>(host.raw()) : host.mutable_raw(),
                static_cast<std::size_t>(value.size()), 0);
  if (!first) v.assign(host);
}

void share_news(Communicator& all, const std::vector<std::shared_ptr<Mirror>>& mirrors) {
  for (const auto& mirror : mirrors) {
    if (!mirror->has_news()) continue;
    share(all, mirror->primary());
    mirror->has_shared();
  }
}

std::vector<std::int64_t> parameter_hashes(const std::vector<std::shared_ptr<Mirror>>& mirrors, std::size_t replica) {
  std::vector<std::int64_t> hashes;
  for (const auto& mirror : mirrors) {
    if (!mirror->is_shared()) continue;
    const Tensor value = mirror->of(replica).value().on_host();
    hashes.push_back(hash_of({value.raw(), value.bytes()}));
  }
  return hashes;
}

void check_same_parameters(const std::vector<std::vector<std::int64_t>>& by_rank,
                           const std::vector<std::shared_ptr<Mirror>>& mirrors) {
  std::vector<std::string> paths;
  for (const auto& mirror : mirrors)
    if (mirror->is_shared()) paths.push_back(mirror->primary().path());
  std::string found;
  for (std::size_t r = 1; r < by_rank.size(); ++r) {
    const auto differing = std::ranges::mismatch(by_rank[r], by_rank[0]).in1;
    if (differing == by_rank[r].end()) continue;
    const auto which = static_cast<std::size_t>(differing - by_rank[r].begin());
    found += (found.empty() ? "" : "; ") + ("rank " + std::to_string(r) + " in '" + paths[which] + "'");
  }
  if (!found.empty())
    throw Error("strategy",
                "expected the same variables on all replicas (check_parameters_every); different from rank 0 are " +
                    found + ". Go on from a backup, and mistrust that machine if it happens again");
}

std::vector<std::vector<std::int64_t>> gathered(Communicator& all, const std::vector<std::int64_t>& hashes) {
  const std::size_t n = hashes.size();
  std::vector<std::int64_t> flat(n * static_cast<std::size_t>(all.size()));
  all.all_gather(DType::i64, hashes.data(), flat.data(), n);
  std::vector<std::vector<std::int64_t>> by_rank;
  for (std::size_t at = 0; at < flat.size(); at += n) by_rank.emplace_back(flat.data() + at, flat.data() + at + n);
  return by_rank;
}

std::string description(const Values& inputs, const Graph& graph, const Replication& replication) {
  std::string text =
      std::to_string(replication.all_samples) + " samples on " + std::to_string(replication.replicas) + " replicas\n";
  for (const Value& v : inputs) text += "input " + everywhere(v.type(), replication) + "\n";
  // Of one sample and of two, ops may differ: what broadcasts, say.
  const bool even = replication.all_samples % replication.replicas == 0;
  for (const NodePtr& node : nodes(graph)) {
    if (const auto* read = node->op().as<ReadVariable>()) {
      text += "variable " + read->variable.path() + " " + to_string(read->variable.value().type()) + "\n";
      continue;
    }
    if (!even) continue;
    text += "op " + std::string(node->op().name());
    for (const Type& t : node->types())
      text += " " + std::string(to_string(t.dtype)) + " of rank " + std::to_string(t.shape.rank());
    text += "\n";
  }
  for (const Update& u : graph.updates) text += "update of " + u.variable.path() + "\n";
  return text;
}

void check_same_program(Communicator& all, const std::string& text) {
  const std::int64_t hash = hash_of(std::as_bytes(std::span(text)));
  std::vector<std::int64_t> hashes(static_cast<std::size_t>(all.size()));
  all.all_gather(DType::i64, &hash, hashes.data(), 1);
  if (std::ranges::count(hashes, hashes[0]) == all.size()) return;
  const std::vector<std::string> texts = gathered(all, text);
  std::string found = "the processes run different programs:";
  const char* separator = " ";
  for (std::size_t r = 1; r < hashes.size(); ++r)
    if (hashes[r] != hashes[0]) {
      found += separator + ("rank " + std::to_string(r) + " differs from rank 0 in its step, which has " +
                            difference(texts[0], texts[r]));
      separator = "; ";
    }
  throw Error("strategy", found + ". Start the same program, with the same arguments, everywhere");
}

}  // namespace strata::distribute
