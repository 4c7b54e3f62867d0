#include "core/cuda/element_types.h"
#include "core/cuda/rows.h"
#include "core/ops/arg_order.h"
#include "core/ops/arg_reduce.h"
#include "core/ops/reduce_stages.h"

namespace strata {

namespace {
/// Bytes of 0 and 1 in place of truth values.
template <class T>
using Read = std::conditional_t<std::same_as<T, bool>, std::uint8_t, T>;

template <class T>
const Read<T>* read(const Buffers& io, std::size_t i) {
  return reinterpret_cast<const Read<T>*>(io.in<T>(i).data());
}

/// An element and its index; an index below 0 is none.
template <class A>
struct Place {
  A value;
  std::int64_t index;
};

/// The one of two that comes first.
template <class Order>
struct First {
  template <class A>
  STRATA_DEVICE Place<A> operator()(const Place<A>& a, const Place<A>& b) const {
    if (a.index < 0) return b;
    if (b.index < 0) return a;
    return order::before<Order>(b.value, b.index, a.value, a.index) ? b : a;
  }
};

template <class T, class Order>
struct ArgLine {
  const T* x;
  std::int64_t* y;
  cuda::Lines lines;

  STRATA_DEVICE void operator()(std::int64_t line, const cuda::Team& team) const {
    using P = Place<tiles::Arithmetic<T>>;
    const First<Order> first;
    const P own = cuda::fold(P{{}, -1}, first, team.rank(), lines.length, team.size(),
                             [from = x + lines.start(line), inner = lines.inner](std::int64_t i) {
                               return P{tiles::load(from[i * inner]), i};
                             });
    const P all = team.reduce(own, first);
    if (team.rank() == 0) y[line] = all.index;
  }
};

template <class Order>
Kernel arg_kernel(const Signature& s, std::int64_t axis, std::string_view name) {
  const reduction::Stage stage = reduction::stage_along(s.inputs[0].shape, axis, name);
  const cuda::Lines lines{static_cast<std::int64_t>(stage.reduced), static_cast<std::int64_t>(stage.inner)};
  const auto count = static_cast<std::int64_t>(stage.results());
  Kernel kernel;
  kernel.launch = [=](Cuda& gpu, const Buffers& io) {
    dispatch(io.in_type(0).dtype, [&]<class T>() {
      cuda::for_rows(gpu, count, cuda::line_width(count, lines),
                     ArgLine<Read<T>, Order>{read<T>(io, 0), io.out<std::int64_t>(0).data(), lines});
    });
  };
  return kernel;
}

/// The k first of a row, one after the other: each is the first of those that come after the one before.
template <class T>
struct TopKRow {
  const T* x;
  T* values;
  std::int64_t* indices;
  std::int64_t n, k;

  STRATA_DEVICE void operator()(std::int64_t row, const cuda::Team& team) const {
    using P = Place<tiles::Arithmetic<T>>;
    const First<order::ComesFirst> first;
    const T* from = x + row * n;
    P last{{}, -1};
    for (std::int64_t i = 0; i < k; ++i) {
      const P own = cuda::fold(P{{}, -1}, first, team.rank(), n, team.size(), [=](std::int64_t j) {
        const P p{tiles::load(from[j]), j};
        const bool left = last.index < 0 || order::before<order::ComesFirst>(last.value, last.index, p.value, j);
        return left ? p : P{{}, -1};
      });
      last = team.reduce(own, first);
      if (team.rank() != 0) continue;
      indices[row * k + i] = last.index;
      values[row * k + i] = from[last.index];
    }
  }
};

/// The elements of a row are moved as they are: E is any type of their size.
template <class E>
struct ScatterRow {
  const E* g;
  const std::int64_t* indices;
  E* y;
  std::int64_t n, k;

  STRATA_DEVICE void operator()(std::int64_t row, const cuda::Team& team) const {
    E* to = y + row * n;
    for (std::int64_t i = team.rank(); i < n; i += team.size()) to[i] = E{};
    team.sync();
    for (std::int64_t i = row * k + team.rank(); i < (row + 1) * k; i += team.size())
      if (indices[i] >= 0 && indices[i] < n) to[indices[i]] = g[i];
  }
};

template <class E>
struct Select {
  const E* x;
  const std::int64_t* indices;
  E* y;
  std::int64_t n, k;

  STRATA_DEVICE void operator()(std::int64_t i) const {
    const std::int64_t index = indices[i];
    y[i] = index >= 0 && index < n ? x[cuda::quotient(i, k) * n + index] : E{};
  }
};

template <class T>
struct InTopKRow {
  cuda::Integers targets;
  const T* x;
  bool* hits;
  std::int64_t n, k;

  STRATA_DEVICE void operator()(std::int64_t row, const cuda::Team& team) const {
    const std::int64_t target = targets[row];
    const bool known = target >= 0 && target < n;
    const T* from = x + row * n;
    const auto own = tiles::load(from[known ? target : 0]);
    // Elements that are larger; one that is not finite counts as enough of them.
    const std::int64_t larger = cuda::sum_over<std::int64_t>(team, n, [=, most = k](std::int64_t i) {
      const auto value = tiles::load(from[i]);
      return value - value == 0 ? static_cast<std::int64_t>(value > own) : most;
    });
    if (team.rank() == 0) hits[row] = known && larger < k;
  }
};

std::int64_t rows_of(const Type& type) { return type.shape.slice(0, type.shape.rank() - 1).elements(); }

/// f.template operator()<E>() with an unsigned type of so many bytes.
template <class F>
void dispatch_bytes(std::size_t bytes, F&& f) {
  switch (bytes) {
    case 1:
      return f.template operator()<std::uint8_t>();
    case 2:
      return f.template operator()<std::uint16_t>();
    case 8:
      return f.template operator()<std::uint64_t>();
    default:
      return f.template operator()<std::uint32_t>();
  }
}
}  // namespace

std::optional<Kernel> ArgMax::prepare(const CudaTarget&, const Signature& s) const {
  return arg_kernel<order::ComesFirst>(s, axis, name);
}
std::optional<Kernel> ArgMin::prepare(const CudaTarget&, const Signature& s) const {
  return arg_kernel<order::ComesLast>(s, axis, name);
}

std::optional<Kernel> TopK::prepare(const CudaTarget&, const Signature& s) const {
  const std::int64_t n = s.inputs[0].shape.back(), rows = rows_of(s.inputs[0]);
  // A row is read k times: for the best few. To sort long rows whole, the processor is faster.
  if (k > 64 && k * n > std::int64_t{1} << 24) return std::nullopt;
  Kernel kernel;
  kernel.launch = [=, count = k](Cuda& gpu, const Buffers& io) {
    dispatch(io.in_type(0).dtype, [&]<class T>() {
      cuda::for_rows(gpu, rows, cuda::row_width(n),
                     TopKRow<Read<T>>{read<T>(io, 0), reinterpret_cast<Read<T>*>(io.out<T>(0).data()),
                                      io.out<std::int64_t>(1).data(), n, count});
    });
  };
  return kernel;
}

std::optional<Kernel> TopKGradient::prepare(const CudaTarget&, const Signature& s) const {
  const std::int64_t n = size, k = s.inputs[0].shape.back(), rows = rows_of(s.inputs[0]);
  Kernel kernel;
  kernel.launch = [=](Cuda& gpu, const Buffers& io) {
    dispatch_bytes(size_of(io.in_type(0).dtype), [&]<class E>() {
      cuda::for_rows(gpu, rows, cuda::row_width(n),
                     ScatterRow<E>{static_cast<const E*>(io.in_raw()[0]), io.in<std::int64_t>(1).data(),
                                   static_cast<E*>(io.out_raw()[0]), n, k});
    });
  };
  return kernel;
}

std::optional<Kernel> TopKSelect::prepare(const CudaTarget&, const Signature& s) const {
  const std::int64_t n = s.inputs[0].shape.back(), k = s.inputs[1].shape.back(), count = s.outputs[0].shape.elements();
  Kernel kernel;
  kernel.launch = [=](Cuda& gpu, const Buffers& io) {
    dispatch_bytes(size_of(io.in_type(0).dtype), [&]<class E>() {
      cuda::for_each(gpu, count,
                     Select<E>{static_cast<const E*>(io.in_raw()[0]), io.in<std::int64_t>(1).data(),
                               static_cast<E*>(io.out_raw()[0]), n, k});
    });
  };
  return kernel;
}

std::optional<Kernel> InTopK::prepare(const CudaTarget&, const Signature& s) const {
  const std::int64_t n = s.inputs[1].shape.back(), rows = s.outputs[0].shape.elements();
  if (n == 0) return std::nullopt;
  Kernel kernel;
  kernel.launch = [=, most = std::min(k, n + 1)](Cuda& gpu, const Buffers& io) {
    cuda::dispatch_floating(io.in_type(1).dtype, [&]<class T>() {
      cuda::for_rows(
          gpu, rows, cuda::row_width(n),
          InTopKRow<T>{{io.in_raw()[0], io.in_type(0).dtype}, io.in<T>(1).data(), io.out<bool>(0).data(), n, most});
    });
  };
  return kernel;
}

}  // namespace strata
