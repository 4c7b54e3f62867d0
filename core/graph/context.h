#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/graph/variable.h"

namespace strata {

/// Whether a layer trains (dropout on, batch statistics) or infers.
enum class Mode { infer, train };

/// What a layer does beside its outputs: variables that change, terms that join the loss.
struct Effects {
  struct Loss {
    Value value;
    const void* key = nullptr;  ///< losses of one key count once (a regularizer of a layer that is called twice)
  };
  Updates updates;
  std::vector<Loss> losses;
};

/// What holds while one layer is called, on this thread. Scopes nest; the path grows.
class STRATA_API CallScope {
 public:
  /// `trainable` is false inside a frozen layer, and stays false inside of it. `compute` is the
  /// floating type that the layer computes in: variables of floating types that are read in the scope are cast to it.
  /// Without one they stay as they are; scopes inside have their own.
  CallScope(const std::string& layer_name, Mode mode, bool trainable, std::optional<DType> compute = {});
  CallScope(const CallScope&) = delete;
  CallScope& operator=(const CallScope&) = delete;
  ~CallScope();

  /// Hangs what the layer has added onto its outputs, so that whoever uses an output performs the updates.
  Values attach(Values outputs);
  /// What current_mask gives within the scope: one for each input, empty ones where an input has none.
  void set_masks(Values masks) { masks_ = std::move(masks); }

 private:
  friend struct ContextAccess;
  CallScope* parent_;
  std::string path_;
  Mode mode_;
  bool trainable_;
  std::optional<DType> compute_;
  Values masks_;
  std::shared_ptr<Effects> effects_;
  std::unordered_map<const void*, int> calls_;  // of the outermost scope: how often next_call_index was asked
};

/// The origin that new nodes get while it lives: gradient rules run under the origin of the node they differentiate.
class STRATA_API OriginScope {
 public:
  explicit OriginScope(Origin);
  OriginScope(const OriginScope&) = delete;
  OriginScope& operator=(const OriginScope&) = delete;
  ~OriginScope();

 private:
  Origin origin_;
  const Origin* outer_;
};

/// Path of the layer being called, empty outside.
STRATA_API std::string current_layer_path();
STRATA_API Mode current_mode();
STRATA_API bool current_trainable();
/// The floating type that the layer being called computes in, if it has one.
STRATA_API std::optional<DType> current_compute_dtype();
/// The mask of input number `input` of the layer being called; empty when it has none.
STRATA_API Value current_mask(std::size_t input = 0);
STRATA_API Origin current_origin();

/// How often this was asked for `layer` since the outermost scope was opened: 0, 1, ... Random streams count calls by
/// it, so that emitting the same graph again, for another batch size or later, gives the same numbers. Error outside of
/// a call.
STRATA_API int next_call_index(const void* layer);

/// Within a layer's call: `variable` takes `value` at the end of every step that uses the layer's outputs; another
/// floating type is cast to the variable's. To let a second update of a step start from the first, compute `value` from pending(variable). Error outside of a call.
STRATA_API void add_update(const Variable& variable, const Value& value);
/// Within a layer's call: a scalar that joins the loss of every step that minimizes something behind the outputs.
STRATA_API void add_loss(const Value& loss, const void* key = nullptr);

/// The identity, carrying effects. Passes strip it.
struct WithEffects {
  std::shared_ptr<const Effects> effects;
  static constexpr std::string_view name = "with_effects";
  bool operator==(const WithEffects&) const = default;
  Type infer(std::span<const Type> in) const { return in[0]; }
  Values vjp(const Node&, Value g) const { return {g}; }
  Kernel prepare(const CpuTarget&, const Signature&) const { return {.run = {}, .in_place = {}, .view = true}; }
};

/// The identity on its first input, carrying its second: a mask, of bools, that says which steps count. Passes strip it.
struct WithMask {
  static constexpr std::string_view name = "with_mask";
  bool operator==(const WithMask&) const = default;
  Type infer(std::span<const Type> in) const { return in[0]; }
  Values vjp(const Node&, Value g) const { return {g, {}}; }
  Kernel prepare(const CpuTarget&, const Signature&) const { return {.run = {}, .in_place = {}, .view = true}; }
};

/// `x` with this mask in the place of any it had; an empty mask leaves none. Error unless the mask holds bools and its
/// shape is that of x, or of the first axes of x.
STRATA_API Value with_mask(const Value& x, const Value& mask);
/// The mask that came with `x`, empty if none did. Operations drop masks; layers say what becomes of them.
STRATA_API Value mask_of(const Value& x);
inline Value without_mask(const Value& x) { return with_mask(x, {}); }

/// Everything that the layers behind these values have added, each once.
STRATA_API Effects collect_effects(const Values&);

}  // namespace strata
