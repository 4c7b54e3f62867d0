// Generated kernels: their text compiled for the processor, held against the processor's own kernels.
#include "core/graph/tile_source.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "core/ops/all_ops.h"
#include "tests/core/graph/host_kernels.h"
#include "tests/core/ops/harness/samples.h"

namespace strata {
namespace {

using harness::Sample;
using testing::HostKernels;

constexpr DType floating[] = {DType::f32, DType::f64, DType::f16, DType::bf16};
constexpr DType whole[] = {DType::i32, DType::i64, DType::u8, DType::boolean};

TileProgram program_of(const Op& op, const Tensors& inputs) {
  TileProgram p{{}, {}, {{op, {}}}, {0}};
  for (const Tensor& t : inputs) {
    p.code[0].operands.push_back(static_cast<int>(p.inputs.size()));
    p.inputs.push_back(t.type());
  }
  p.shape = op.infer(p.inputs).at(0).shape;
  return p;
}

Tensors results_of(const TileProgram& p) {
  const std::vector<DType> types = result_types(p);
  Tensors out;
  for (int o : p.outputs) out.emplace_back(types[static_cast<std::size_t>(o)], p.shape);
  return out;
}

TileSegment segment_of(const Tensors& inputs, Tensors& outputs) {
  TileSegment s;
  for (const Tensor& t : inputs) s.inputs.push_back(t.raw());
  for (Tensor& t : outputs) s.outputs.push_back(t.mutable_raw());
  s.count = static_cast<std::uint64_t>(outputs.at(0).size());
  return s;
}

Tensors run(const HostKernels& kernels, int kernel, const TileProgram& p, const Tensors& inputs) {
  Tensors out = results_of(p);
  const TileSegment segment = segment_of(inputs, out);
  kernels.run(kernel, {&segment, 1});
  return out;
}

/// One unit in the last place of a rounded result, or what the two compilers' multiply-adds may make of an f32 result.
double tolerance_of(DType d) {
  switch (d) {
    case DType::f32:
      return 2e-6;
    case DType::f64:
      return 1e-13;
    case DType::f16:
      return 0x1p-10;
    case DType::bf16:
      return 0x1p-7;
    default:
      return 0;
  }
}

void expect_close(const Tensor& got, const Tensor& expected, double floor, const std::string& what) {
  ASSERT_EQ(to_string(got.type()), to_string(expected.type())) << what;
  const harness::Array a = harness::array_of(got), b = harness::array_of(expected);
  for (std::size_t i = 0; i < a.data.size(); ++i) {
    const double x = a.data[i], y = b.data[i], allowed = tolerance_of(got.dtype()) * std::max(floor, std::abs(y));
    const bool close = std::isnan(y) ? std::isnan(x) : x == y || std::abs(x - y) <= allowed;
    ASSERT_TRUE(close) << what << ", element " << i << ": " << x << ", on the processor " << y;
  }
}

/// An op on inputs of certain types, and what the processor makes of it.
struct Case {
  std::string what;
  TileProgram program;
  Tensors inputs;
  double floor;
  int kernel;
};

class Cases {
 public:
  void add(const Op& op, const Tensors& inputs, double floor, const std::string& label) {
    std::string what = std::string(op.name()) + " '" + label + "'";
    for (const Tensor& t : inputs) what += " " + to_string(t.type());
    const TileProgram program = program_of(op, inputs);
    const int kernel = kernels_.add(program);
    EXPECT_GE(kernel, 0) << what << " has no device code";
    all_.push_back({what, program, inputs, floor, kernel});
  }

  /// The sample with its floating inputs in every floating type, its integers in every other type that the op takes.
  void add(const Sample& s) {
    const bool has_floating = any(s.inputs, [](DType d) { return is_floating(d); });
    const bool has_integers = any(s.inputs, [](DType d) { return d == DType::i32; });
    if (s.as_given || (!has_floating && !has_integers)) return add(s.op, s.inputs, s.floor, s.label);
    for (int k = 0; k < 4; ++k) {
      Tensors inputs;
      for (const Tensor& t : s.inputs) {
        if (is_floating(t.dtype()))
          inputs.push_back(cast(t, floating[k]));
        else
          inputs.push_back(t.dtype() == DType::i32 ? cast(t, whole[k]) : t);
      }
      Types types;
      for (const Tensor& t : inputs) types.push_back(t.type());
      try {
        s.op.infer(types);
      } catch (const Error&) {
        continue;  // the op does not take this type
      }
      add(s.op, inputs, s.floor, s.label);
    }
  }

  void check() {
    kernels_.compile();
    if (::testing::Test::HasFatalFailure()) return;
    for (const Case& c : all_) {
      const Tensors got = run(kernels_, c.kernel, c.program, c.inputs);
      expect_close(got[0], apply_all(c.program.code[0].op, c.inputs)[0], c.floor, c.what);
    }
  }

 private:
  static bool any(const Tensors& tensors, bool (*is)(DType)) {
    return std::any_of(tensors.begin(), tensors.end(), [is](const Tensor& t) { return is(t.dtype()); });
  }
  HostKernels kernels_;
  std::vector<Case> all_;
};

template <class... T>
void add_elementwise(Cases& cases, OpList<T...>) {
  const auto add = [&](const harness::SampleList& samples) {
    for (const Sample& s : samples)
      if (s.op.is_elementwise()) cases.add(s);
  };
  (add(harness::Samples<T>::make()), ...);
}

Tensor special(DType d) {
  const double inf = std::numeric_limits<double>::infinity();
  return cast(Tensor::from<double>({9}, {0.0, -0.0, 1.0, -1.0, 2.5, -2.5, inf, -inf, std::nan("")}), d);
}

TEST(TileSource, EveryOpInEveryTypeComputesWhatTheProcessorDoes) {
  Cases cases;
  add_elementwise(cases, AllOps{});
  cases.check();
}

TEST(TileSource, SpecialNumbers) {
  Cases cases;
  const std::vector<Op> unary{Neg{},
                              Abs{},
                              Relu{},
                              Sign{},
                              Floor{},
                              Ceil{},
                              Round{},
                              Exp{},
                              Expm1{},
                              Tanh{},
                              Sigmoid{},
                              Erf{},
                              Sqrt{},
                              Log{},
                              Log1p{},
                              Reciprocal{},
                              IsNan{},
                              IsFinite{},
                              Clip{-1, 2},
                              Softplus{},
                              Clip{-std::numeric_limits<double>::infinity(), 0.1},
                              FillLike{std::nan("")}};
  const std::vector<Op> binary{Add{}, Multiply{}, Divide{},       Power{}, Maximum{},  Minimum{},    FloorDivide{},
                               Mod{}, Less{},     GreaterEqual{}, Equal{}, NotEqual{}, LogicalAnd{}, ReluGradient{}};
  for (const DType d : floating) {
    const Tensor x = special(d), y = apply(ExpandDims{1}, x);
    for (const Op& op : unary) cases.add(op, {x}, 1e-2, "special");
    for (const Op& op : binary) cases.add(op, {x, y}, 1e-2, "special");
  }
  cases.check();
}

TEST(TileSource, CastsBetweenAllTypes) {
  Cases cases;
  const Tensor x = Tensor::from<double>({5}, {0, 1, 2.5, 100.75, 0.25});
  for (const DType from :
       {DType::f32, DType::f64, DType::f16, DType::bf16, DType::i32, DType::i64, DType::u8, DType::boolean})
    for (const DType to :
         {DType::f32, DType::f64, DType::f16, DType::bf16, DType::i32, DType::i64, DType::u8, DType::boolean})
      cases.add(Cast{to}, {cast(x, from)}, 1, "");
  cases.check();
}

/// r0 = a * b, r1 = r0 + c, r2 = r1 > 0; r1 and r2 leave.
TileProgram three_ops(const Shape& shape, const Types& inputs) {
  return {shape, inputs, {{Multiply{}, {0, 1}}, {Add{}, {3, 2}}, {Greater{}, {4, 1}}}, {1, 2}};
}

Tensors on_processor(const Tensors& in) {
  const Tensor sum = in[0] * in[1] + in[2];
  return {sum, sum > in[1]};
}

TEST(TileSource, ProgramsWithOperandsThatBroadcast) {
  // Rows that packs fit and rows that they do not, along every axis, scalars, and what is no tensor at all.
  const std::vector<std::vector<Shape>> cases{{{6, 8}, {6, 8}, {6, 8}},
                                              {{6, 8}, {8}, {}},
                                              {{6, 8}, {6, 1}, {8}},
                                              {{5, 7}, {7}, {5, 1}},
                                              {{4, 3, 8}, {4, 1, 8}, {3, 1}},
                                              {{4, 3, 6}, {4, 1, 6}, {}},
                                              {{2, 3, 4, 5}, {3, 1, 5}, {2, 1, 4, 1}},
                                              {{}, {}, {}},
                                              {{1, 1}, {1}, {}},
                                              {{0, 4}, {4}, {}},
                                              {{7000}, {7000}, {1}},
                                              {{3, 5000}, {3, 1}, {5000}},
                                              {{2, 4, 2, 4}, {2, 1, 2, 1}, {4, 1, 4}}};
  HostKernels kernels;
  std::vector<std::pair<TileProgram, Tensors>> runs;
  std::vector<int> numbers;
  for (const DType d : {DType::f32, DType::f16})
    for (const auto& shapes : cases) {
      Tensors in;
      Types types;
      for (std::size_t k = 0; k < 3; ++k) {
        in.push_back(cast(harness::uniform(shapes[k], -2, 2, static_cast<unsigned>(k)), d));
        types.push_back(in.back().type());
      }
      runs.emplace_back(three_ops(shapes[0], types), in);
      numbers.push_back(kernels.add(runs.back().first));
    }
  kernels.compile();
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto& [program, in] = runs[i];
    const Tensors got = run(kernels, numbers[i], program, in), expected = on_processor(in);
    const std::string what = to_string(in[0].type()) + to_string(in[1].type()) + to_string(in[2].type());
    expect_close(got[0], expected[0], 1, what);
    expect_close(got[1], got[0] > in[1], 0, what);
  }
}

TEST(TileSource, ArraysThatAreNotAlignedAndResultsOverInputs) {
  constexpr std::int64_t n = 3001;
  const Types types(3, Type{DType::f32, {n}});
  const TileProgram program = three_ops({n}, types);
  HostKernels kernels;
  const int kernel = kernels.add(program);
  ASSERT_EQ(kernels.source(kernel).width, 4);
  EXPECT_EQ(kernels.source(kernel).alignments, (std::vector<std::size_t>{16, 16, 16, 16, 4}));
  kernels.compile();
  for (const std::size_t offset : {0u, 1u, 3u}) {
    std::vector<float> memory(3 * n + 16);
    Tensors in;
    TileSegment segment;
    for (std::size_t k = 0; k < 3; ++k) {
      in.push_back(cast(harness::uniform({n}, -2, 2, static_cast<unsigned>(k)), DType::f32));
      float* copy = memory.data() + k * static_cast<std::size_t>(n) + offset;
      std::memcpy(copy, in.back().raw(), in.back().bytes());
      segment.inputs.push_back(copy);
    }
    Tensor above(DType::boolean, {n});
    segment.outputs = {memory.data() + offset, above.mutable_raw()};
    segment.count = n;
    kernels.run(kernel, {&segment, 1});
    Tensor sum(DType::f32, {n});
    std::memcpy(sum.mutable_raw(), memory.data() + offset, sum.bytes());
    expect_close(sum, on_processor(in)[0], 1, "offset " + std::to_string(offset));
    expect_close(above, sum > in[1], 0, "offset " + std::to_string(offset));
  }
}

TEST(TileSource, OneKernelForArraysOfSeveralSizes) {
  const std::vector<std::int64_t> sizes{5000, 3, 1024, 70};
  HostKernels kernels;
  int kernel = -1;
  std::vector<Tensors> in, out;
  std::vector<TileSegment> segments;
  for (const std::int64_t n : sizes) {
    in.push_back({harness::to_dtype(harness::uniform({n}, -2, 2, 1), DType::f32),
                  harness::to_dtype(harness::uniform({n}, -2, 2, 2), DType::f32), Tensor::from<float>({}, {0.25f})});
    const TileProgram p = three_ops({n}, {in.back()[0].type(), in.back()[1].type(), in.back()[2].type()});
    const int number = kernels.add(p, static_cast<int>(sizes.size()));
    EXPECT_TRUE(kernel < 0 || number == kernel) << "the text depends on the size";
    kernel = number;
    out.push_back(results_of(p));
  }
  for (std::size_t k = 0; k < sizes.size(); ++k) segments.push_back(segment_of(in[k], out[k]));
  kernels.compile();
  kernels.run(kernel, segments);
  for (std::size_t k = 0; k < sizes.size(); ++k)
    expect_close(out[k][0], on_processor(in[k])[0], 1, std::to_string(sizes[k]));
}

TEST(TileSource, NoneForSeveralSegmentsThatBroadcast) {
  const TileProgram p = three_ops({4, 6}, {{DType::f32, {4, 6}}, {DType::f32, {6}}, {DType::f32, {}}});
  EXPECT_TRUE(tile_source(p, "kernel"));
  EXPECT_FALSE(tile_source(p, "kernel", 2));
}

/// What a user may write.
struct Cube {
  static constexpr std::string_view name = "cube";
  bool on_gpu;
  Type infer(std::span<const Type> in) const { return in[0]; }
  Values vjp(const Node&, Value) const { return no_gradient(); }
  Tile tile(std::span<const DType>) const {
    const TileFunction loop = [](const void*, const void* const* in, void* out, std::size_t n) {
      const auto* x = static_cast<const float*>(in[0]);
      for (std::size_t i = 0; i < n; ++i) static_cast<float*>(out)[i] = x[i] * x[i] * x[i];
    };
    if (!on_gpu) return {loop, DType::f32};
    return {loop, DType::f32, [](const void*) { return std::string("[](float x) { return x * x * x; }"); }};
  }
};

TEST(TileSource, AnOpOfAUsersOwn) {
  const Tensor x = Tensor::from<float>({5}, {1, -2, 3, 0, 0.5f});
  HostKernels kernels;
  EXPECT_EQ(kernels.add(program_of(Cube{false}, {x})), -1);
  const TileProgram program = program_of(Cube{true}, {x});
  const int kernel = kernels.add(program);
  kernels.compile();
  expect_close(run(kernels, kernel, program, {x})[0], Tensor::from<float>({5}, {1, -8, 27, 0, 0.125f}), 1, "cube");
}

TEST(TileSource, TextDependsOnShapesOnlyWhereOperandsBroadcast) {
  const auto text = [](const Shape& a, const Shape& b) {
    return tile_source(three_ops(a, {{DType::f32, a}, {DType::f32, b}, {DType::f32, {}}}), "kernel")->text;
  };
  EXPECT_EQ(text({4, 6}, {4, 6}), text({100}, {100}));
  EXPECT_EQ(text({4, 6}, {6}), text({32, 6}, {6}));
  EXPECT_NE(text({4, 6}, {6}), text({4, 7}, {7}));
  const auto clip = [](double high) {
    return tile_source(program_of(Clip{0, high}, {Tensor(DType::f32, {3})}), "kernel")->text;
  };
  EXPECT_NE(clip(6), clip(std::nextafter(6.0, 7.0)));
  EXPECT_NE(clip(6).find("strata::fn::Clip{0x0p+0, 0x1.8p+2}"), std::string::npos) << clip(6);
}

TEST(TileSource, LargeArraysHaveLargePositions) {
  const std::int64_t n = std::int64_t{1} << 31;
  const TileProgram p{{n}, {{DType::u8, {n}}}, {{Neg{}, {0}}}, {0}};
  EXPECT_NE(tile_source(p, "kernel")->text.find("using Index = unsigned long long;"), std::string::npos);
}

TEST(TileSource, BlocksAreBounded) {
  const TileProgram p{{8}, {{DType::f32, {8}}}, {{Neg{}, {0}}}, {0}};
  const auto source = tile_source(p, "kernel");
  TileSegment segment{{nullptr}, {nullptr}, 0};
  const auto blocks = [&](std::uint64_t count) {
    segment.count = count;
    return tile_launch(*source, {&segment, 1}, 100).blocks;
  };
  EXPECT_EQ(blocks(0), 0u);
  EXPECT_EQ(blocks(1), 1u);
  EXPECT_EQ(blocks(1024), 1u);
  EXPECT_EQ(blocks(1025), 2u);
  EXPECT_EQ(blocks(std::uint64_t{1} << 40), 100u);
}

}  // namespace
}  // namespace strata
