// Element types of HDF5 files and ours.
#include <cmath>
#include <concepts>
#include <limits>

#include "models/saving/hdf5_impl.h"

namespace strata::hdf5 {

namespace {

Handle copy_of(hid_t type) { return {H5Tcopy(type), H5Tclose}; }

// IEEE 754 binary16, as h5py makes it: sign at bit 15, 5 bits of exponent, 10 of mantissa.
Handle half_type() {
  Handle type = copy_of(H5T_IEEE_F32LE);
  H5Tset_fields(type.get(), 15, 10, 5, 0, 10);
  H5Tset_size(type.get(), 2);
  H5Tset_ebias(type.get(), 15);
  return type;
}

// NumPy's bool in h5py: an 8-bit enumeration.
Handle bool_type() {
  Handle type(H5Tenum_create(H5T_STD_I8LE), H5Tclose);
  const signed char no = 0, yes = 1;
  H5Tenum_insert(type.get(), "FALSE", &no);
  H5Tenum_insert(type.get(), "TRUE", &yes);
  return type;
}

Handle bfloat16_type() { return {H5Tcreate(H5T_OPAQUE, 2), H5Tclose}; }

DType float_dtype(hid_t type) {
  const std::size_t size = H5Tget_size(type);
  if (size == 2) {
    const Handle half = half_type();
    const Handle little = copy_of(type);
    H5Tset_order(little.get(), H5T_ORDER_LE);
    if (H5Tequal(little.get(), half.get()) > 0) return DType::f16;
  }
  return size <= 4 ? DType::f32 : DType::f64;
}

DType integer_dtype(hid_t type) {
  const std::size_t size = H5Tget_size(type);
  const bool is_signed = H5Tget_sign(type) == H5T_SGN_2;
  if (size == 1 && !is_signed) return DType::u8;
  if (size < 4 || (size == 4 && is_signed)) return DType::i32;
  return DType::i64;
}

bool is_bool(hid_t type) {
  if (H5Tget_size(type) != 1 || H5Tget_nmembers(type) != 2) return false;
  return H5Tget_member_index(type, "FALSE") >= 0 && H5Tget_member_index(type, "TRUE") >= 0;
}

template <class T>
double number(T v) {
  if constexpr (std::same_as<T, Half> || std::same_as<T, BFloat16>)
    return to_float(v);
  else
    return static_cast<double>(v);
}

template <class T>
T from_number(double v) {
  if constexpr (std::same_as<T, Half>)
    return to_half(static_cast<float>(v));
  else if constexpr (std::same_as<T, BFloat16>)
    return to_bfloat16(static_cast<float>(v));
  else if constexpr (std::same_as<T, bool>)
    return v != 0;
  else if constexpr (std::integral<T>)  // numbers beyond T, and NaN, may come from a file
    return std::isnan(v) ? 0
           : v >= static_cast<double>(std::numeric_limits<T>::max()) ? std::numeric_limits<T>::max()
           : v <= static_cast<double>(std::numeric_limits<T>::min()) ? std::numeric_limits<T>::min()
                                                                     : static_cast<T>(v);
  else
    return static_cast<T>(v);
}

}  // namespace

Handle memory_type(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return copy_of(H5T_NATIVE_FLOAT);
    case DType::f64:
      return copy_of(H5T_NATIVE_DOUBLE);
    case DType::f16:
      return half_type();
    case DType::bf16:
      return bfloat16_type();
    case DType::i32:
      return copy_of(H5T_NATIVE_INT32);
    case DType::i64:
      return copy_of(H5T_NATIVE_INT64);
    case DType::u8:
      return copy_of(H5T_NATIVE_UINT8);
    case DType::boolean:
      break;
  }
  return bool_type();
}

Handle file_type(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return copy_of(H5T_IEEE_F32LE);
    case DType::f64:
      return copy_of(H5T_IEEE_F64LE);
    case DType::f16:
      return half_type();
    case DType::bf16:
      return bfloat16_type();
    case DType::i32:
      return copy_of(H5T_STD_I32LE);
    case DType::i64:
      return copy_of(H5T_STD_I64LE);
    case DType::u8:
      return copy_of(H5T_STD_U8LE);
    case DType::boolean:
      break;
  }
  return bool_type();
}

std::optional<StoredType> stored_type(hid_t type, const std::string& named) {
  switch (H5Tget_class(type)) {
    case H5T_FLOAT:
      return StoredType{float_dtype(type), false};
    case H5T_INTEGER:
      return StoredType{integer_dtype(type), false};
    case H5T_ENUM:
      if (is_bool(type)) return StoredType{DType::boolean, true};
      break;
    case H5T_OPAQUE:
      if (H5Tget_size(type) == 2 && named == "bfloat16") return StoredType{DType::bf16, true};
      break;
    default:
      break;
  }
  return std::nullopt;
}

std::string type_name(hid_t type, const std::string& named) {
  const std::string bits = std::to_string(8 * H5Tget_size(type));
  switch (H5Tget_class(type)) {
    case H5T_FLOAT:
      return "float" + bits;
    case H5T_INTEGER:
      return (H5Tget_sign(type) == H5T_SGN_2 ? "int" : "uint") + bits;
    case H5T_ENUM:
      return is_bool(type) ? "bool" : "enum";
    case H5T_OPAQUE:
      return named.empty() ? "opaque" : named;
    case H5T_STRING:
      return "text";
    case H5T_COMPOUND:
      return "compound";
    default:
      return "other";
  }
}

Tensor convert_elements(const Tensor& from, DType to) {
  Tensor result(to, from.shape(), Device{});
  dispatch(from.dtype(), [&]<class F>() {
    dispatch(to, [&]<class T>() {
      const std::span<const F> in = from.data<F>();
      const std::span<T> out = result.mutable_data<T>();
      for (std::size_t i = 0; i < in.size(); ++i) out[i] = from_number<T>(number(in[i]));
    });
  });
  return result;
}

}  // namespace strata::hdf5
