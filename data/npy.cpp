#include "data/npy.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>

#include "core/base/atomic_file.h"
#include "core/base/zip_archive.h"
#include "data/npy_header.h"

namespace strata::data {

namespace {

namespace fs = std::filesystem;

/// Calls f with the element type of the file.
template <class F>
void dispatch_stored(const NpyHeader& header, F&& f) {
  const auto by_size = [&]<class A, class B, class C, class D>() {
    switch (header.size) {
      case 1:
        return f.template operator()<A>();
      case 2:
        return f.template operator()<B>();
      case 4:
        return f.template operator()<C>();
      default:
        return f.template operator()<D>();
    }
  };
  switch (header.kind) {
    case 'f':
      return by_size.template operator()<Half, Half, float, double>();
    case 'i':
      return by_size.template operator()<std::int8_t, std::int16_t, std::int32_t, std::int64_t>();
    case 'u':
      return by_size.template operator()<std::uint8_t, std::uint16_t, std::uint32_t, std::uint64_t>();
    default:
      return f.template operator()<bool>();
  }
}

DType our_dtype(const NpyHeader& header) {
  if (header.kind == 'b') return DType::boolean;
  if (header.kind == 'f') return header.size == 2 ? DType::f16 : header.size == 4 ? DType::f32 : DType::f64;
  if (header.kind == 'u') return header.size == 1 ? DType::u8 : header.size == 2 ? DType::i32 : DType::i64;
  return header.size == 8 ? DType::i64 : DType::i32;
}

template <class S>
S element(const char* at, bool swapped) {
  char bytes[sizeof(S)];
  std::memcpy(bytes, at, sizeof(S));
  if (swapped) std::reverse(bytes, bytes + sizeof(S));
  if constexpr (std::same_as<S, bool>) return bytes[0] != 0;
  S value;
  std::memcpy(&value, bytes, sizeof(S));
  return value;
}

/// For each row-major position of the array, the position of its element in the file.
class StoredOrder {
 public:
  explicit StoredOrder(const NpyHeader& header) : shape_(header.shape), index_(header.shape.dims().size(), 0) {
    strides_ = row_major_strides(shape_);
    if (!header.fortran_order) return;
    std::int64_t stride = 1;
    for (std::size_t axis = 0; axis < strides_.size(); ++axis) {
      strides_[axis] = stride;
      stride *= shape_[static_cast<std::int64_t>(axis)];
    }
  }
  std::int64_t next() {
    const std::int64_t now = at_;
    for (std::size_t axis = index_.size(); axis-- > 0;) {
      at_ += strides_[axis];
      if (++index_[axis] < shape_[static_cast<std::int64_t>(axis)]) break;
      at_ -= strides_[axis] * index_[axis];
      index_[axis] = 0;
    }
    return now;
  }

 private:
  const Shape& shape_;
  std::vector<std::int64_t> index_, strides_;
  std::int64_t at_ = 0;
};

template <class S, class T>
T converted(S value, const std::string& where) {
  if constexpr (std::same_as<S, std::uint64_t>)
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      fail_expected(where, "values that fit i64", std::to_string(value));
  if constexpr (std::same_as<S, T>)
    return value;
  else
    return static_cast<T>(value);
}

void check_size(const NpyHeader& header, std::size_t stored, const std::string& where) {
  constexpr std::uint64_t most = std::uint64_t{1} << 62;
  std::uint64_t bytes = header.size;
  bool is_empty = false;
  for (const std::int64_t d : header.shape) {
    const auto size = static_cast<std::uint64_t>(d);
    if (size == 0) is_empty = true;
    if (size > 0 && bytes > most / size)
      fail_expected(where, "a size that can be", "the shape " + to_string(header.shape));
    if (size > 0) bytes *= size;
  }
  if ((is_empty ? 0 : bytes) != stored)
    fail_expected(where, "content for the shape " + to_string(header.shape),
                  std::to_string(stored) + " bytes of elements");
}

Tensor parse_npy(std::string_view content, const std::string& where) {
  const NpyHeader header = parse_npy_header(content, where);
  const std::string_view elements = content.substr(header.header_bytes);
  check_size(header, elements.size(), where);
  Tensor array(our_dtype(header), header.shape, Device{});
  const bool swapped = header.order == '>';
  const bool same_elements =
      size_of(array.dtype()) == header.size && header.kind != 'b' && (header.kind != 'u' || header.size == 1);
  if (same_elements && !swapped && !header.fortran_order) {
    if (!elements.empty()) std::memcpy(array.mutable_raw(), elements.data(), elements.size());
    return array;
  }
  dispatch_stored(header, [&]<class S>() {
    using T = std::conditional_t<
        (std::same_as<S, std::int8_t> || std::same_as<S, std::int16_t> || std::same_as<S, std::uint16_t>), std::int32_t,
        std::conditional_t<(std::same_as<S, std::uint32_t> || std::same_as<S, std::uint64_t>), std::int64_t, S>>;
    StoredOrder order(header);
    for (T& to : array.mutable_data<T>())
      to = converted<S, T>(element<S>(elements.data() + static_cast<std::size_t>(order.next()) * sizeof(S), swapped),
                           where);
  });
  return array;
}

std::string_view descr_of(const Tensor& array, const std::string& where) {
  if (!array.defined()) fail_expected(where, "an array", "an empty tensor");
  switch (array.dtype()) {
    case DType::f32:
      return "<f4";
    case DType::f64:
      return "<f8";
    case DType::f16:
      return "<f2";
    case DType::i32:
      return "<i4";
    case DType::i64:
      return "<i8";
    case DType::u8:
      return "|u1";
    case DType::boolean:
      return "|b1";
    case DType::bf16:
      break;
  }
  fail_expected(where, "an element type that NumPy has (cast to f32)", "bf16");
}

std::string written(const Tensor& array, const std::string& where) {
  std::string content = npy_header(descr_of(array, where), array.shape());
  const Tensor here = array.on_host();
  content.append(reinterpret_cast<const char*>(here.raw()), here.bytes());
  return content;
}

std::string whole_content(const std::string& file) {
  std::error_code status;
  const auto size = fs::file_size(file, status);
  if (status) throw Error(file, "cannot be read: " + status.message());
  std::string content;
  try {
    content.resize(size);
  } catch (const std::exception&) {  // bad_alloc, or a length that no string has
    throw Error(file, "cannot be read: its " + std::to_string(size) + " bytes do not fit in memory");
  }
  std::ifstream in(file, std::ios::binary);
  if (!in.read(content.data(), static_cast<std::streamsize>(size))) throw Error(file, "cannot be read");
  return content;
}

/// Each member has a limit of its own; thousands that are just within it are no archive of data, either.
void check_total(const ZipReader& archive, const std::string& file) {
  constexpr std::uint64_t always_allowed = std::uint64_t{1} << 30;
  const std::uint64_t stored = fs::file_size(file);
  std::uint64_t total = 0;
  for (const ZipReader::Member& member : archive.members()) {
    if (member.size > std::numeric_limits<std::uint64_t>::max() - total) throw Error(file, "declares absurd sizes");
    total += member.size;
  }
  if (total > always_allowed && total / ZipReader::most_inflated > stored)
    throw Error(file, "declares arrays of " + std::to_string(total) + " bytes in " + std::to_string(stored) +
                          ", more than " + std::to_string(ZipReader::most_inflated) +
                          " times as many, which is refused");
}

/// "x" of the member "x.npy".
std::string array_name(const std::string& member) {
  return member.ends_with(".npy") ? member.substr(0, member.size() - 4) : member;
}

Tensor read_member(const ZipReader& archive, const std::string& file, const std::string& member) {
  return parse_npy(archive.read(member, std::numeric_limits<std::uint64_t>::max()), file + ":" + member);
}

}  // namespace

Tensor load_npy(const std::string& file) { return parse_npy(whole_content(file), file); }

void save_npy(const std::string& file, const Tensor& array) {
  const std::string_view descr = descr_of(array, file);
  AtomicFile target(file);
  target.write(npy_header(descr, array.shape()));
  const Tensor here = array.on_host();
  target.write(std::span(here.raw(), here.bytes()));
  target.commit();
}

NamedArrays load_npz(const std::string& file) {
  const auto archive = ZipReader::open(file);
  check_total(*archive, file);
  NamedArrays arrays;
  for (const ZipReader::Member& member : archive->members())
    arrays.emplace_back(array_name(member.name), read_member(*archive, file, member.name));
  return arrays;
}

Tensor load_npz(const std::string& file, const std::string& name) {
  const auto archive = ZipReader::open(file);
  std::string there;
  for (const ZipReader::Member& member : archive->members()) {
    if (array_name(member.name) == name) return read_member(*archive, file, member.name);
    there += (there.empty() ? "'" : ", '") + array_name(member.name) + "'";
  }
  throw Error(file, "there is no array '" + name + "'; there are: " + there);
}

void save_npz(const std::string& file, const NamedArrays& arrays) {
  std::vector<std::string> contents;
  std::vector<ZipContent> members;
  contents.reserve(arrays.size());  // members refer to them
  for (const auto& [name, array] : arrays) {
    if (name.empty()) fail_expected(file, "a name for each array", "an empty one");
    for (const ZipContent& earlier : members)
      if (earlier.name == name + ".npy") throw Error(file, "cannot be written: two arrays are named '" + name + "'");
    contents.push_back(written(array, file + ":" + name));
    members.push_back({name + ".npy", contents.back()});
  }
  AtomicFile target(file);
  write_zip(target.temporary(), members);
  target.commit();
}

}  // namespace strata::data
