#include "core/cuda/blas.h"

#include <cublasLt.h>

#include <array>
#include <map>
#include <mutex>

#include "core/base/error.h"
#include "core/cuda/alignment.h"
#include "core/device/shared_library.h"

namespace strata::cuda {

namespace {
/// The functions of cuBLASLt that we call, loaded at first use.
struct Functions {
  SharedLibrary library = SharedLibrary::open(cuda_libraries::cublas_lt());
  template <class F>
  F* load(const char* name) const {
    if (!library.loaded()) throw Error("cuBLASLt", library.problem());
    return library.symbol<F>(name);
  }
  decltype(cublasLtCreate)* create = load<decltype(cublasLtCreate)>("cublasLtCreate");
  decltype(cublasLtGetStatusString)* status_string = load<decltype(cublasLtGetStatusString)>("cublasLtGetStatusString");
  decltype(cublasLtMatmul)* matmul = load<decltype(cublasLtMatmul)>("cublasLtMatmul");
  decltype(cublasLtMatmulAlgoGetHeuristic)* heuristic =
      load<decltype(cublasLtMatmulAlgoGetHeuristic)>("cublasLtMatmulAlgoGetHeuristic");
  decltype(cublasLtMatmulDescCreate)* create_product =
      load<decltype(cublasLtMatmulDescCreate)>("cublasLtMatmulDescCreate");
  decltype(cublasLtMatmulDescDestroy)* destroy_product =
      load<decltype(cublasLtMatmulDescDestroy)>("cublasLtMatmulDescDestroy");
  decltype(cublasLtMatmulDescSetAttribute)* set_product =
      load<decltype(cublasLtMatmulDescSetAttribute)>("cublasLtMatmulDescSetAttribute");
  decltype(cublasLtMatrixLayoutCreate)* create_layout =
      load<decltype(cublasLtMatrixLayoutCreate)>("cublasLtMatrixLayoutCreate");
  decltype(cublasLtMatrixLayoutDestroy)* destroy_layout =
      load<decltype(cublasLtMatrixLayoutDestroy)>("cublasLtMatrixLayoutDestroy");
  decltype(cublasLtMatrixLayoutSetAttribute)* set_layout =
      load<decltype(cublasLtMatrixLayoutSetAttribute)>("cublasLtMatrixLayoutSetAttribute");
  decltype(cublasLtMatmulPreferenceCreate)* create_preference =
      load<decltype(cublasLtMatmulPreferenceCreate)>("cublasLtMatmulPreferenceCreate");
  decltype(cublasLtMatmulPreferenceDestroy)* destroy_preference =
      load<decltype(cublasLtMatmulPreferenceDestroy)>("cublasLtMatmulPreferenceDestroy");
  decltype(cublasLtMatmulPreferenceSetAttribute)* set_preference =
      load<decltype(cublasLtMatmulPreferenceSetAttribute)>("cublasLtMatmulPreferenceSetAttribute");
};
const Functions& lt() {
  static const auto& functions = *new Functions;  // never unloaded, as CUDA's libraries want it
  return functions;
}

void expect(cublasStatus_t status, const std::string& where, const char* what) {
  if (status != CUBLAS_STATUS_SUCCESS)
    throw Error(where, std::string("cuBLASLt failed to ") + what + ": " + lt().status_string(status));
}

/// cuBLASLt's handle of a device. Lives as long as the process, as Cuda does.
struct Handle {
  explicit Handle(Cuda& gpu) { expect(lt().create(&handle), "gpu:" + std::to_string(gpu.device()), "create a handle"); }
  cublasLtHandle_t handle = nullptr;
};

template <class T>
using Owned = std::shared_ptr<std::remove_pointer_t<T>>;

constexpr std::size_t workspace_limit = std::size_t{32}
                                        << 20;  // what NVIDIA advises for Hopper; the plan takes what it needs

struct Types {
  cudaDataType_t data, scale;
  cublasComputeType_t sums;
};
Types types_of(const MatMulProblem& p) {
  switch (p.dtype) {
    case DType::f64:
      return {CUDA_R_64F, CUDA_R_64F, CUBLAS_COMPUTE_64F};
    case DType::f16:
      return {CUDA_R_16F, CUDA_R_32F, CUBLAS_COMPUTE_32F};
    case DType::bf16:
      return {CUDA_R_16BF, CUDA_R_32F, CUBLAS_COMPUTE_32F};
    default:
      return {CUDA_R_32F, CUDA_R_32F, p.tensor_float_32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F};
  }
}
}  // namespace

/// cuBLASLt counts columns first: it is asked for C^T [n,m] = op(B)^T op(A)^T, whose operands are the same memory.
struct MatMulPlan::Body {
  MatMulProblem problem;
  std::string where;
  bool epilogue;
  Types types;
  Owned<cublasLtMatmulDesc_t> product;
  Owned<cublasLtMatrixLayout_t> a, b, c;
  cublasLtMatmulHeuristicResult_t choice{};

  Body(const MatMulProblem& p, bool with_epilogue)
      : problem(p), where(to_string(p)), epilogue(with_epilogue), types(types_of(p)) {
    cublasLtMatmulDesc_t made = nullptr;
    expect(lt().create_product(&made, types.sums, types.scale), where, "describe the product");
    product = {made, lt().destroy_product};
    set(CUBLASLT_MATMUL_DESC_TRANSA, p.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N);
    set(CUBLASLT_MATMUL_DESC_TRANSB, p.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N);
    if (epilogue && (p.bias || p.relu))
      set(CUBLASLT_MATMUL_DESC_EPILOGUE, p.bias && p.relu ? CUBLASLT_EPILOGUE_RELU_BIAS
                                         : p.bias         ? CUBLASLT_EPILOGUE_BIAS
                                                          : CUBLASLT_EPILOGUE_RELU);
    a = layout(p.transpose_a ? p.k : p.m, p.transpose_a ? p.m : p.k, p.stride_a);
    b = layout(p.transpose_b ? p.n : p.k, p.transpose_b ? p.k : p.n, p.stride_b);
    c = layout(p.m, p.n, p.m * p.n);
  }

  template <class T>
  void set(cublasLtMatmulDescAttributes_t name, T value) const {
    expect(lt().set_product(product.get(), name, &value, sizeof value), where, "describe the product");
  }

  /// A row-major [rows, columns], which is a column-major [columns, rows].
  Owned<cublasLtMatrixLayout_t> layout(std::int64_t rows, std::int64_t columns, std::int64_t stride) const {
    cublasLtMatrixLayout_t made = nullptr;
    expect(lt().create_layout(&made, types.data, static_cast<std::uint64_t>(columns), static_cast<std::uint64_t>(rows),
                              columns),
           where, "describe an operand");
    Owned<cublasLtMatrixLayout_t> owned{made, lt().destroy_layout};
    const auto count = static_cast<std::int32_t>(problem.batch);
    expect(lt().set_layout(made, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof count), where,
           "describe an operand");
    expect(lt().set_layout(made, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride, sizeof stride), where,
           "describe an operand");
    return owned;
  }

  /// False when cuBLASLt has no way to do it.
  bool find_way(cublasLtHandle_t handle) {
    cublasLtMatmulPreference_t made = nullptr;
    expect(lt().create_preference(&made), where, "state preferences");
    const Owned<cublasLtMatmulPreference_t> preference{made, lt().destroy_preference};
    const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t name, auto value) {
      expect(lt().set_preference(made, name, &value, sizeof value), where, "state preferences");
    };
    prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, workspace_limit);
    // Partial sums of 16-bit products stay in f32.
    prefer(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
           static_cast<std::uint32_t>(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
    for (const auto operand : {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
                               CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES})
      prefer(operand, static_cast<std::uint32_t>(operand_alignment));
    // The heuristics want to see some address of a bias.
    if (epilogue && problem.bias)
      set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, reinterpret_cast<const void*>(operand_alignment));
    int found = 0;
    const cublasStatus_t status =
        lt().heuristic(handle, product.get(), b.get(), a.get(), c.get(), c.get(), made, 1, &choice, &found);
    if (status == CUBLAS_STATUS_NOT_SUPPORTED) return false;
    expect(status, where, "look for a way");
    return found > 0 && choice.state == CUBLAS_STATUS_SUCCESS;
  }
};

namespace {
std::shared_ptr<const MatMulPlan::Body> solve(Cuda& gpu, const MatMulProblem& p) {
  const Cuda::Use use(gpu);
  const cublasLtHandle_t handle = gpu.library<Handle>().handle;
  for (const bool epilogue : {true, false}) {
    if (!epilogue && !p.bias && !p.relu) break;
    const auto body = std::make_shared<MatMulPlan::Body>(p, epilogue);
    if (body->find_way(handle)) return body;
  }
  throw Error(to_string(p), "cuBLASLt has no way to do it on " + gpu.properties().name);
}
}  // namespace

MatMulPlan MatMulPlan::make(const CudaTarget& target, const MatMulProblem& p) {
  check(p);
  static auto& mutex = *new std::mutex;  // never destroyed: cuBLASLt may be gone before our statics are
  static auto& known = *new std::map<std::pair<int, std::string>, std::shared_ptr<const Body>>;
  const std::pair key(target.device, to_string(p));
  {
    const std::lock_guard lock(mutex);
    if (const auto at = known.find(key); at != known.end()) return MatMulPlan(at->second);
  }
  auto body = solve(Cuda::of(target.device), p);  // another thread may do the same meanwhile, to no harm
  const std::lock_guard lock(mutex);
  return MatMulPlan(known.emplace(key, std::move(body)).first->second);
}

std::size_t MatMulPlan::workspace_bytes() const { return body_->choice.workspaceSize; }
bool MatMulPlan::applies_epilogue() const { return body_->epilogue; }

void MatMulPlan::run(Cuda& gpu, const void* a, const void* b, const void* bias, void* c, void* workspace) const {
  const Body& plan = *body_;
  expect_aligned(plan.where, std::array{a, b, bias, static_cast<const void*>(c)});
  // The bias' address is part of the description, which calls share: Cuda::Use keeps them apart.
  if (plan.epilogue && plan.problem.bias) plan.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
  const float one = 1, zero = 0;
  const double wide_one = 1, wide_zero = 0;
  const bool wide = plan.problem.dtype == DType::f64;
  expect(
      lt().matmul(gpu.library<Handle>().handle, plan.product.get(), wide ? static_cast<const void*>(&wide_one) : &one,
                  b, plan.b.get(), a, plan.a.get(), wide ? static_cast<const void*>(&wide_zero) : &zero, c,
                  plan.c.get(), c, plan.c.get(), &plan.choice.algo, workspace, plan.choice.workspaceSize,
                  static_cast<cudaStream_t>(gpu.stream().handle())),
      plan.where, "multiply");
}

}  // namespace strata::cuda
