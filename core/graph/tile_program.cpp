#include "core/graph/tile_program.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/graph/tile_access.h"

namespace strata {

TileAccess tile_access(const Type& input, const Shape& shape) {
  TileAccess a;
  a.element_bytes = size_of(input.dtype);
  // Where the result has one element only, a scalar is one still: the kernel is that of larger results.
  if (input.shape == shape || (input.shape.elements() == shape.elements() && shape.elements() != 1)) return a;
  if (input.shape.elements() == 1) {
    a.kind = TileAccess::Kind::scalar;
    return a;
  }
  a.kind = TileAccess::Kind::strided;
  const auto in_strides = row_major_strides(input.shape);
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const int own = axis - (shape.rank() - input.shape.rank());
    const bool repeats = own < 0 || input.shape[own] == 1;
    const std::int64_t stride = repeats ? 0 : in_strides[static_cast<std::size_t>(own)], size = shape[axis];
    if (size == 1) continue;
    if (!a.sizes.empty() && a.strides.back() == stride * size) {  // this axis continues the previous one
      a.sizes.back() *= size;
      a.strides.back() = stride;
    } else {
      a.sizes.push_back(size);
      a.strides.push_back(stride);
    }
  }
  return a;
}

namespace {
constexpr std::size_t tile_elements = 1024;
constexpr std::size_t slot_bytes = tile_elements * 8;  // the widest element type
constexpr std::size_t parallel_grain = 16 * tile_elements;
constexpr std::size_t most_operands = 8;

void fill(std::byte* out, const std::byte* element, std::size_t bytes, std::size_t count) {
  const auto fill_as = [&]<class T>(T) {
    T value;
    std::memcpy(&value, element, sizeof(T));
    std::fill_n(reinterpret_cast<T*>(out), count, value);
  };
  if (bytes == 4) return fill_as(std::uint32_t{});
  if (bytes == 8) return fill_as(std::uint64_t{});
  if (bytes == 2) return fill_as(std::uint16_t{});
  std::memset(out, std::to_integer<int>(*element), count);
}

/// Elements [begin, begin + n) of the broadcast input, laid side by side.
void gather(const TileAccess& a, const std::byte* in, std::size_t begin, std::size_t n, std::byte* out) {
  const std::size_t rank = a.sizes.size();
  std::array<std::int64_t, 16> index{};
  auto rest = static_cast<std::int64_t>(begin);
  std::int64_t offset = 0;
  for (std::size_t axis = rank; axis-- > 0;) {
    index[axis] = rest % a.sizes[axis];
    rest /= a.sizes[axis];
    offset += index[axis] * a.strides[axis];
  }
  const std::int64_t inner_stride = a.strides.back(), inner = a.sizes.back();
  while (n > 0) {
    const auto run = std::min(n, static_cast<std::size_t>(inner - index[rank - 1]));
    const std::byte* from = in + static_cast<std::size_t>(offset) * a.element_bytes;
    if (inner_stride == 0) {
      fill(out, from, a.element_bytes, run);
    } else if (inner_stride == 1) {
      std::memcpy(out, from, run * a.element_bytes);
    } else {
      for (std::size_t i = 0; i < run; ++i)
        std::memcpy(out + i * a.element_bytes, from + i * static_cast<std::size_t>(inner_stride) * a.element_bytes,
                    a.element_bytes);
    }
    out += run * a.element_bytes;
    n -= run;
    offset += static_cast<std::int64_t>(run) * inner_stride;
    index[rank - 1] += static_cast<std::int64_t>(run);
    for (std::size_t axis = rank - 1; axis > 0 && index[axis] == a.sizes[axis]; --axis) {
      offset += a.strides[axis - 1] - a.sizes[axis] * a.strides[axis];
      index[axis] = 0;
      ++index[axis - 1];
    }
  }
}

struct Step {
  Op op;
  TileFunction function;
  std::vector<int> operands;  // as in TileProgram
  int slot = -1;              // scratch slot of the result, -1 when it goes straight to an output
  int output = -1;
  std::size_t element_bytes;
};

struct Compiled {
  std::vector<TileAccess> inputs;
  std::vector<int> input_slots;  // where broadcast inputs are laid out, -1 for full ones
  std::vector<Step> steps;
  int slots = 0;
  std::size_t elements = 0;
};

/// Results that do not leave the program take scratch slots, given back after their last use.
void assign_slots(Compiled& c, const TileProgram& p) {
  const auto inputs = static_cast<int>(p.inputs.size()), count = static_cast<int>(p.code.size());
  std::vector<int> last_use(static_cast<std::size_t>(count), -1), free;
  for (int i = 0; i < count; ++i)
    for (int o : c.steps[static_cast<std::size_t>(i)].operands)
      if (o >= inputs) last_use[static_cast<std::size_t>(o - inputs)] = i;
  for (int i = 0; i < count; ++i) {
    Step& step = c.steps[static_cast<std::size_t>(i)];
    if (step.output < 0) {
      if (free.empty()) free.push_back(c.slots++);
      step.slot = free.back();
      free.pop_back();
    }
    for (int before = 0; before < i; ++before) {
      const Step& dead = c.steps[static_cast<std::size_t>(before)];
      if (last_use[static_cast<std::size_t>(before)] == i && dead.slot >= 0) free.push_back(dead.slot);
    }
  }
}

Compiled compile(const TileProgram& p) {
  Compiled c;
  c.elements = static_cast<std::size_t>(p.shape.elements());
  for (const Type& t : p.inputs) {
    c.inputs.push_back(tile_access(t, p.shape));
    c.input_slots.push_back(c.inputs.back().kind == TileAccess::Kind::full ? -1 : c.slots++);
  }
  std::vector<DType> types;
  for (const Type& t : p.inputs) types.push_back(t.dtype);
  for (std::size_t i = 0; i < p.code.size(); ++i) {
    const auto& instruction = p.code[i];
    std::vector<DType> in;
    for (int o : instruction.operands) in.push_back(types[static_cast<std::size_t>(o)]);
    if (in.size() > most_operands) throw Error(instruction.op.name(), "an elementwise op has at most eight inputs");
    const Tile tile = instruction.op.tile(in);
    types.push_back(tile.output);
    const auto out = std::find(p.outputs.begin(), p.outputs.end(), static_cast<int>(i));
    c.steps.push_back({instruction.op, tile.function, instruction.operands, -1,
                       out == p.outputs.end() ? -1 : static_cast<int>(out - p.outputs.begin()), size_of(tile.output)});
  }
  assign_slots(c, p);
  return c;
}

void run_range(const Compiled& c, const Buffers& io, std::byte* scratch, std::size_t begin, std::size_t end) {
  const std::size_t inputs = c.inputs.size();
  const auto slot = [&](int s) { return scratch + static_cast<std::size_t>(s) * slot_bytes; };
  std::vector<const std::byte*> value(inputs + c.steps.size());
  for (std::size_t i = 0; i < inputs; ++i)
    if (c.inputs[i].kind == TileAccess::Kind::scalar)
      fill(slot(c.input_slots[i]), static_cast<const std::byte*>(io.in_raw()[i]), c.inputs[i].element_bytes,
           std::min(tile_elements, end - begin));
  for (std::size_t at = begin; at < end; at += tile_elements) {
    const std::size_t n = std::min(tile_elements, end - at);
    for (std::size_t i = 0; i < inputs; ++i) {
      const auto* base = static_cast<const std::byte*>(io.in_raw()[i]);
      const TileAccess& a = c.inputs[i];
      if (a.kind == TileAccess::Kind::strided) gather(a, base, at, n, slot(c.input_slots[i]));
      value[i] = a.kind == TileAccess::Kind::full ? base + at * a.element_bytes : slot(c.input_slots[i]);
    }
    for (std::size_t i = 0; i < c.steps.size(); ++i) {
      const Step& step = c.steps[i];
      std::byte* out = step.output < 0
                           ? slot(step.slot)
                           : static_cast<std::byte*>(io.out_raw()[step.output]) + at * step.element_bytes;
      std::array<const void*, most_operands> in{};
      for (std::size_t o = 0; o < step.operands.size(); ++o) in[o] = value[static_cast<std::size_t>(step.operands[o])];
      step.function(step.op.attributes(), in.data(), out, n);
      value[inputs + i] = out;
    }
  }
}

/// An output may overwrite a full input of its size once nothing reads that input any more.
std::vector<InPlace> in_place_pairs(const TileProgram& p, const Compiled& c) {
  std::vector<InPlace> pairs;
  for (std::size_t out = 0; out < p.outputs.size(); ++out) {
    const auto writer = static_cast<std::size_t>(p.outputs[out]);
    for (std::size_t in = 0; in < p.inputs.size(); ++in) {
      if (c.inputs[in].kind != TileAccess::Kind::full || c.inputs[in].element_bytes != c.steps[writer].element_bytes) continue;
      bool read_later = false;
      for (std::size_t i = writer + 1; i < c.steps.size(); ++i)
        for (int o : c.steps[i].operands) read_later = read_later || o == static_cast<int>(in);
      if (!read_later) pairs.push_back({static_cast<int>(in), static_cast<int>(out)});
    }
  }
  return pairs;
}
}  // namespace

std::vector<DType> result_types(const TileProgram& p) {
  std::vector<DType> types;
  for (const Type& t : p.inputs) types.push_back(t.dtype);
  for (const auto& instruction : p.code) {
    std::vector<DType> in;
    for (int o : instruction.operands) in.push_back(types[static_cast<std::size_t>(o)]);
    types.push_back(instruction.op.tile(in).output);
  }
  types.erase(types.begin(), types.begin() + static_cast<std::ptrdiff_t>(p.inputs.size()));
  return types;
}

Types output_types(const TileProgram& p) {
  const std::vector<DType> results = result_types(p);
  Types types;
  for (int o : p.outputs) types.push_back({results[static_cast<std::size_t>(o)], p.shape});
  return types;
}

Kernel prepare_tile_program(const TileProgram& p, const CpuTarget& target) {
  const auto compiled = std::make_shared<const Compiled>(compile(p));
  Kernel kernel;
  const std::size_t per_thread = static_cast<std::size_t>(compiled->slots) * slot_bytes;
  kernel.scratch_bytes = per_thread * static_cast<std::size_t>(std::max(1, target.threads));
  kernel.in_place = in_place_pairs(p, *compiled);
  kernel.run = [compiled, per_thread](Cpu& cpu, const Buffers& io) {
    cpu.parallel_ranges(compiled->elements, parallel_grain, [&](std::size_t begin, std::size_t end, int part) {
      run_range(*compiled, io, io.scratch() + per_thread * static_cast<std::size_t>(part), begin, end);
    });
  };
  return kernel;
}

Kernel prepare_tile_programs(std::span<const TileProgram> programs, const CpuTarget& target) {
  struct Part {
    Kernel kernel;
    Signature signature;
    std::size_t first_input, first_output;
  };
  auto parts = std::make_shared<std::vector<Part>>();
  Kernel all;
  std::size_t inputs = 0, outputs = 0;
  for (const TileProgram& p : programs) {
    Part part{prepare_tile_program(p, target), {p.inputs, output_types(p)}, inputs, outputs};
    all.scratch_bytes = std::max(all.scratch_bytes, part.kernel.scratch_bytes);
    for (const InPlace& pair : part.kernel.in_place)
      all.in_place.push_back({pair.input + static_cast<int>(inputs), pair.output + static_cast<int>(outputs)});
    inputs += part.signature.inputs.size();
    outputs += part.signature.outputs.size();
    parts->push_back(std::move(part));
  }
  all.run = [parts](Cpu& cpu, const Buffers& io) {
    for (const Part& p : *parts)
      p.kernel.run(cpu, Buffers(p.signature, io.in_raw() + p.first_input, io.out_raw() + p.first_output, io.scratch()));
  };
  return all;
}

namespace {
TileProgram single(const Op& op, const Signature& s) {
  TileProgram p{s.outputs.at(0).shape, s.inputs, {}, {0}};
  std::vector<int> operands;
  for (std::size_t i = 0; i < s.inputs.size(); ++i) operands.push_back(static_cast<int>(i));
  p.code.push_back({op, std::move(operands)});
  return p;
}
}  // namespace

namespace detail {
Kernel prepare_tiled(const Op& op, const CpuTarget& target, const Signature& s) {
  return prepare_tile_program(single(op, s), target);
}
std::optional<Kernel> prepare_tiled([[maybe_unused]] const Op& op, [[maybe_unused]] const CudaTarget& target,
                                    [[maybe_unused]] const Signature& s) {
  if constexpr (has_cuda_kernels) {
    const TileProgram p = single(op, s);
    return prepare_tile_programs({&p, 1}, target);
  } else {
    return std::nullopt;
  }
}
}  // namespace detail

}  // namespace strata
