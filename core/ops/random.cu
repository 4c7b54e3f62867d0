#include "core/ops/random.h"

#include "core/cuda/element_types.h"
#include "core/cuda/launch.h"
#include "core/kernels/random_functions.h"
#include "core/ops/dropout_common.h"
#include "core/ops/fill.h"

namespace strata {

namespace {
/// The state lies in the GPU's memory: a replayed step reads what the step before left there.
template <class Draw>
Kernel drawing(std::uint32_t stream, double shift, double scale) {
  return {.run = {}, .in_place = {}, .launch = [=](Cuda& gpu, const Buffers& io) {
            cuda::dispatch_floating(io.out_type(0).dtype, [&]<class T>() {
              using Blocks = philox::FillBlocks<T, Draw>;
              const auto count = static_cast<philox::Index>(io.out_type(0).shape.elements());
              cuda::for_each(gpu, static_cast<std::int64_t>(Blocks::blocks(count)),
                             Blocks{io.out<T>(0).data(), count, io.in<std::int64_t>(0).data(), stream, shift, scale});
            });
          }};
}
}  // namespace

std::optional<Kernel> RandomUniform::prepare(const CudaTarget&, const Signature&) const {
  return drawing<philox::DrawUniform>(stream, low, high - low);
}
std::optional<Kernel> RandomNormal::prepare(const CudaTarget&, const Signature&) const {
  return drawing<philox::DrawNormal>(stream, mean, stddev);
}
std::optional<Kernel> TruncatedNormal::prepare(const CudaTarget&, const Signature&) const {
  return drawing<philox::DrawTruncatedNormal>(stream, mean, stddev);
}

std::optional<Kernel> RandomInt::prepare(const CudaTarget&, const Signature&) const {
  const auto range = static_cast<philox::Index>(high) - static_cast<philox::Index>(low);
  return Kernel{.run = {}, .in_place = {}, .launch = [range, low = low, stream = stream](Cuda& gpu, const Buffers& io) {
                  const auto draw = [&]<class T>(T) {
                    using Blocks = philox::IntegerBlocks<T>;
                    const auto count = static_cast<philox::Index>(io.out_type(0).shape.elements());
                    cuda::for_each(
                        gpu, static_cast<std::int64_t>(Blocks::blocks(count)),
                        Blocks{io.out<T>(0).data(), count, io.in<std::int64_t>(0).data(), stream, low, range});
                  };
                  if (io.out_type(0).dtype == DType::i64) return draw(std::int64_t{});
                  if (io.out_type(0).dtype == DType::u8) return draw(std::uint8_t{});
                  draw(std::int32_t{});
                }};
}

namespace {
/// Dropout where elements share their choices: the word of an element is that of its place in the noise.
template <class T>
struct DropTogether {
  static constexpr int most_axes = 8;
  const T* x;
  T* y;
  const philox::Signed* state;
  philox::Word stream;
  philox::Keep keep;
  int axes;
  std::int64_t sizes[most_axes], strides[most_axes];  // of x's axes; strides in the noise, 0 where it repeats

  STRATA_HD void operator()(std::int64_t i) const {
    std::int64_t rest = i, at = 0;
    for (int axis = axes - 1; axis >= 0; --axis) {
      at += rest % sizes[axis] * strides[axis];
      rest /= sizes[axis];
    }
    const philox::Word w = philox::word_at(static_cast<philox::Index>(at), philox::stream_of(state, stream));
    y[i] = philox::kept_or_zero(keep(w), x[i], static_cast<tiles::Arithmetic<T>>(keep.scale));
  }
};

template <class T>
void drop_together(Cuda& gpu, const Buffers& io, philox::Keep keep, philox::Word stream, const Shape& noise) {
  const Shape& shape = io.in_type(0).shape;
  DropTogether<T> body{
      io.in<T>(0).data(), io.out<T>(0).data(), io.in<std::int64_t>(1).data(), stream, keep, shape.rank(), {}, {}};
  const auto strides = row_major_strides(noise);
  for (int axis = 0; axis < shape.rank(); ++axis) {
    body.sizes[axis] = shape[axis];
    body.strides[axis] = noise[axis] == 1 ? 0 : strides[static_cast<std::size_t>(axis)];
  }
  cuda::for_each(gpu, shape.elements(), body);
}

template <class T>
void drop_elements(Cuda& gpu, const Buffers& io, philox::Keep keep, philox::Word stream) {
  using Drop = philox::DropoutBlocks<T>;
  const auto count = static_cast<philox::Index>(io.in_type(0).shape.elements());
  cuda::for_each(gpu, static_cast<std::int64_t>(Drop::blocks(count)),
                 Drop{io.in<T>(0).data(), io.out<T>(0).data(), count, io.in<std::int64_t>(1).data(), stream, keep});
}
}  // namespace

std::optional<Kernel> Dropout::prepare(const CudaTarget&, const Signature& s) const {
  const DropoutPlan plan = dropout_plan(*this, s.inputs[0].shape);
  if (plan.together && s.inputs[0].shape.rank() > DropTogether<float>::most_axes) return std::nullopt;
  return Kernel{.run = {}, .in_place = {{0, 0}}, .launch = [plan, number = stream](Cuda& gpu, const Buffers& io) {
                  cuda::dispatch_floating(io.in_type(0).dtype, [&]<class T>() {
                    if (plan.together)
                      drop_together<T>(gpu, io, plan.keep, number, plan.noise);
                    else
                      drop_elements<T>(gpu, io, plan.keep, number);
                  });
                }};
}

namespace {
template <class T>
struct RangeElement {
  T* y;
  double start, step;
  STRATA_HD void operator()(std::int64_t i) const { y[i] = tiles::store<T>(start + step * static_cast<double>(i)); }
};
}  // namespace

std::optional<Kernel> Range::prepare(const CudaTarget&, const Signature&) const {
  return Kernel{.run = {}, .in_place = {}, .launch = [op = *this](Cuda& gpu, const Buffers& io) {
                  dispatch(op.dtype, [&]<class T>() {
                    cuda::for_each(gpu, op.count, RangeElement<T>{io.out<T>(0).data(), op.start, op.step});
                  });
                }};
}

}  // namespace strata
