#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/base/error.h"
#include "core/base/shape.h"
#include "core/device/cuda.h"
#include "core/device/cuda_build.h"
#include "core/device/thread_pool.h"

namespace strata {

class Communicator;
class Node;
class Op;
class Value;
using Values = std::vector<Value>;

/// What a kernel for the processor is prepared for; CudaTarget (core/device/cuda.h) is its counterpart.
struct CpuTarget {
  int threads = 1;
  std::shared_ptr<Communicator> communicator = {};  ///< null where the plan is not one of several replicas
};

/// Element types and shapes of one call.
struct Signature {
  Types inputs, outputs;
};

/// The memory of one call: row-major arrays in the order of the signature, and scratch as the kernel asked.
class STRATA_API Buffers {
 public:
  Buffers(const Signature& signature, const void* const* in, void* const* out, std::byte* scratch)
      : signature_(&signature), in_(in), out_(out), scratch_(scratch) {}

  /// Elements of input or output i. Error unless T is its element type.
  template <class T>
  std::span<const T> in(std::size_t i) const {
    check(signature_->inputs, i, dtype_of<T>());
    return {static_cast<const T*>(in_[i]), static_cast<std::size_t>(signature_->inputs[i].shape.elements())};
  }
  template <class T>
  std::span<T> out(std::size_t i) const {
    check(signature_->outputs, i, dtype_of<T>());
    return {static_cast<T*>(out_[i]), static_cast<std::size_t>(signature_->outputs[i].shape.elements())};
  }
  std::size_t inputs() const { return signature_->inputs.size(); }
  std::size_t outputs() const { return signature_->outputs.size(); }
  const Type& in_type(std::size_t i) const { return signature_->inputs[i]; }
  const Type& out_type(std::size_t i) const { return signature_->outputs[i]; }
  const void* const* in_raw() const { return in_; }
  void* const* out_raw() const { return out_; }
  /// 64-byte aligned; as many bytes as the kernel stated.
  template <class T = std::byte>
  T* scratch() const {
    return reinterpret_cast<T*>(scratch_);
  }

 private:
  static void check(const Types& types, std::size_t i, DType wanted);
  const Signature* signature_;
  const void* const* in_;
  void* const* out_;
  std::byte* scratch_;
};

/// Output `output` may be written over input `input`, which has the same number of bytes.
struct InPlace {
  int input = 0, output = 0;
};

/// An op made ready for one signature on one device. Immutable: many executions run it at the same time.
struct Kernel {
  /// On the processor. In a plan for a GPU: a step that the GPU has no kernel for; its arguments are copied there and back.
  std::function<void(Cpu&, const Buffers&)> run;
  std::size_t scratch_bytes = 0;
  std::vector<InPlace> in_place;
  /// Output 0 is input 0's memory under another shape; nothing runs.
  bool view = false;
  /// Of a view: where in that memory it begins, bytes.
  std::size_t view_offset = 0;
  /// If not empty: output 0 is the inputs laid side by side, each from this byte on. An input that nothing else needs
  /// is made there at once, and `run` (or `launch`) copies only those whose address is another.
  std::vector<std::size_t> side_by_side = {};
  /// On a GPU: enqueues work on Cuda::stream() and returns. It may be recorded and replayed with the same addresses, so it
  /// neither waits, nor allocates, nor reads the buffers from the host.
  std::function<void(Cuda&, const Buffers&)> launch = {};
};

/// What a product or a convolution may do to its result before it leaves the cache: add a vector over the last axis
/// (one more input, at the end), then clamp below at zero.
struct Epilogue {
  bool bias = false;
  bool relu = false;
  friend bool operator==(const Epilogue&, const Epilogue&) = default;
};

/// One elementwise function over n contiguous elements; `op` points to the op's attributes.
using TileFunction = void (*)(const void* op, const void* const* in, void* out, std::size_t n);
struct Tile {
  TileFunction function = nullptr;
  DType output = DType::f32;
  /// Writes the function of one element as an expression of CUDA C++ that can be called with the inputs' elements, the
  /// 16-bit types as float and bool as int, and whose result converts to `output`: `[](float x) { return x * x; }`.
  /// It may use strata::math (core/kernels/math_functions.h). Null: the op runs on the processor only.
  std::string (*device_code)(const void* op) = nullptr;
};

/// What vjp returns for an op through which no gradient flows.
STRATA_API Values no_gradient();

namespace detail {
template <class T>
concept SimpleOp = requires(const T& op, Cpu& cpu, Buffers io) { op.run(cpu, io); };
template <class T>
concept PreparedOp = requires(const T& op, const CpuTarget& target, const Signature& s) {
  { op.prepare(target, s) } -> std::convertible_to<Kernel>;
};
template <class T>
concept TiledOp = requires(const T& op, std::span<const DType> in) {
  { op.tile(in) } -> std::same_as<Tile>;
};
template <class T>
concept SimpleCudaOp = has_cuda_kernels && requires(const T& op, Cuda& gpu, Buffers io) { op.run(gpu, io); };
template <class T>
concept PreparedCudaOp = has_cuda_kernels && requires(const T& op, const CudaTarget& target, const Signature& s) {
  { op.prepare(target, s) } -> std::convertible_to<std::optional<Kernel>>;
};
template <class T>
concept SingleGradient = requires(const T& op, const Node& node, Value g) { op.vjp(node, g); };
template <class T>
concept FusesEpilogue = requires(const T& op, const Epilogue& e) {
  { op.with_epilogue(e) } -> std::convertible_to<std::optional<Op>>;
};
template <class T>
concept OpType = requires(const T& op, std::span<const Type> in) {
  { T::name } -> std::convertible_to<std::string_view>;
  op.infer(in);
} && (SimpleOp<T> || PreparedOp<T> || TiledOp<T>);
/// Kernel of a single elementwise op (core/graph/tile_program.h).
STRATA_API Kernel prepare_tiled(const Op& op, const CpuTarget& target, const Signature& s);
STRATA_API std::optional<Kernel> prepare_tiled(const Op& op, const CudaTarget& target, const Signature& s);
}  // namespace detail

/// An op: attributes with a shape rule, a gradient rule that emits more graph, and a kernel for each device. Any struct
/// that has these members is one (see `Softsquare` in the documentation):
///   static constexpr std::string_view name;
///   Type infer(std::span<const Type>) const;                    or Types for several outputs
///   Values vjp(const Node&, Value g) const;                      or std::span<const Value>, one per output
///   void run(Cpu&, Buffers) const;                               or Kernel prepare(const CpuTarget&, const Signature&) const
///                                                                or Tile tile(std::span<const DType>) const
/// and for GPUs, where it has them, in a build with CUDA:
///   void run(Cuda&, Buffers) const;                              or std::optional<Kernel> prepare(const CudaTarget&, const Signature&)
///                                                                const, without a kernel for what the GPU cannot do
/// An op with `tile` works element by element on inputs that broadcast to its output, and gets fused with its like. Where
/// they make sense: `bool operator==` (equal ops on equal inputs may be merged), `with_epilogue(Epilogue)`.
class STRATA_API Op {
 public:
  template <detail::OpType T>
  Op(T op) : impl_(std::make_shared<Holder<T>>(std::move(op))) {}

  std::string_view name() const { return impl_->name(); }
  Types infer(std::span<const Type> in) const { return impl_->infer(in); }
  /// One gradient for each input of the node; a default-made Value where there is none. Defined beside Node.
  Values vjp(const Node& node, std::span<const Value> g) const;
  Kernel prepare(const CpuTarget& target, const Signature& s) const { return impl_->prepare(target, s); }
  /// None when the op has no kernel for that GPU and signature.
  std::optional<Kernel> prepare(const CudaTarget& target, const Signature& s) const { return impl_->prepare(target, s); }
  /// Same type and equal attributes; false when the type has no ==.
  bool equals(const Op& other) const { return impl_->equals(*other.impl_); }
  bool is_elementwise() const { return impl_->elementwise(); }
  Tile tile(std::span<const DType> in) const { return impl_->tile(in); }
  const void* attributes() const { return impl_->attributes(); }
  std::optional<Op> with_epilogue(const Epilogue& e) const { return impl_->with_epilogue(e); }

  /// The op as its own type, null when it is another.
  template <class T>
  const T* as() const {
    const auto* holder = dynamic_cast<const Holder<T>*>(impl_.get());
    return holder == nullptr ? nullptr : &holder->op;
  }

 private:
  struct STRATA_API Model {
    virtual ~Model();
    virtual std::string_view name() const = 0;
    virtual Types infer(std::span<const Type>) const = 0;
    virtual Values vjp(const Node&, std::span<const Value>) const = 0;
    virtual Kernel prepare(const CpuTarget&, const Signature&) const = 0;
    virtual std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const = 0;
    virtual bool equals(const Model&) const = 0;
    virtual bool elementwise() const = 0;
    virtual Tile tile(std::span<const DType>) const = 0;
    virtual const void* attributes() const = 0;
    virtual std::optional<Op> with_epilogue(const Epilogue&) const = 0;
  };

  template <class T>
  struct Holder final : Model {
    explicit Holder(T o) : op(std::move(o)) {}
    std::string_view name() const override { return T::name; }
    Types infer(std::span<const Type> in) const override {
      if constexpr (requires { { op.infer(in) } -> std::same_as<Type>; })
        return {op.infer(in)};
      else
        return op.infer(in);
    }
    Values vjp(const Node& node, std::span<const Value> g) const override;
    Kernel prepare(const CpuTarget& target, const Signature& s) const override {
      if constexpr (detail::PreparedOp<T>)
        return op.prepare(target, s);
      else if constexpr (detail::TiledOp<T>)
        return detail::prepare_tiled(Op(op), target, s);
      else
        return {.run = [copy = op](Cpu& cpu, const Buffers& io) { copy.run(cpu, io); }, .in_place = {}};
    }
    std::optional<Kernel> prepare([[maybe_unused]] const CudaTarget& target, [[maybe_unused]] const Signature& s) const override {
      if constexpr (detail::PreparedCudaOp<T>)
        return op.prepare(target, s);
      else if constexpr (detail::SimpleCudaOp<T>)
        return Kernel{.run = {}, .in_place = {}, .launch = [copy = op](Cuda& gpu, const Buffers& io) { copy.run(gpu, io); }};
      else if constexpr (has_cuda_kernels && detail::TiledOp<T>)
        return detail::prepare_tiled(Op(op), target, s);
      else
        return std::nullopt;
    }
    bool equals(const Model& other) const override {
      if constexpr (std::equality_comparable<T>) {
        const auto* o = dynamic_cast<const Holder*>(&other);
        return o != nullptr && o->op == op;
      } else {
        return this == &other;
      }
    }
    bool elementwise() const override { return detail::TiledOp<T>; }
    Tile tile([[maybe_unused]] std::span<const DType> in) const override {
      if constexpr (detail::TiledOp<T>)
        return op.tile(in);
      else
        throw Error(T::name, "does not work element by element");
    }
    const void* attributes() const override { return &op; }
    std::optional<Op> with_epilogue([[maybe_unused]] const Epilogue& e) const override {
      if constexpr (detail::FusesEpilogue<T>)
        return op.with_epilogue(e);
      else
        return std::nullopt;
    }
    T op;
  };

  std::shared_ptr<const Model> impl_;
};

}  // namespace strata

#include "core/graph/node.h"  // IWYU pragma: keep (completes Value for the gradient rules)
