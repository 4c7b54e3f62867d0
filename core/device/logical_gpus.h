#pragma once

namespace strata::cuda {

/// How many devices each GPU is, by STRATA_LOGICAL_GPUS: 1 without it. With 2, gpu:0 and gpu:1 are the first GPU, gpu:2
/// and gpu:3 the second: each with streams, libraries' handles and an account of memory of its own, so that what is
/// meant for several GPUs can be tried on one. Error for anything but 1 to 8. Internal.
int logical_gpus();

}  // namespace strata::cuda
