#include "core/graph/tile_source.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

#include "core/graph/names.h"
#include "core/graph/tile_access.h"
#include "core/graph/tile_loops.h"

namespace strata {

namespace {
constexpr int bytes_at_a_time = 16;
// A thread's loop is unrolled over `width` elements; this bounds what becomes of it, and the time to compile it.
constexpr int most_unrolled = 256;
// Positions up to here, and what a grid adds to them, fit 32 bits.
constexpr std::int64_t most_for_32_bits = std::numeric_limits<std::int32_t>::max();

std::string_view type_text(DType d) {
  switch (d) {
    case DType::f64:
      return "double";
    case DType::f16:
      return "strata::Half";
    case DType::bf16:
      return "strata::BFloat16";
    case DType::i32:
      return "int";
    case DType::i64:
      return "long long";
    case DType::u8:
      return "unsigned char";
    case DType::boolean:
      return "bool";
    case DType::f32:
      break;
  }
  return "float";
}

std::string number_text(double x) {
  if (!std::isfinite(x))
    return "strata::math::detail::from_bits(" + std::to_string(std::bit_cast<std::uint64_t>(x)) + "ull)";
  std::array<char, 40> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), std::abs(x), std::chars_format::hex).ptr;
  return (std::signbit(x) ? "-0x" : "0x") + std::string(digits.data(), end);
}

/// "a0", "b12"
std::string numbered(std::string_view letter, std::size_t i) { return std::string(letter) + std::to_string(i); }

/// Writes the kernel. Names in its text: in0, out0 arrays; a0 an input's element; r0 the result of an instruction;
/// b0 an output's element; p0, q0 packs of them; n elements, i the current one.
class Writer {
 public:
  Writer(const TileProgram& program, std::string_view kernel, int segments)
      : program_(program), kernel_(kernel), segments_(segments), results_(result_types(program)) {
    for (const Type& t : program.inputs) accesses_.push_back(tile_access(t, program.shape));
    choose_width();
    std::int64_t most = program.shape.elements();
    for (const Type& t : program.inputs) most = std::max(most, t.shape.elements());
    index_ = most < most_for_32_bits ? "unsigned" : "unsigned long long";
    suffix_ = most < most_for_32_bits ? "u" : "ull";
  }

  /// Whether there is such a kernel.
  bool possible() {
    const auto strided = [](const TileAccess& a) { return a.kind == TileAccess::Kind::strided; };
    if (segments_ > 1 && std::any_of(accesses_.begin(), accesses_.end(), strided)) return false;
    for (const TileProgram::Instruction& code : program_.code) {
      std::vector<DType> in;
      for (int o : code.operands) in.push_back(type_of(o));
      const Tile tile = code.op.tile(in);
      if (tile.device_code == nullptr) return false;
      functions_.push_back(tile.device_code(code.op.attributes()));
    }
    return true;
  }

  TileSource write() {
    line(0, "#include \"core/kernels/tile_kernel.h\"");
    line(0, "");
    write_segment();
    write_element();
    write_kernel();
    return {std::move(text_), width_, alignments()};
  }

 private:
  /// How the elements of a pack lie in an input that is read by position.
  enum class InPack { together, repeated, apart };

  void line(int depth, const std::string& text) {
    text_ += std::string(static_cast<std::size_t>(2 * depth), ' ') + text + "\n";
  }

  DType type_of(int operand) const {
    const std::size_t i = static_cast<std::size_t>(operand), inputs = program_.inputs.size();
    return i < inputs ? program_.inputs[i].dtype : results_[i - inputs];
  }
  DType output_type(std::size_t j) const { return results_[static_cast<std::size_t>(program_.outputs[j])]; }

  void choose_width() {
    std::size_t largest = 1;
    for (std::size_t i = 0; i < accesses_.size(); ++i)
      if (accesses_[i].kind == TileAccess::Kind::full) largest = std::max(largest, accesses_[i].element_bytes);
    for (std::size_t j = 0; j < program_.outputs.size(); ++j) largest = std::max(largest, size_of(output_type(j)));
    width_ = bytes_at_a_time / static_cast<int>(largest);
    while (width_ > 1 && width_ * static_cast<int>(program_.code.size()) > most_unrolled) width_ /= 2;
  }

  InPack in_pack(const TileAccess& a) const {
    if (a.kind == TileAccess::Kind::full) return InPack::together;
    if (a.sizes.back() % width_ != 0) return InPack::apart;  // a pack may go on in the next row
    if (a.strides.back() == 0) return InPack::repeated;
    const bool whole =
        std::all_of(a.strides.begin(), a.strides.end() - 1, [&](std::int64_t s) { return s % width_ == 0; });
    return a.strides.back() == 1 && whole ? InPack::together : InPack::apart;
  }

  std::vector<std::size_t> alignments() const {
    std::vector<std::size_t> bytes;
    for (const TileAccess& a : accesses_) {
      const bool pack = a.kind != TileAccess::Kind::scalar && in_pack(a) == InPack::together;
      bytes.push_back(pack ? a.element_bytes * static_cast<std::size_t>(width_) : 1);
    }
    for (std::size_t j = 0; j < program_.outputs.size(); ++j)
      bytes.push_back(size_of(output_type(j)) * static_cast<std::size_t>(width_));
    return bytes;
  }

  /// The layout that tile_launch fills: 8 bytes for each member.
  void write_segment() {
    line(0, "struct Segment {");
    for (std::size_t i = 0; i < accesses_.size(); ++i)
      line(1, "const " + std::string(type_text(program_.inputs[i].dtype)) + "* " + numbered("in", i) + ";");
    for (std::size_t j = 0; j < program_.outputs.size(); ++j)
      line(1, std::string(type_text(output_type(j))) + "* " + numbered("out", j) + ";");
    line(1, "unsigned long long count, aligned, first_block, blocks;");
    line(0, "};");
    line(0, "struct Segments {");
    line(1, "Segment all[" + std::to_string(segments_) + "];");
    line(0, "};");
    line(0, "");
  }

  /// The function of one element.
  void write_element() {
    std::string parameters;
    for (std::size_t i = 0; i < accesses_.size(); ++i)
      parameters += std::string(type_text(program_.inputs[i].dtype)) + " " + numbered("a", i) + ", ";
    for (std::size_t j = 0; j < program_.outputs.size(); ++j)
      parameters += std::string(type_text(output_type(j))) + "& " + numbered("b", j) + ", ";
    parameters.resize(parameters.size() - 2);
    line(0, "__device__ inline void element_of_" + kernel_ + "(" + parameters + ") {");
    line(1, "using strata::tiles::load, strata::tiles::store;");
    for (std::size_t k = 0; k < program_.code.size(); ++k) {
      std::string arguments;
      for (int o : program_.code[k].operands) {
        const auto i = static_cast<std::size_t>(o), inputs = accesses_.size();
        arguments += (arguments.empty() ? "load(" : ", load(") +
                     (i < inputs ? numbered("a", i) : numbered("r", i - inputs)) + ")";
      }
      const std::string type(type_text(results_[k]));
      line(1, "const " + type + " " + numbered("r", k) + " = store<" + type + ">((" + functions_[k] + ")(" + arguments +
                  "));");
    }
    for (std::size_t j = 0; j < program_.outputs.size(); ++j)
      line(1, numbered("b", j) + " = " + numbered("r", static_cast<std::size_t>(program_.outputs[j])) + ";");
    line(0, "}");
    line(0, "");
  }

  void write_kernel() {
    line(0, "extern \"C\" __global__ void __launch_bounds__(" + std::to_string(TileSource::block_threads) + ") " +
                kernel_ + "(const __grid_constant__ Segments segments) {");
    line(1, "const Segment s = strata::tiles::segment_of_block(segments.all);");
    line(1, "using Index = " + index_ + ";");
    line(1, "const Index n = static_cast<Index>(s.count), threads = static_cast<Index>(s.blocks) * blockDim.x;");
    line(1, "const Index first = static_cast<Index>(blockIdx.x - s.first_block) * blockDim.x + threadIdx.x;");
    for (std::size_t i = 0; i < accesses_.size(); ++i)
      if (accesses_[i].kind == TileAccess::Kind::scalar)
        line(1, "const auto " + numbered("a", i) + " = *s." + numbered("in", i) + ";");
    if (width_ > 1) {
      line(1, "Index done = 0;");
      line(1, "if (s.aligned) {");
      write_packs();
      line(1, "}");
    }
    line(1, std::string("for (Index i = ") + (width_ > 1 ? "done + " : "") + "first; i < n; i += threads)");
    line(2, call([&](std::size_t i) { return "s." + numbered("in", i) + "[" + position(i) + "]"; },
                 [](std::size_t j) { return "s." + numbered("out", j) + "[i]"; }));
    line(0, "}");
  }

  void write_packs() {
    const std::string width = std::to_string(width_);
    line(2, "for (Index pack = first; pack < n / " + width + "; pack += threads) {");
    line(3, "const Index at = pack * " + width + ";");
    for (std::size_t i = 0; i < accesses_.size(); ++i) {
      const TileAccess& a = accesses_[i];
      if (a.kind == TileAccess::Kind::scalar || in_pack(a) == InPack::apart) continue;
      const std::string place = "s." + numbered("in", i), from = position(i, "at");
      if (in_pack(a) == InPack::together)
        line(3, "const auto " + numbered("p", i) + " = strata::tiles::load_pack<" + width + ">(" + place + " + " +
                    from + ");");
      else
        line(3, "const auto " + numbered("p", i) + " = " + place + "[" + from + "];");
    }
    for (std::size_t j = 0; j < program_.outputs.size(); ++j)
      line(3, "strata::tiles::Pack<" + std::string(type_text(output_type(j))) + ", " + width + "> " + numbered("q", j) +
                  ";");
    line(0, "#pragma unroll");
    line(3, "for (int k = 0; k < " + width + "; ++k) {");
    if (std::any_of(accesses_.begin(), accesses_.end(), [&](const TileAccess& a) {
          return a.kind == TileAccess::Kind::strided && in_pack(a) == InPack::apart;
        }))
      line(4, "const Index i = at + k;");
    line(4, call(
                [&](std::size_t i) {
                  switch (in_pack(accesses_[i])) {
                    case InPack::together:
                      return numbered("p", i) + ".at[k]";
                    case InPack::repeated:
                      return numbered("p", i);
                    default:
                      return "s." + numbered("in", i) + "[" + position(i) + "]";
                  }
                },
                [](std::size_t j) { return numbered("q", j) + ".at[k]"; }));
    line(3, "}");
    for (std::size_t j = 0; j < program_.outputs.size(); ++j)
      line(3, "strata::tiles::store_pack(s." + numbered("out", j) + " + at, " + numbered("q", j) + ");");
    line(2, "}");
    line(2, "done = n / " + width + " * " + width + ";");
  }

  /// A call of the element's function; `input` and `output` say where elements are.
  template <class Input, class Output>
  std::string call(Input&& input, Output&& output) const {
    std::string text;
    for (std::size_t i = 0; i < accesses_.size(); ++i)
      text += (accesses_[i].kind == TileAccess::Kind::scalar ? numbered("a", i) : input(i)) + ", ";
    for (std::size_t j = 0; j < program_.outputs.size(); ++j) text += output(j) + ", ";
    text.resize(text.size() - 2);
    return "element_of_" + kernel_ + "(" + text + ");";
  }

  /// Where element `i` of the result lies in the input: i / inner % size * stride, summed over the axes.
  std::string position(std::size_t input, const std::string& i = "i") const {
    const TileAccess& a = accesses_[input];
    if (a.kind == TileAccess::Kind::full) return i;
    std::string sum;
    std::int64_t inner = 1;
    for (std::size_t axis = a.sizes.size(); axis-- > 0;) {
      const std::int64_t size = a.sizes[axis], stride = a.strides[axis];
      std::string term = i;
      if (inner != 1) term += " / " + constant(inner);
      if (axis != 0) term += " % " + constant(size);
      if (stride != 1) term += " * " + constant(stride);
      if (stride != 0) sum = sum.empty() ? term : term + " + " + sum;
      inner *= size;
    }
    return sum;
  }

  std::string constant(std::int64_t x) const { return std::to_string(x) + suffix_; }

  const TileProgram& program_;
  std::string kernel_;
  int segments_;
  std::vector<DType> results_;
  std::vector<TileAccess> accesses_;
  std::vector<std::string> functions_;
  int width_ = 1;
  std::string index_, suffix_, text_;
};
}  // namespace

std::string tiles::functor_text(std::string_view op_name, std::span<const double> attributes) {
  std::string text = "strata::fn::" + camel_case(op_name) + "{";
  for (std::size_t i = 0; i < attributes.size(); ++i) text += (i == 0 ? "" : ", ") + number_text(attributes[i]);
  return text + "}";
}

std::optional<TileSource> tile_source(const TileProgram& program, std::string_view kernel, int segments) {
  Writer writer(program, kernel, segments);
  if (!writer.possible()) return std::nullopt;
  return writer.write();
}

TileLaunch tile_launch(const TileSource& source, std::span<const TileSegment> segments, unsigned most_blocks) {
  TileLaunch launch;
  const std::uint64_t per_block = TileSource::block_threads * static_cast<std::uint64_t>(source.width);
  for (const TileSegment& s : segments) {
    bool aligned = true;
    std::size_t operand = 0;
    const auto add = [&](const void* pointer) {
      const auto address = reinterpret_cast<std::uintptr_t>(pointer);
      aligned = aligned && address % source.alignments[operand++] == 0;
      launch.parameter.push_back(address);
    };
    for (const void* p : s.inputs) add(p);
    for (const void* p : s.outputs) add(p);
    const std::uint64_t wanted = (s.count + per_block - 1) / per_block;
    const auto blocks = static_cast<unsigned>(std::min<std::uint64_t>(wanted, most_blocks));
    for (const std::uint64_t word :
         {s.count, std::uint64_t{aligned}, std::uint64_t{launch.blocks}, std::uint64_t{blocks}})
      launch.parameter.push_back(word);
    launch.blocks += blocks;
  }
  return launch;
}

}  // namespace strata
