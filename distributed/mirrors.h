#pragma once

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
  /// `own_stream`: the variable is the state of a random stream, of which every replica has its own.
  Mirror(Variable primary, const std::vector<Device>& devices, bool own_stream);

  const Variable& of(std::size_t replica) const { return replica == 0 ? primary_ : copies_[replica - 1].variable; }
  /// Brings the copies of the first replicas to the primary's value, where it has changed since.
  void follow(std::size_t replicas);
  /// After a step in which these replicas have computed the same new value.
  void has_followed(std::size_t replicas);
  /// After one of which nobody knows how far it came.
  void forget();

 private:
  struct Copy {
    Variable variable;
    std::uint64_t version;  ///< the primary's, whose value it has
  };
  Tensor value_for(std::size_t replica) const;
  Variable primary_;
  std::vector<Copy> copies_;
  bool own_stream_;
};

/// The mirrors of one model; those that no step needs any more go.
class Mirrors {
 public:
  explicit Mirrors(std::vector<Device> devices) : devices_(std::move(devices)) {}
  std::shared_ptr<Mirror> of(const Variable& primary, bool own_stream);
  /// Mirror::forget, of all.
  void forget();

 private:
  std::vector<Device> devices_;
  std::mutex mutex_;
  std::unordered_map<const void*, std::weak_ptr<Mirror>> mirrors_;
};

}  // namespace strata::distribute
