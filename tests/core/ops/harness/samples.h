#pragma once

// Samples of every op of the library, by family.
#include "tests/core/ops/harness/samples_binary.h"    // IWYU pragma: export
#include "tests/core/ops/harness/samples_conv.h"      // IWYU pragma: export
#include "tests/core/ops/harness/samples_gather.h"    // IWYU pragma: export
#include "tests/core/ops/harness/samples_norm.h"      // IWYU pragma: export
#include "tests/core/ops/harness/samples_pool.h"      // IWYU pragma: export
#include "tests/core/ops/harness/samples_products.h"  // IWYU pragma: export
#include "tests/core/ops/harness/samples_random.h"    // IWYU pragma: export
#include "tests/core/ops/harness/samples_reduce.h"    // IWYU pragma: export
#include "tests/core/ops/harness/samples_resize.h"    // IWYU pragma: export
#include "tests/core/ops/harness/samples_shape.h"     // IWYU pragma: export
#include "tests/core/ops/harness/samples_softmax.h"   // IWYU pragma: export
#include "tests/core/ops/harness/samples_unary.h"     // IWYU pragma: export
