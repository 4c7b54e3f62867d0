// Loops over the random numbers of philox.h, for the host: elements first to first + count - 1 of a
// stream. Element i is the same whatever `first` and `count` are, to the last bit.
#pragma once

#include "core/kernels/philox.h"

namespace strata::philox {

// Words: out[k] = word_at(first + k, s).
void fill_u32(Word* out, Index first, Index count, Stream s);

// Uniform in [0, 1): equal to uniform_at() in every bit.
void fill_uniform(float* out, Index first, Index count, Stream s);
void fill_uniform(double* out, Index first, Index count, Stream s);

// Standard normal: equal to normal_at() up to rounding (at most 1e-6 for float, 1e-14 for double),
// because the compiler may contract products and sums differently there.
void fill_normal(float* out, Index first, Index count, Stream s);
void fill_normal(double* out, Index first, Index count, Stream s);

}  // namespace strata::philox
