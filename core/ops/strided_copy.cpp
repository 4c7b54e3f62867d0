#include "core/ops/strided_copy.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/base/error.h"

namespace strata {

namespace {
constexpr std::size_t most_axes = 16;
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

template <class F>
void with_element_type(std::size_t bytes, F&& f) {
  switch (bytes) {
    case 1: return f(std::uint8_t{});
    case 2: return f(std::uint16_t{});
    case 4: return f(std::uint32_t{});
    default: return f(std::uint64_t{});
  }
}
}  // namespace

StridedCopy::StridedCopy(std::size_t element_bytes, Strides sizes, Strides in_strides, Strides out_strides)
    : element_bytes_(element_bytes) {
  for (std::size_t axis = 0; axis < sizes.size(); ++axis) {
    if (sizes[axis] == 1) continue;
    if (!sizes_.empty() && in_.back() == in_strides[axis] * sizes[axis] && out_.back() == out_strides[axis] * sizes[axis]) {
      sizes_.back() *= sizes[axis];
      in_.back() = in_strides[axis];
      out_.back() = out_strides[axis];
    } else {
      sizes_.push_back(sizes[axis]);
      in_.push_back(in_strides[axis]);
      out_.push_back(out_strides[axis]);
    }
  }
  if (sizes_.empty()) {
    sizes_ = {1};
    in_ = out_ = {1};
  }
  if (sizes_.size() > most_axes) throw Error("strided copy", "at most 16 axes");
  choose_block_axis();
}

void StridedCopy::choose_block_axis() {
  if (in_.back() == 0 || in_.back() == 1 || sizes_.back() < 4) return;
  for (std::size_t axis = 0; axis + 1 < sizes_.size(); ++axis)
    if (in_[axis] == 1 && sizes_[axis] >= 4) block_axis_ = static_cast<int>(axis);
}

template <class E>
void StridedCopy::run_lines(Cpu& cpu, const E* in, E* out) const {
  std::int64_t lines = 1;
  for (std::size_t axis = 0; axis + 1 < sizes_.size(); ++axis) lines *= sizes_[axis];
  const std::int64_t n = sizes_.back();
  if (lines == 1) {
    cpu.parallel_ranges(static_cast<std::size_t>(n), bytes_per_task / sizeof(E), [&](std::size_t begin, std::size_t end, int) {
      const auto b = static_cast<std::int64_t>(begin);
      copy_line(in + b * in_.back(), in_.back(), out + b * out_.back(), out_.back(), static_cast<std::int64_t>(end - begin));
    });
    return;
  }
  const std::size_t grain = bytes_per_task / (static_cast<std::size_t>(n) * sizeof(E)) + 1;
  cpu.parallel_ranges(static_cast<std::size_t>(lines), grain, [&](std::size_t begin, std::size_t end, int) {
    // The innermost line axis is a plain loop; only its start asks for divisions.
    const std::size_t axis = sizes_.size() - 2;
    for (auto line = static_cast<std::int64_t>(begin), last = static_cast<std::int64_t>(end); line < last;) {
      const Offsets o = offsets_of(line, sizes_, in_, out_, -1);
      const std::int64_t count = std::min(last - line, sizes_[axis] - line % sizes_[axis]);
      for (std::int64_t i = 0; i < count; ++i)
        copy_line(in + o.in + i * in_[axis], in_.back(), out + o.out + i * out_[axis], out_.back(), n);
      line += count;
    }
  });
}

/// Squares of the input's contiguous axis and the output's last one, so that both sides are read and written in lines.
template <class E>
void StridedCopy::run_blocks(Cpu& cpu, const E* in, E* out) const {
  const auto axis = static_cast<std::size_t>(block_axis_);
  const std::int64_t rows = sizes_[axis], columns = sizes_.back();
  const std::int64_t bands = (rows + block - 1) / block;
  std::int64_t lines = bands;
  for (std::size_t a = 0; a + 1 < sizes_.size(); ++a)
    if (a != axis) lines *= sizes_[a];
  const std::size_t grain = bytes_per_task / (static_cast<std::size_t>(columns * block) * sizeof(E)) + 1;
  cpu.parallel_ranges(static_cast<std::size_t>(lines), grain, [&](std::size_t begin, std::size_t end, int) {
    for (auto line = static_cast<std::int64_t>(begin); line < static_cast<std::int64_t>(end); ++line) {
      const Offsets o = offsets_of(line / bands, sizes_, in_, out_, block_axis_);
      const std::int64_t row0 = line % bands * block, row1 = std::min(rows, row0 + block);
      for (std::int64_t column0 = 0; column0 < columns; column0 += block) {
        const std::int64_t column1 = std::min(columns, column0 + block);
        for (std::int64_t r = row0; r < row1; ++r) {
          const E* from = in + o.in + r;
          E* to = out + o.out + r * out_[axis];
          for (std::int64_t c = column0; c < column1; ++c) to[c * out_.back()] = from[c * in_.back()];
        }
      }
    }
  });
}

void StridedCopy::run(Cpu& cpu, const std::byte* in, std::byte* out) const {
  for (std::int64_t size : sizes_)
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

void fill_elements(std::byte* out, const std::byte* element, std::size_t element_bytes, std::size_t count) {
  with_element_type(element_bytes, [&]<class E>(E value) {
    std::memcpy(&value, element, sizeof(E));
    std::fill_n(reinterpret_cast<E*>(out), count, value);
  });
}

}  // namespace strata
