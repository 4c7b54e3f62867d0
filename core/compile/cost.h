#pragma once

#include "core/graph/node.h"

namespace strata {

/// What a node is expected to cost, from its types alone.
struct Cost {
  double flops = 0;  ///< a multiplication with its addition counts as two
  double bytes = 0;  ///< read and written, each operand once

  /// Relative time, in bytes: the larger of what the memory and what the arithmetic takes (Williams, Waterman and
  /// Patterson, "Roofline", 2009), for a machine that does ten operations in the time of moving a byte, as processors
  /// with vector units and GPUs without tensor cores do within a factor of two.
  double time() const;
};

/// The multiplications and additions of a product or a convolution, by its definition, however its kernel computes it
/// (a Winograd kernel does fewer); 0 for any other op.
double product_flops(const Node&);

/// Products and convolutions by their formulas, fused chains by their instructions; everything else, ops of a user's
/// own included, counts one operation for each element of its largest operand or result.
Cost estimated_cost(const Node&);

}  // namespace strata
