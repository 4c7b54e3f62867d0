#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/device/tensor.h"

namespace strata::data {

/// The array in a `.npy` file of NumPy: format versions 1 to 3, either byte order, C or Fortran order. Element types
/// become the nearest of ours: int8, int16 and uint16 i32; uint32 and uint64 i64 (an error for values beyond it). Error
/// naming the file for other types (complex numbers, texts, Python objects, which would be run as code) and for content
/// that does not have the size that its header says.
STRATA_API Tensor load_npy(const std::string& file);
/// Error for bf16, which NumPy does not have. An existing file stays whole unless the new one is complete.
STRATA_API void save_npy(const std::string& file, const Tensor& array);

/// Arrays by name, in the order of the file.
using NamedArrays = std::vector<std::pair<std::string, Tensor>>;

/// A `.npz` file: a zip archive of `.npy` files, stored or deflated, as numpy.savez and savez_compressed write it.
/// Names are without `.npy`. Errors name the file and the array; a deflated array of more than 64 MiB, and all arrays
/// together beyond 1 GiB, must not be more than 100 times as large as in the file.
STRATA_API NamedArrays load_npz(const std::string& file);
/// The array of that name; error that lists the names there are.
STRATA_API Tensor load_npz(const std::string& file, const std::string& name);
/// Not compressed, as numpy.savez. Error when a name is empty or comes twice.
STRATA_API void save_npz(const std::string& file, const NamedArrays& arrays);

}  // namespace strata::data
