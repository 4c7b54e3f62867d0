#pragma once

#include "core/ops/arg_reduce.h"  // IWYU pragma: export
#include "core/ops/batch_norm.h"  // IWYU pragma: export
#include "core/ops/binary.h"  // IWYU pragma: export
#include "core/ops/concatenate.h"  // IWYU pragma: export
#include "core/ops/conv2d.h"  // IWYU pragma: export
#include "core/ops/conv3d.h"  // IWYU pragma: export
#include "core/ops/cross_entropy.h"  // IWYU pragma: export
#include "core/ops/fill.h"  // IWYU pragma: export
#include "core/ops/gather.h"  // IWYU pragma: export
#include "core/ops/matmul.h"  // IWYU pragma: export
#include "core/ops/pool.h"  // IWYU pragma: export
#include "core/ops/random.h"  // IWYU pragma: export
#include "core/ops/reduce.h"  // IWYU pragma: export
#include "core/ops/repeat.h"  // IWYU pragma: export
#include "core/ops/reshape.h"  // IWYU pragma: export
#include "core/ops/slice.h"  // IWYU pragma: export
#include "core/ops/softmax.h"  // IWYU pragma: export
#include "core/ops/transpose.h"  // IWYU pragma: export
#include "core/ops/unary.h"  // IWYU pragma: export
