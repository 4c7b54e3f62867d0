#include "core/cuda/rows.h"
#include "core/ops/reduce.h"
#include "core/ops/reduce_stages.h"

namespace strata {

namespace {
/// How a result leaves, when not as it was accumulated.
enum class Leaving : std::uint8_t { as_it_is, f32, f16, bf16, i32 };

Leaving leaving_as(DType out, DType accumulated) {
  if (out == DType::f16) return Leaving::f16;
  if (out == DType::bf16) return Leaving::bf16;
  if (out == DType::f32 && accumulated == DType::f64) return Leaving::f32;
  return out == DType::i32 && accumulated == DType::i64 ? Leaving::i32 : Leaving::as_it_is;
}

/// [outer, length, inner] -> [outer, parts, inner]; part p takes the elements p, p + parts, ... of a line, or, with
/// several threads to a line, stretches of neighbours.
struct Pass {
  std::int64_t outer, length, inner, parts;
  int width;
  std::int64_t results() const { return outer * parts * inner; }
};

/// The passes of a stage: a second one where one alone would leave most of a GPU without work.
std::vector<Pass> passes_of(const reduction::Stage& s) {
  Pass p{static_cast<std::int64_t>(s.outer), static_cast<std::int64_t>(s.reduced), static_cast<std::int64_t>(s.inner),
         1, 1};
  std::vector<Pass> passes;
  constexpr std::int64_t small = 65536;  // elements that are not worth a second launch
  if (p.outer * p.length * p.inner > small) {
    if (p.inner > 1) {
      p.parts = cuda::column_parts(p.results(), p.length);
    } else if (p.results() < 1024 && p.length > 16384) {
      p.parts = (p.length + 8191) / 8192;
      p.width = cuda::Team::most;
    }
  }
  if (p.parts > 1) {
    passes.push_back(p);
    p = {p.outer, p.parts, p.inner, 1, 1};
  }
  p.width = cuda::line_width(p.results(), {p.length, p.inner});
  passes.push_back(p);
  return passes;
}

template <class C, class In, class Acc>
struct Fold {
  const In* in;
  void* out;
  std::int64_t length, inner, parts;
  Leaving leaving;
  double scale;  ///< of floating results, on their way out

  STRATA_DEVICE void operator()(std::int64_t task, const cuda::Team& team) const {
    const std::int64_t line = cuda::quotient(task, inner), column = task - line * inner;
    const std::int64_t outer = cuda::quotient(line, parts), part = line - outer * parts;
    const In* from = in + outer * length * inner + column;
    const auto combine = [](Acc a, Acc b) { return static_cast<Acc>(C::combine(a, b)); };
    const Acc own =
        cuda::fold(C::template identity<Acc>(), combine, (part * team.size() + team.rank()) * inner, length * inner,
                   parts * team.size() * inner, [=](std::int64_t at) { return reduction::read<C, Acc>(from[at]); });
    const Acc all = team.reduce(own, combine);
    if (team.rank() == 0) put(task, all);
  }

  STRATA_DEVICE void put(std::int64_t i, Acc value) const {
    if constexpr (std::is_floating_point_v<Acc>) value *= static_cast<Acc>(scale);
    switch (leaving) {
      case Leaving::as_it_is:
        static_cast<Acc*>(out)[i] = value;
        break;
      case Leaving::f32:
        static_cast<float*>(out)[i] = static_cast<float>(value);
        break;
      case Leaving::f16:
        static_cast<Half*>(out)[i] = tiles::store<Half>(value);
        break;
      case Leaving::bf16:
        static_cast<BFloat16*>(out)[i] = tiles::store<BFloat16>(value);
        break;
      case Leaving::i32:
        static_cast<std::int32_t*>(out)[i] = static_cast<std::int32_t>(value);
        break;
    }
  }
};

template <class C, class In, class Acc>
void launch_pass(Cuda& gpu, const Pass& p, const void* in, void* out, Leaving leaving, double scale) {
  cuda::for_rows(gpu, p.results(), p.width,
                 Fold<C, In, Acc>{static_cast<const In*>(in), out, p.length, p.inner, p.parts, leaving, scale});
}

/// Accumulated in Acc, which `accumulated` names; every pass but the last writes to scratch memory of its own.
template <class C, class In, class Acc>
Kernel fold_kernel(const Signature& s, const Axes& axes, std::string_view name, DType accumulated, double scale = 1) {
  std::vector<Pass> passes;
  for (const reduction::Stage& stage :
       reduction::stages_of(s.inputs[0].shape, normalize_axes(axes, s.inputs[0].shape.rank(), name)))
    for (const Pass& p : passes_of(stage)) passes.push_back(p);
  Kernel kernel;
  for (std::size_t i = 0; i + 1 < passes.size(); ++i)
    kernel.scratch_bytes += static_cast<std::size_t>(passes[i].results()) * sizeof(Acc);
  const Leaving leaving = leaving_as(s.outputs[0].dtype, accumulated);
  kernel.launch = [=](Cuda& gpu, const Buffers& io) {
    const void* from = io.in_raw()[0];
    Acc* scratch = io.scratch<Acc>();
    for (std::size_t i = 0; i < passes.size(); ++i) {
      const bool last = i + 1 == passes.size();
      void* to = last ? io.out_raw()[0] : scratch;
      const auto pass = i == 0 ? launch_pass<C, In, Acc> : launch_pass<C, Acc, Acc>;
      pass(gpu, passes[i], from, to, last ? leaving : Leaving::as_it_is, last ? scale : 1);
      from = to;
      scratch += passes[i].results();
    }
  };
  return kernel;
}

/// The type to read an element as: truth values are bytes of 0 and 1.
template <class T>
using Read = std::conditional_t<std::same_as<T, bool>, std::uint8_t, T>;

/// Integers are accumulated unsigned, so that they wrap around.
template <class C, class ReduceOp>
Kernel accumulating(const ReduceOp& op, const Signature& s) {
  return dispatch(s.inputs[0].dtype, [&]<class T>() -> Kernel {
    using Arithmetic = tiles::Arithmetic<T>;
    if constexpr (std::is_floating_point_v<Arithmetic>)
      return fold_kernel<C, T, Arithmetic>(s, op.axes, op.name, dtype_of<Arithmetic>());
    else if constexpr (std::same_as<T, std::int64_t>)
      return fold_kernel<C, std::uint64_t, std::uint64_t>(s, op.axes, op.name, DType::i64);
    else
      return fold_kernel<C, Read<T>, std::uint64_t>(s, op.axes, op.name, DType::i64);
  });
}

template <class C, class ReduceOp>
Kernel choosing(const ReduceOp& op, const Signature& s) {
  return dispatch(s.inputs[0].dtype, [&]<class T>() -> Kernel {
    return fold_kernel<C, Read<T>, tiles::Arithmetic<Read<T>>>(s, op.axes, op.name,
                                                               dtype_of<tiles::Arithmetic<Read<T>>>());
  });
}

template <class C, class ReduceOp>
Kernel telling(const ReduceOp& op, const Signature& s) {
  return dispatch(s.inputs[0].dtype, [&]<class T>() -> Kernel {
    return fold_kernel<C, Read<T>, std::uint8_t>(s, op.axes, op.name, DType::u8);
  });
}
}  // namespace

std::optional<Kernel> Sum::prepare(const CudaTarget&, const Signature& s) const {
  return accumulating<reduction::Plus>(*this, s);
}
std::optional<Kernel> Prod::prepare(const CudaTarget&, const Signature& s) const {
  return accumulating<reduction::Times>(*this, s);
}
std::optional<Kernel> ReduceMax::prepare(const CudaTarget&, const Signature& s) const {
  return choosing<reduction::Larger>(*this, s);
}
std::optional<Kernel> ReduceMin::prepare(const CudaTarget&, const Signature& s) const {
  return choosing<reduction::Smaller>(*this, s);
}
std::optional<Kernel> Any::prepare(const CudaTarget&, const Signature& s) const {
  return telling<reduction::Or>(*this, s);
}
std::optional<Kernel> All::prepare(const CudaTarget&, const Signature& s) const {
  return telling<reduction::And>(*this, s);
}

std::optional<Kernel> Mean::prepare(const CudaTarget&, const Signature& s) const {
  double count = 1;
  for (const std::int64_t axis : normalize_axes(axes, s.inputs[0].shape.rank(), name))
    count *= static_cast<double>(s.inputs[0].shape[axis]);
  return dispatch(s.inputs[0].dtype, [&]<class T>() -> Kernel {
    using Arithmetic = tiles::Arithmetic<T>;
    if constexpr (std::is_floating_point_v<Arithmetic>)
      return fold_kernel<reduction::Plus, T, Arithmetic>(s, axes, name, dtype_of<Arithmetic>(), 1 / count);
    else
      return fold_kernel<reduction::Plus, Read<T>, double>(s, axes, name, DType::f64, 1 / count);
  });
}

}  // namespace strata
