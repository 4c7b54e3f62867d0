#include "core/ops/random_beta.h"

#include "core/cuda/launch.h"
#include "core/kernels/beta_numbers.h"
#include "core/kernels/random_functions.h"

namespace strata {

namespace {
struct BetaNumber {
  const philox::Signed* state;
  const float *a, *b;
  float* out;
  philox::Word stream;
  STRATA_HD void operator()(std::int64_t i) const {
    out[i] = *a > 0 && *b > 0
                 ? philox::beta_variable(*a, *b, static_cast<philox::Index>(i), philox::stream_of(state, stream))
                 : math::detail::quiet_nan();
  }
};
}  // namespace

std::optional<Kernel> RandomBeta::prepare(const CudaTarget&, const Signature& s) const {
  return Kernel{.run = {},
                .in_place = {},
                .launch = [stream = stream, count = s.outputs[0].shape.elements()](Cuda& gpu, const Buffers& io) {
                  cuda::for_each(gpu, count,
                                 BetaNumber{io.in<std::int64_t>(0).data(), io.in<float>(1).data(),
                                            io.in<float>(2).data(), io.out<float>(0).data(), stream});
                }};
}

}  // namespace strata
