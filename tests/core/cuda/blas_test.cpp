// Matrix products of a GPU against the op's on the processor, in double.
#include "core/cuda/blas.h"

#include "core/base/error.h"
#include "core/ops/matmul.h"
#include "tests/core/cuda/gpu_arrays.h"

namespace strata::cuda {
namespace {
using namespace strata::testing;

class Blas : public WithGpu {};

/// Operands as a problem wants them; several matrices where their stride is not 0.
struct Operands {
  Tensor a, b, bias;
  explicit Operands(const MatMulProblem& p)
      : a(matrices(p, p.stride_a, p.transpose_a ? Shape{p.k, p.m} : Shape{p.m, p.k}, 1)),
        b(matrices(p, p.stride_b, p.transpose_b ? Shape{p.n, p.k} : Shape{p.k, p.n}, 2)),
        bias(noise(p.dtype, {p.n}, 3)) {}

  static Tensor matrices(const MatMulProblem& p, std::int64_t stride, const Shape& matrix, std::uint32_t seed) {
    if (stride == 0) return noise(p.dtype, matrix, seed);
    return noise(p.dtype, {p.batch, matrix[0], matrix[1]}, seed);
  }
};

Tensor expected(const MatMulProblem& p, const Operands& o) {
  Tensor c = matmul(cast(o.a, DType::f64), cast(o.b, DType::f64), {p.transpose_a, p.transpose_b});
  if (p.bias) c = c + cast(o.bias, DType::f64);
  return p.relu ? maximum(c, 0.0) : c;
}

/// What a GPU makes of it, recorded and replayed as well; with what the plan leaves to its caller.
Tensor computed(const MatMulProblem& p, const Operands& o) {
  Cuda& gpu = Cuda::of(0);
  const MatMulPlan plan = MatMulPlan::make(gpu.target(), p);
  const GpuArray a(o.a), b(o.b), bias(o.bias), c(Type{p.dtype, {p.batch, p.m, p.n}}),
      again(Type{p.dtype, {p.batch, p.m, p.n}});
  const Workspace workspace(plan.workspace_bytes());
  {
    const Cuda::Use use(gpu);
    const void* row = p.bias ? bias.data() : nullptr;
    plan.run(gpu, a.data(), b.data(), row, c.data(), workspace.data());
    const Graph graph(gpu.stream(), [&] { plan.run(gpu, a.data(), b.data(), row, again.data(), workspace.data()); });
    graph.launch(gpu.stream());
  }
  EXPECT_TRUE(workspace.intact()) << to_string(p);
  EXPECT_EQ(c.bytes(), again.bytes()) << to_string(p);
  Tensor result = Tensor::from({p.batch, p.m, p.n}, c.values());
  if (plan.applies_epilogue()) return result;
  if (p.bias) result = result + cast(o.bias, DType::f64);
  return p.relu ? maximum(result, 0.0) : result;
}

void check_problem(const MatMulProblem& p) {
  const Operands o(p);
  const Tensor result = computed(p, o);
  expect_close({result.data<double>().begin(), result.data<double>().end()}, expected(p, o), tolerance(p.dtype),
               to_string(p));
}

constexpr std::array floats = {DType::f32, DType::f64, DType::f16, DType::bf16};

TEST_F(Blas, EveryTypeTransposedOrNot) {
  for (const DType dtype : floats)
    for (const bool ta : {false, true})
      for (const bool tb : {false, true})
        for (const auto& [m, n, k] :
             {std::array<std::int64_t, 3>{7, 5, 3}, {1, 33, 64}, {64, 1, 40}, {16, 16, 1}, {48, 72, 128}})
          check_problem({.dtype = dtype, .m = m, .n = n, .k = k, .transpose_a = ta, .transpose_b = tb});
}

TEST_F(Blas, Epilogues) {
  for (const DType dtype : floats)
    for (const bool bias : {false, true})
      for (const bool relu : {false, true})
        check_problem({.dtype = dtype, .m = 24, .n = 40, .k = 16, .transpose_b = true, .bias = bias, .relu = relu});
}

TEST_F(Blas, Batches) {
  for (const DType dtype : floats)
    for (const bool shared_a : {false, true})
      for (const bool shared_b : {false, true}) {
        MatMulProblem p{
            .dtype = dtype, .m = 6, .n = 10, .k = 8, .transpose_a = true, .batch = 3, .bias = true, .relu = true};
        p.stride_a = shared_a ? 0 : p.m * p.k;
        p.stride_b = shared_b ? 0 : p.k * p.n;
        if (shared_a && shared_b) continue;  // the op has no such product
        check_problem(p);
      }
}

TEST_F(Blas, AddressesThatAreNotAlignedAreRefused) {
  Cuda& gpu = Cuda::of(0);
  const MatMulProblem p{.m = 4, .n = 4, .k = 4};
  const MatMulPlan plan = MatMulPlan::make(gpu.target(), p);
  const GpuArray a(noise(DType::f32, {8, 8}, 1));
  const Cuda::Use use(gpu);
  const auto* odd = static_cast<const std::byte*>(a.data()) + 4;
  try {
    plan.run(gpu, odd, a.data(), nullptr, a.data(), nullptr);
    FAIL() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("expected addresses that are multiples of 16"), std::string::npos)
        << error.what();
  }
}

TEST(BlasProblem, HasAText) {
  EXPECT_EQ(to_string(MatMulProblem{.dtype = DType::bf16, .m = 128, .n = 512, .k = 784, .bias = true, .relu = true}),
            "matmul bf16 [128,784] x [784,512] + bias, relu");
  EXPECT_EQ(to_string(MatMulProblem{
                .m = 2, .n = 3, .k = 4, .transpose_a = true, .batch = 5, .stride_a = 8, .tensor_float_32 = true}),
            "matmul f32 5 times [4,2]^T every 8 x [4,3] every 0, tf32");
}

TEST(BlasProblem, ImpossibleOnesAreErrors) {
  const auto message = [](const MatMulProblem& p) -> std::string {
    try {
      check(p);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(message({.m = 2, .n = 3, .k = 4}), "no error");
  EXPECT_EQ(message({.dtype = DType::i32, .m = 2, .n = 3, .k = 4}),
            "[matmul i32 [2,4] x [4,3]] expected f32, f64, f16 or bf16, the products that cuBLASLt has; received i32");
  EXPECT_NE(message({.m = 0, .n = 3, .k = 4}).find("no size below 1"), std::string::npos);
  EXPECT_NE(message({.m = 2, .n = 3, .k = 4, .batch = 2, .stride_a = 7}).find("at least a matrix"), std::string::npos);
}

}  // namespace
}  // namespace strata::cuda
