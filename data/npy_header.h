#pragma once

#include <string>
#include <string_view>

#include "core/base/shape.h"

namespace strata::data {

/// What a `.npy` header says (numpy/lib/format.py, the format's specification): the bytes "\x93NUMPY", the version, the
/// length of the text as 2 (version 1) or 4 bytes, and the text, a Python dictionary of descr, fortran_order and shape.
struct NpyHeader {
  char order = '<';      ///< '<' or '|': little endian, '>': big endian
  char kind = 'f';       ///< 'f', 'i', 'u', 'b' as NumPy names them
  std::size_t size = 4;  ///< bytes of one element
  bool fortran_order = false;
  Shape shape;
  std::size_t header_bytes = 0;  ///< where the elements begin
};

/// Error naming `where` for anything else.
NpyHeader parse_npy_header(std::string_view content, const std::string& where);
/// Version 1, padded so that the elements begin at a multiple of 64. `descr` as NumPy writes it: "<f4".
std::string npy_header(std::string_view descr, const Shape& shape);

}  // namespace strata::data
