#include "core/ops/strided_copy.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/base/error.h"

namespace strata {

namespace {
constexpr std::size_t bytes_per_task = 64 * 1024;
constexpr std::int64_t block = 32;  // a block of 32 x 32 floats and its transpose fit the first-level cache

struct Offsets {
  std::int64_t in = 0, out = 0;
};

/// Where the line with this number starts; the axes in `skip` do not count.
Offsets offsets_of(std::int64_t line, const std::vector<std::int64_t>& sizes, const std::vector<std::int64_t>& in,
                   const std::vector<std::int64_t>& out, int skip) {
  Offsets o;
  for (std::size_t axis = sizes.size() - 1; axis-- > 0;) {
    if (static_cast<int>(axis) == skip) continue;
    const std::int64_t index = line % sizes[axis];
    line /= sizes[axis];
    o.in += index * in[axis];
    o.out += index * out[axis];
  }
  return o;
}

template <class E>
void copy_line(const E* in, std::int64_t in_stride, E* out, std::int64_t out_stride, std::int64_t n) {
  if (in_stride == 1 && out_stride == 1) {
    std::memcpy(out, in, static_cast<std::size_t>(n) * sizeof(E));
  } else if (in_stride == 0 && out_stride == 1) {
    std::fill_n(out, n, *in);
  } else if (out_stride == 1) {
    for (std::int64_t i = 0; i < n; ++i) out[i] = in[i * in_stride];
  } else {
    for (std::int64_t i = 0; i < n; ++i) out[i * out_stride] = in[i * in_stride];
  }
}

}  // namespace

StridedCopy::StridedCopy(std::size_t element_bytes, Strides sizes, Strides in_strides, Strides out_strides)
    : element_bytes_(element_bytes) {
  for (std::size_t axis = 0; axis < sizes.size(); ++axis) {
    if (sizes[axis] == 1) continue;
    if (!axes_.sizes.empty() && axes_.in.back() == in_strides[axis] * sizes[axis] &&
        axes_.out.back() == out_strides[axis] * sizes[axis]) {
      axes_.sizes.back() *= sizes[axis];
      axes_.in.back() = in_strides[axis];
      axes_.out.back() = out_strides[axis];
    } else {
      axes_.sizes.push_back(sizes[axis]);
      axes_.in.push_back(in_strides[axis]);
      axes_.out.push_back(out_strides[axis]);
    }
  }
  if (axes_.sizes.empty()) {
    axes_.sizes = {1};
    axes_.in = axes_.out = {1};
  }
  if (axes_.sizes.size() > most_axes) throw Error("strided copy", "at most 16 axes");
  choose_block_axis();
}

void StridedCopy::choose_block_axis() {
  if (axes_.in.back() == 0 || axes_.in.back() == 1 || axes_.sizes.back() < 4) return;
  for (std::size_t axis = 0; axis + 1 < axes_.sizes.size(); ++axis)
    if (axes_.in[axis] == 1 && axes_.sizes[axis] >= 4) block_axis_ = static_cast<int>(axis);
}

template <class E>
void StridedCopy::run_lines(Cpu& cpu, const E* in, E* out) const {
  std::int64_t lines = 1;
  for (std::size_t axis = 0; axis + 1 < axes_.sizes.size(); ++axis) lines *= axes_.sizes[axis];
  const std::int64_t n = axes_.sizes.back();
  if (lines == 1) {
    cpu.parallel_ranges(static_cast<std::size_t>(n), bytes_per_task / sizeof(E),
                        [&](std::size_t begin, std::size_t end, int) {
                          const auto b = static_cast<std::int64_t>(begin);
                          copy_line(in + b * axes_.in.back(), axes_.in.back(), out + b * axes_.out.back(),
                                    axes_.out.back(), static_cast<std::int64_t>(end - begin));
                        });
    return;
  }
  const std::size_t grain = bytes_per_task / (static_cast<std::size_t>(n) * sizeof(E)) + 1;
  cpu.parallel_ranges(static_cast<std::size_t>(lines), grain, [&](std::size_t begin, std::size_t end, int) {
    // The innermost line axis is a plain loop; only its start asks for divisions.
    const std::size_t axis = axes_.sizes.size() - 2;
    for (auto line = static_cast<std::int64_t>(begin), last = static_cast<std::int64_t>(end); line < last;) {
      const Offsets o = offsets_of(line, axes_.sizes, axes_.in, axes_.out, -1);
      const std::int64_t count = std::min(last - line, axes_.sizes[axis] - line % axes_.sizes[axis]);
      for (std::int64_t i = 0; i < count; ++i)
        copy_line(in + o.in + i * axes_.in[axis], axes_.in.back(), out + o.out + i * axes_.out[axis], axes_.out.back(),
                  n);
      line += count;
    }
  });
}

/// Squares of the input's contiguous axis and the output's last one, so that both sides are read and written in lines.
template <class E>
void StridedCopy::run_blocks(Cpu& cpu, const E* in, E* out) const {
  const auto axis = static_cast<std::size_t>(block_axis_);
  const std::int64_t rows = axes_.sizes[axis], columns = axes_.sizes.back();
  const std::int64_t bands = (rows + block - 1) / block;
  std::int64_t lines = bands;
  for (std::size_t a = 0; a + 1 < axes_.sizes.size(); ++a)
    if (a != axis) lines *= axes_.sizes[a];
  const std::size_t grain = bytes_per_task / (static_cast<std::size_t>(columns * block) * sizeof(E)) + 1;
  cpu.parallel_ranges(static_cast<std::size_t>(lines), grain, [&](std::size_t begin, std::size_t end, int) {
    for (auto line = static_cast<std::int64_t>(begin); line < static_cast<std::int64_t>(end); ++line) {
      const Offsets o = offsets_of(line / bands, axes_.sizes, axes_.in, axes_.out, block_axis_);
      const std::int64_t row0 = line % bands * block, row1 = std::min(rows, row0 + block);
      for (std::int64_t column0 = 0; column0 < columns; column0 += block) {
        const std::int64_t column1 = std::min(columns, column0 + block);
        for (std::int64_t r = row0; r < row1; ++r) {
          const E* from = in + o.in + r;
          E* to = out + o.out + r * axes_.out[axis];
          for (std::int64_t c = column0; c < column1; ++c) to[c * axes_.out.back()] = from[c * axes_.in.back()];
        }
      }
    }
  });
}

void StridedCopy::run(Cpu& cpu, const std::byte* in, std::byte* out) const {
  for (std::int64_t size : axes_.sizes)
    if (size == 0) return;
  with_element_type(element_bytes_, [&]<class E>(E) {
    const auto* from = reinterpret_cast<const E*>(in);
    auto* to = reinterpret_cast<E*>(out);
    if (block_axis_ >= 0)
      run_blocks(cpu, from, to);
    else
      run_lines(cpu, from, to);
  });
}

namespace {
/// Writes `count` copies of the element at `element` to `out`.
void fill_elements(std::byte* out, const std::byte* element, std::size_t element_bytes, std::size_t count) {
  with_element_type(element_bytes, [&]<class E>(E value) {
    std::memcpy(&value, element, sizeof(E));
    std::fill_n(reinterpret_cast<E*>(out), count, value);
  });
}

void run_moves(const Moves& m, Cpu& cpu, const Buffers& io) {
  if (m.background.defined()) {
    auto* out = static_cast<std::byte*>(io.out_raw()[0]);
    const std::size_t element = m.background.bytes();
    cpu.parallel_ranges(static_cast<std::size_t>(io.out_type(0).shape.elements()), 16384,
                        [&](std::size_t begin, std::size_t end, int) {
                          fill_elements(out + begin * element, m.background.raw(), element, end - begin);
                        });
  }
  for (const Moves::Piece& p : m.pieces)
    p.copy.run(cpu, static_cast<const std::byte*>(io.in_raw()[p.input]) + p.from,
               static_cast<std::byte*>(io.out_raw()[p.output]) + p.to);
}
}  // namespace

Kernel Moves::on(const CpuTarget&) const {
  if (view) return {.run = {}, .in_place = {}, .view = true};
  return {.run = [moves = *this](Cpu& cpu, const Buffers& io) { run_moves(moves, cpu, io); }, .in_place = {}};
}

std::optional<Kernel> Moves::on(const CudaTarget&) const {
  if constexpr (has_cuda_kernels) {
    if (view) return Kernel{.run = {}, .in_place = {}, .view = true};
    return Kernel{.run = {}, .in_place = {}, .launch = [moves = *this](Cuda& gpu, const Buffers& io) {
                    launch_moves(moves, gpu, io);
                  }};
  } else {
    return std::nullopt;
  }
}

Moves move_all(DType dtype, const Shape& sizes, const StridedCopy::Strides& in_strides) {
  return {.pieces = {{.copy = StridedCopy(size_of(dtype), sizes.dims(), in_strides, row_major_strides(sizes))}}};
}

}  // namespace strata
