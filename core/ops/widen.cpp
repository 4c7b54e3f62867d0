#include "core/ops/widen.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <string>

#include "core/kernels/gemm_bf16.h"

namespace strata {

namespace {
bool is_16_bit(const Type& t) { return t.dtype == DType::f16 || t.dtype == DType::bf16; }

std::size_t aligned(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

Signature in_f32(Signature s) {
  for (Types* types : {&s.inputs, &s.outputs})
    for (Type& t : *types)
      if (is_16_bit(t)) t.dtype = DType::f32;
  return s;
}

void to_f32(Cpu& cpu, const Type& type, const void* from, float* to) {
  const auto n = static_cast<std::size_t>(type.shape.elements());
  if (type.dtype == DType::f16)
    cpu.parallel_for(n, [&](std::size_t i) { to[i] = to_float(static_cast<const Half*>(from)[i]); });
  else
    cpu.parallel_for(n, [&](std::size_t i) { to[i] = to_float(static_cast<const BFloat16*>(from)[i]); });
}

void from_f32(Cpu& cpu, const Type& type, const float* from, void* to) {
  const auto n = static_cast<std::size_t>(type.shape.elements());
  if (type.dtype == DType::f16)
    cpu.parallel_for(n, [&](std::size_t i) { static_cast<Half*>(to)[i] = to_half(from[i]); });
  else
    cpu.parallel_for(n, [&](std::size_t i) { static_cast<BFloat16*>(to)[i] = to_bfloat16(from[i]); });
}

/// The user should know why 16 bits are no faster here, once.
void report_missing_bf16_products() {
  static std::atomic_flag said = ATOMIC_FLAG_INIT;
  const std::string lack(kernels::bf16_products_lack());
  if (lack.empty() || said.test_and_set()) return;
  std::fprintf(stderr,
               "strata: %s: products and convolutions of bfloat16 are computed in float32, their results rounded to "
               "bfloat16, which is no faster than float32\n",
               lack.c_str());
}
}  // namespace

bool has_16_bit_floats(const Signature& s) {
  return std::any_of(s.inputs.begin(), s.inputs.end(), is_16_bit) || std::any_of(s.outputs.begin(), s.outputs.end(), is_16_bit);
}

Kernel widened(const Signature& s, const std::function<Kernel(const Signature&)>& prepare_f32) {
  const auto wide = std::make_shared<const Signature>(in_f32(s));
  const auto inner = std::make_shared<const Kernel>(prepare_f32(*wide));
  // Scratch: the inner kernel's, then a copy of each 16-bit array.
  std::vector<std::size_t> offsets;
  std::size_t at = aligned(inner->scratch_bytes);
  for (const Types* types : {&s.inputs, &s.outputs})
    for (const Type& t : *types) {
      offsets.push_back(at);
      if (is_16_bit(t)) at += aligned(static_cast<std::size_t>(t.shape.elements()) * sizeof(float));
    }
  Kernel kernel;
  kernel.scratch_bytes = at;
  kernel.run = [inner, wide, offsets, s](Cpu& cpu, const Buffers& io) {
    std::vector<const void*> in(s.inputs.size());
    std::vector<void*> out(s.outputs.size());
    for (std::size_t i = 0; i < in.size(); ++i) {
      in[i] = io.in_raw()[i];
      if (!is_16_bit(s.inputs[i])) continue;
      auto* copy = reinterpret_cast<float*>(io.scratch() + offsets[i]);
      to_f32(cpu, s.inputs[i], io.in_raw()[i], copy);
      in[i] = copy;
    }
    for (std::size_t j = 0; j < out.size(); ++j)
      out[j] = is_16_bit(s.outputs[j]) ? io.scratch() + offsets[in.size() + j] : static_cast<std::byte*>(io.out_raw()[j]);
    inner->run(cpu, Buffers(*wide, in.data(), out.data(), io.scratch()));
    for (std::size_t j = 0; j < out.size(); ++j)
      if (is_16_bit(s.outputs[j])) from_f32(cpu, s.outputs[j], static_cast<const float*>(out[j]), io.out_raw()[j]);
  };
  return kernel;
}

Kernel widened_product(const Signature& s, const std::function<Kernel(const Signature&)>& prepare_f32) {
  const auto is_bf16 = [](const Type& t) { return t.dtype == DType::bf16; };
  if (std::ranges::any_of(s.inputs, is_bf16)) report_missing_bf16_products();
  return widened(s, prepare_f32);
}

}  // namespace strata
