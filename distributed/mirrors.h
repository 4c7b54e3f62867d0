#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "core/compile/graph.h"

/// Copies of a model's variables on the devices of its replicas. Internal.
namespace strata::distribute {

/// One variable and its copies. The variable itself, the primary, belongs to the first replica; whatever looks at the
/// model or changes it (files, callbacks, optimizers) knows only that one, and its copies follow.
class Mirror {
 public:
  /// `own_stream`: the variable is the state of a random stream, of which every replica has its own. The devices are
  /// those of this process's replicas, of which the first is number `first` of all.
  Mirror(Variable primary, const std::vector<Device>& devices, bool own_stream, std::size_t first = 0);

  const Variable& primary() const { return primary_; }
  /// Whether it has the same value on all replicas.
  bool is_shared() const { return !own_stream_; }
  /// A replica in this process.
  const Variable& of(std::size_t replica) const {
    return replica < first_copy_ ? primary_ : copies_[replica - first_copy_].variable;
  }
  /// Brings the copies of the first replicas to the primary's value, where it has changed since.
  void follow(std::size_t replicas);
  /// After a step in which these replicas have computed the same new value.
  void has_followed(std::size_t replicas);
  /// After one of which nobody knows how far it came.
  void forget();

  /// Whether the primary has changed since it was last made equal to those of the other processes, or never was.
  bool has_news() const { return shared_version_ != primary_.version(); }
  void has_shared() { shared_version_ = primary_.version(); }

 private:
  struct Copy {
    Variable variable;
    std::uint64_t version;  ///< the primary's, whose value it has
  };
  Tensor value_for(std::size_t replica) const;
  Variable primary_;
  std::vector<Copy> copies_;
  bool own_stream_;
  std::size_t first_;
  std::size_t first_copy_;  ///< the first replica here that does not work on the primary
  std::uint64_t shared_version_;
};

/// The mirrors of one model; those that no step needs any more go.
class Mirrors {
 public:
  explicit Mirrors(std::vector<Device> devices, std::size_t first = 0) : devices_(std::move(devices)), first_(first) {}
  std::shared_ptr<Mirror> of(const Variable& primary, bool own_stream);
  /// Mirror::forget, of all.
  void forget();

 private:
  std::vector<Device> devices_;
  std::size_t first_;
  std::mutex mutex_;
  std::unordered_map<const void*, std::weak_ptr<Mirror>> mirrors_;
};

}  // namespace strata::distribute
