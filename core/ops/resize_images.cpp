#include "core/ops/resize_images.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/ops/resize_table.h"
#include "core/ops/widen.h"

namespace strata {

namespace {
using kernels::Index;
using kernels::ResizeTable;

struct Name {
  std::string_view name;
  Interpolation interpolation;
};
constexpr std::array<Name, 8> names{{{"nearest", Interpolation::nearest},
                                     {"bilinear", Interpolation::bilinear},
                                     {"bicubic", Interpolation::bicubic},
                                     {"area", Interpolation::area},
                                     {"lanczos3", Interpolation::lanczos3},
                                     {"lanczos5", Interpolation::lanczos5},
                                     {"gaussian", Interpolation::gaussian},
                                     {"mitchellcubic", Interpolation::mitchellcubic}}};

std::string size_text(std::int64_t height, std::int64_t width) {
  return std::to_string(height) + " x " + std::to_string(width);
}

/// [N,H,W,C] with another height and width. Error for sizes that cannot be.
Shape resized_shape(std::string_view name, const Shape& x, std::int64_t height, std::int64_t width) {
  if (x.rank() != 4) fail_expected(name, "[N,H,W,C]", to_string(x));
  if (std::min(height, width) < 1) fail_expected(name, "a height and width of at least 1", size_text(height, width));
  if (std::min(x[1], x[2]) < 1) fail_expected(name, "images of at least one pixel", to_string(x));
  return {x[0], height, width, x[3]};
}

/// A kernel that makes images of s.outputs[0] out of those of s.inputs[0] by these tables.
template <class From, class T>
Kernel weighted(const CpuTarget& target, const Signature& s, const resizing::Tables& tables) {
  const Index channels = s.inputs[0].shape[3], images = s.inputs[0].shape[0];
  const auto scratch = static_cast<std::size_t>(kernels::resize_scratch(tables.columns.given, channels));
  const Index row = std::max<Index>(1, tables.columns.size * channels);
  Kernel kernel;
  kernel.scratch_bytes = static_cast<std::size_t>(std::max(1, target.threads)) * scratch * sizeof(T);
  kernel.run = [=, rows = resizing::table_of<T>(tables.rows), columns = resizing::table_of<T>(tables.columns)](
                   Cpu& cpu, const Buffers& io) {
    const auto grain = static_cast<std::size_t>(std::max<Index>(1, 16384 / row));
    cpu.parallel_ranges(static_cast<std::size_t>(images * rows.size), grain,
                        [&](std::size_t first, std::size_t last, int part) {
                          kernels::resize_rows(rows, columns, channels, static_cast<Index>(first),
                                               static_cast<Index>(last), io.in<From>(0).data(), io.out<T>(0).data(),
                                               io.scratch<T>() + static_cast<std::size_t>(part) * scratch);
                        });
  };
  return kernel;
}

/// Pixels of any type, copied from where the tables say.
Kernel picked(const Signature& s, const resizing::Tables& tables) {
  const std::size_t pixel = static_cast<std::size_t>(s.inputs[0].shape[3]) * size_of(s.inputs[0].dtype);
  const auto count = static_cast<std::size_t>(s.outputs[0].shape[0]) * tables.rows.first.size();
  Kernel kernel;
  kernel.run = [pixel, count, height = static_cast<std::size_t>(tables.rows.given),
                width = static_cast<std::size_t>(tables.columns.given), rows = tables.rows.first,
                columns = tables.columns.first](Cpu& cpu, const Buffers& io) {
    const auto* const from = static_cast<const std::byte*>(io.in_raw()[0]);
    auto* const to = static_cast<std::byte*>(io.out_raw()[0]);
    if (pixel == 0) return;
    cpu.parallel_for(
        count,
        [&](std::size_t r) {
          const std::size_t image = r / rows.size();
          const std::byte* const row =
              from + (image * height + static_cast<std::size_t>(rows[r % rows.size()])) * width * pixel;
          for (std::size_t j = 0; j < columns.size(); ++j)
            std::memcpy(to + (r * columns.size() + j) * pixel, row + static_cast<std::size_t>(columns[j]) * pixel,
                        pixel);
        },
        std::max<std::size_t>(1, 65536 / (columns.size() * pixel)));
  };
  return kernel;
}

}  // namespace

Interpolation interpolation_named(std::string_view where, const std::string& name) {
  std::string known;
  for (const Name& n : names) {
    if (n.name == name) return n.interpolation;
    known += (known.empty() ? "\"" : ", \"") + std::string(n.name) + "\"";
  }
  fail_expected(where, "interpolation to be one of " + known, "\"" + name + "\"");
}

std::string_view to_string(Interpolation interpolation) {
  for (const Name& n : names)
    if (n.interpolation == interpolation) return n.name;
  return "unknown";
}

Type ResizeImages::infer(std::span<const Type> in) const {
  if (in.size() != 1) fail_expected(name, "1 input", std::to_string(in.size()));
  const Shape shape = resized_shape(name, in[0].shape, height, width);
  if (interpolation == Interpolation::nearest || is_floating(in[0].dtype)) return {in[0].dtype, shape};
  if (in[0].dtype != DType::u8)
    fail_expected(name,
                  "images of a floating type or u8 for interpolation \"" + std::string(to_string(interpolation)) + "\"",
                  to_string(in[0]));
  return {DType::f32, shape};
}

Values ResizeImages::vjp(const Node& node, Value g) const {
  const Type& x = node.input(0).type();
  if (!is_floating(x.dtype)) return no_gradient();
  return {apply(ResizeImagesGradient{x.shape[1], x.shape[2], interpolation, antialias}, g)};
}

Kernel ResizeImages::prepare(const CpuTarget& target, const Signature& s) const {
  if (interpolation == Interpolation::nearest) return picked(s, resizing::tables_of(*this, s));
  if (has_16_bit_floats(s)) return widened(s, [&](const Signature& wide) { return prepare(target, wide); });
  const resizing::Tables tables = resizing::tables_of(*this, s);
  if (s.inputs[0].dtype == DType::u8) return weighted<std::uint8_t, float>(target, s, tables);
  if (s.inputs[0].dtype == DType::f64) return weighted<double, double>(target, s, tables);
  return weighted<float, float>(target, s, tables);
}

Type ResizeImagesGradient::infer(std::span<const Type> in) const {
  if (in.size() != 1) fail_expected(name, "1 input", std::to_string(in.size()));
  if (!is_floating(in[0].dtype)) fail_expected(name, "a floating type", to_string(in[0]));
  return {in[0].dtype, resized_shape(name, in[0].shape, given_height, given_width)};
}

Values ResizeImagesGradient::vjp(const Node& node, Value g) const {
  const Shape& resized = node.input(0).shape();
  return {apply(ResizeImages{resized[1], resized[2], interpolation, antialias}, g)};
}

Kernel ResizeImagesGradient::prepare(const CpuTarget& target, const Signature& s) const {
  if (has_16_bit_floats(s)) return widened(s, [&](const Signature& wide) { return prepare(target, wide); });
  const resizing::Tables tables = resizing::tables_of(*this, s);
  if (s.inputs[0].dtype == DType::f64) return weighted<double, double>(target, s, tables);
  return weighted<float, float>(target, s, tables);
}

namespace resizing {

Tables tables_of(const ResizeImages& op, const Signature& s) {
  const Shape& x = s.inputs[0].shape;
  const bool same = x[1] == op.height && x[2] == op.width;
  const Interpolation kind = same ? Interpolation::nearest : op.interpolation;
  return {make_table(kind, x[1], op.height, op.antialias), make_table(kind, x[2], op.width, op.antialias)};
}

Tables tables_of(const ResizeImagesGradient& op, const Signature& s) {
  const Shape& g = s.inputs[0].shape;
  const ResizeImages forward{g[1], g[2], op.interpolation, op.antialias};
  const Signature of_forward{{s.outputs[0]}, {s.inputs[0]}};
  const Tables tables = tables_of(forward, of_forward);
  return {transposed(tables.rows), transposed(tables.columns)};
}

}  // namespace resizing

}  // namespace strata
