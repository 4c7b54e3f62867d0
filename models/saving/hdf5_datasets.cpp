// Groups and data sets of HDF5 files.
#include <algorithm>
#include <limits>

#include "core/base/error.h"
#include "models/saving/hdf5_impl.h"

namespace strata::hdf5 {

Shape File::shape_of(hid_t space, const std::string& object) const {
  const H5S_class_t kind = H5Sget_simple_extent_type(space);
  if (kind == H5S_SCALAR) return {};
  const int rank = H5Sget_simple_extent_ndims(space);
  if (kind != H5S_SIMPLE || rank < 0) fail(object, "has no data");
  std::vector<hsize_t> dims(static_cast<std::size_t>(rank));
  H5Sget_simple_extent_dims(space, dims.data(), nullptr);
  Shape shape;
  for (const hsize_t d : dims) {
    if (d > static_cast<hsize_t>(std::numeric_limits<std::int64_t>::max())) fail(object, "declares an absurd size");
    shape.push_back(static_cast<std::int64_t>(d));
  }
  return shape;
}

void File::check_storage(hid_t dataset, hid_t type, const Shape& shape, const std::string& path) const {
  const Handle properties = checked(H5Dget_create_plist(dataset), H5Pclose, path, "has no properties");
  const H5D_layout_t layout = H5Pget_layout(properties.get());
  if (layout == H5D_VIRTUAL) fail(path, "is a virtual data set, which is refused");
  if (layout == H5D_CONTIGUOUS && H5Pget_external_count(properties.get()) > 0)
    fail(path, "keeps its data in other files, which is refused");
  std::uint64_t declared = H5Tget_size(type);
  for (const std::int64_t d : shape) {  // a size of zero does not excuse absurd ones beside it
    const auto size = static_cast<std::uint64_t>(std::max<std::int64_t>(d, 1));
    if (declared > std::numeric_limits<std::int64_t>::max() / size)
      fail(path, "declares an absurd size, " + to_string(shape));
    declared *= size;
  }
  if (shape.elements() == 0) return;
  const std::string tells = "declares " + std::to_string(declared) + " bytes, more than the file can hold";
  if (layout != H5D_CHUNKED && declared > bytes_) fail(path, tells);
  // Compressed data may be larger than the file. The bound is the one Keras sets.
  const std::uint64_t stored = H5Dget_storage_size(dataset);
  if (declared > (std::uint64_t{4} << 30) && declared / 1000 > stored) fail(path, tells);
}

void File::make_parents(const std::string& path) const {
  const std::size_t end = path.rfind('/');
  if (end == std::string::npos || end == 0) return;
  const std::string parent = path.substr(0, end);
  if (exists(parent)) return;
  make_parents(parent);
  const Handle properties(H5Pcreate(H5P_GROUP_CREATE), H5Pclose);
  H5Pset_obj_track_times(properties.get(), false);
  const Handle group(H5Gcreate2(file_.get(), parent.c_str(), H5P_DEFAULT, properties.get(), H5P_DEFAULT), H5Gclose);
  if (!group.valid()) fail_hdf5(parent, "cannot be made");
}

std::string File::opaque_name(hid_t dataset, hid_t type, const std::string& path) const {
  if (H5Tget_class(type) != H5T_OPAQUE || H5Aexists(dataset, "dtype") <= 0) return {};
  return texts(path, "dtype", true).front();
}

StoredType File::element_type(hid_t dataset, hid_t type, const std::string& path) const {
  const auto stored = stored_type(type, opaque_name(dataset, type, path));
  if (!stored) fail(path, "has elements that are neither numbers, nor booleans, nor marked as bfloat16");
  return *stored;
}

bool File::has_group(const std::string& path) const {
  const Session session;
  return exists(path) && H5Iget_type(open_object(path).get()) == H5I_GROUP;
}

bool File::has_dataset(const std::string& path) const {
  const Session session;
  return exists(path) && H5Iget_type(open_object(path).get()) == H5I_DATASET;
}

std::vector<std::string> File::children(const std::string& group) const {
  const Session session;
  const Handle object = open_object(group);
  if (H5Iget_type(object.get()) != H5I_GROUP) fail(group, "is not a group");
  std::vector<std::string> names;
  // One walk: asking for each name by its number would walk the group anew each time.
  const auto add = [](hid_t, const char* name, const H5L_info_t*, void* to) -> herr_t {
    try {
      static_cast<std::vector<std::string>*>(to)->emplace_back(name);
      return 0;
    } catch (const std::bad_alloc&) {  // must not pass through C
      return -1;
    }
  };
  hsize_t from = 0;
  if (H5Literate(object.get(), H5_INDEX_NAME, H5_ITER_INC, &from, add, &names) < 0)
    fail_hdf5(group, "cannot be listed");
  return names;
}

Type File::dataset_type(const std::string& path) const {
  const Session session;
  const Handle dataset = open_dataset(path);
  const Handle type = checked(H5Dget_type(dataset.get()), H5Tclose, path, "has no type");
  const Handle space = checked(H5Dget_space(dataset.get()), H5Sclose, path, "has no shape");
  return {element_type(dataset.get(), type.get(), path).dtype, shape_of(space.get(), path)};
}

StoredArray File::describe(const std::string& path) const {
  const Session session;
  const Handle dataset = open_dataset(path);
  const Handle type = checked(H5Dget_type(dataset.get()), H5Tclose, path, "has no type");
  const Handle space = checked(H5Dget_space(dataset.get()), H5Sclose, path, "has no shape");
  return {type_name(type.get(), opaque_name(dataset.get(), type.get(), path)), shape_of(space.get(), path),
          H5Dget_storage_size(dataset.get())};
}

Tensor File::read(const std::string& path, DType dtype) const {
  const Session session;
  const Handle dataset = open_dataset(path);
  const Handle type = checked(H5Dget_type(dataset.get()), H5Tclose, path, "has no type");
  const Handle space = checked(H5Dget_space(dataset.get()), H5Sclose, path, "has no shape");
  const Shape shape = shape_of(space.get(), path);
  check_storage(dataset.get(), type.get(), shape, path);
  const StoredType stored = element_type(dataset.get(), type.get(), path);
  // Booleans are read as bytes, since a damaged file may hold others than 0 and 1.
  const bool by_hand = dtype == DType::boolean || dtype == DType::bf16;
  const DType in_memory =
      stored.raw ? (stored.dtype == DType::boolean ? DType::u8 : stored.dtype) : (by_hand ? stored.dtype : dtype);
  Tensor t(in_memory, shape, Device{});
  const Handle native = stored.raw ? Handle(H5Tcopy(type.get()), H5Tclose) : memory_type(in_memory);
  if (t.size() > 0 && H5Dread(dataset.get(), native.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, t.mutable_raw()) < 0)
    fail_hdf5(path, "cannot be read");
  return t.dtype() == dtype ? t : convert_elements(t, dtype);
}

void File::create_group(const std::string& path) {
  const Session session;
  const std::string full = normal_path(path);
  if (full != "/") make_parents(full + "/");
}

void File::write(const std::string& path, const Tensor& stored) {
  const Tensor value = stored.on_host();
  const Session session;
  const std::string full = normal_path(path);
  if (!value.defined() || value.device().kind != DeviceKind::cpu)
    fail(path, "cannot be written: expected a tensor on the CPU; received " + to_string(value));
  if (exists(full)) fail(path, "cannot be written: the name is taken");
  make_parents(full);
  std::vector<hsize_t> dims;
  for (const std::int64_t d : value.shape()) dims.push_back(static_cast<hsize_t>(d));
  const int rank = value.shape().rank();
  const Handle space(rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(rank, dims.data(), nullptr), H5Sclose);
  const Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(properties.get(), false);
  const Handle type = file_type(value.dtype());
  const Handle dataset = checked(
      H5Dcreate2(file_.get(), full.c_str(), type.get(), space.get(), H5P_DEFAULT, properties.get(), H5P_DEFAULT),
      H5Dclose, path, "cannot be written");
  const Handle native = memory_type(value.dtype());
  if (value.size() > 0 && H5Dwrite(dataset.get(), native.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, value.raw()) < 0)
    fail_hdf5(path, "cannot be written");
  if (value.dtype() == DType::bf16) put_texts(full, "dtype", {"bfloat16"}, Hdf5Text::variable_utf8, true);
}

}  // namespace strata::hdf5
