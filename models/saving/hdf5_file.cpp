#include "models/saving/hdf5_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>

#include "core/base/error.h"
#include "models/saving/hdf5_impl.h"

namespace strata {

namespace fs = std::filesystem;
using hdf5::Handle;
using hdf5::Session;

namespace hdf5 {

namespace {

std::recursive_mutex& process_mutex() {
  static std::recursive_mutex mutex;
  return mutex;
}

}  // namespace

Session::Session() : lock_(process_mutex()) {
  H5Eget_auto2(H5E_DEFAULT, &print_, &client_);
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

Session::~Session() { H5Eset_auto2(H5E_DEFAULT, print_, client_); }

std::string last_error() {
  std::string text;
  const auto take_first = [](unsigned n, const H5E_error2_t* entry, void* user) -> herr_t {
    if (n == 0 && entry->desc) *static_cast<std::string*>(user) = entry->desc;
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_first, &text);
  return text.empty() ? "HDF5 gives no reason" : text;
}

namespace {

// HDF5 asks for memory of the file's size and fills it, several times over: it gets the bytes themselves each time.
struct InPlace {
  static void* give(std::size_t, H5FD_file_image_op_t, void* bytes) { return bytes; }
  static void* fill(void* to, const void*, std::size_t, H5FD_file_image_op_t, void*) { return to; }
  static void* grow(void*, std::size_t, H5FD_file_image_op_t, void*) { return nullptr; }  // read only
  static herr_t take_back(void*, H5FD_file_image_op_t, void*) { return 0; }
  static void* same(void* bytes) { return bytes; }
  static herr_t keep(void*) { return 0; }
};

}  // namespace

void read_in_place(hid_t access, std::string& bytes) {
  H5Pset_fapl_core(access, std::size_t{1} << 22, false);
  H5FD_file_image_callbacks_t callbacks{InPlace::give, InPlace::fill, InPlace::grow, InPlace::take_back,
                                        InPlace::same, InPlace::keep, bytes.data()};
  if (bytes.empty() || H5Pset_file_image_callbacks(access, &callbacks) < 0) return;  // then there is nothing to open
  H5Pset_file_image(access, bytes.data(), bytes.size());
}

}  // namespace hdf5

std::string normal_hdf5_path(const std::string& path) {
  std::string out;
  for (const char c : path)
    if (c != '/' || (!out.empty() && out.back() != '/')) out += c;
  if (out.ends_with('/')) out.pop_back();
  return out.empty() ? "/" : out;
}

// ---- Impl

void Hdf5File::Impl::fail(const std::string& object, const std::string& what) const {
  throw Error(name, "'" + object + "' " + what);
}

void Hdf5File::Impl::fail_hdf5(const std::string& object, const std::string& what) const {
  fail(object, what + ": " + hdf5::last_error());
}

Handle Hdf5File::Impl::checked(hid_t id, Handle::Close close, const std::string& object, const char* what) const {
  if (id < 0) fail_hdf5(object, what);
  return {id, close};
}

bool Hdf5File::Impl::exists(const std::string& path) const {
  if (!file.valid()) throw Error(name, "the file is closed");
  const std::string full = normal_hdf5_path(path);
  if (full == "/") return true;
  for (std::size_t end = full.find('/');; end = full.find('/', end + 1)) {
    const std::string prefix = full.substr(0, end);
    const htri_t there = H5Lexists(file.get(), prefix.c_str(), H5P_DEFAULT);
    if (there < 0) fail_hdf5(prefix, "cannot be looked up");
    if (there == 0) return false;
    H5L_info_t info;
    if (H5Lget_info(file.get(), prefix.c_str(), &info, H5P_DEFAULT) < 0) fail_hdf5(prefix, "cannot be looked up");
    if (info.type == H5L_TYPE_SOFT) fail(prefix, "is a soft link, which is refused");
    if (info.type != H5L_TYPE_HARD) fail(prefix, "is a link out of the file, which is refused");
    if (end == std::string::npos) return true;
    const Handle object(H5Oopen(file.get(), prefix.c_str(), H5P_DEFAULT), H5Oclose);
    if (!object.valid()) fail_hdf5(prefix, "cannot be opened");
    if (H5Iget_type(object.get()) != H5I_GROUP) return false;
  }
}

Handle Hdf5File::Impl::open_object(const std::string& path) const {
  if (!exists(path)) fail(path, "is not in the file");
  return checked(H5Oopen(file.get(), normal_hdf5_path(path).c_str(), H5P_DEFAULT), H5Oclose, path, "cannot be opened");
}

Handle Hdf5File::Impl::open_dataset(const std::string& path) const {
  Handle object = open_object(path);
  if (H5Iget_type(object.get()) != H5I_DATASET) fail(path, "is not a data set");
  return object;
}

Shape Hdf5File::Impl::shape_of(hid_t space, const std::string& object) const {
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

void Hdf5File::Impl::check_storage(hid_t dataset, hid_t type, const Shape& shape, const std::string& path) const {
  const Handle properties = checked(H5Dget_create_plist(dataset), H5Pclose, path, "has no properties");
  const H5D_layout_t layout = H5Pget_layout(properties.get());
  if (layout == H5D_VIRTUAL) fail(path, "is a virtual data set, which is refused");
  if (layout == H5D_CONTIGUOUS && H5Pget_external_count(properties.get()) > 0)
    fail(path, "keeps its data in other files, which is refused");
  std::uint64_t declared = H5Tget_size(type);
  for (const std::int64_t d : shape) {
    const auto size = static_cast<std::uint64_t>(d);
    if (size != 0 && declared > std::numeric_limits<std::int64_t>::max() / size)
      fail(path, "declares an absurd size, " + to_string(shape));
    declared *= size;
  }
  const std::string tells = "declares " + std::to_string(declared) + " bytes, more than the file can hold";
  if (layout != H5D_CHUNKED && declared > bytes) fail(path, tells);
  // Compressed data may be larger than the file. The bound is the one Keras sets.
  const std::uint64_t stored = H5Dget_storage_size(dataset);
  if (declared > (std::uint64_t{4} << 30) && declared / 1000 > stored) fail(path, tells);
}

void Hdf5File::Impl::make_parents(const std::string& path) const {
  const std::size_t end = path.rfind('/');
  if (end == std::string::npos || end == 0) return;
  const std::string parent = path.substr(0, end);
  if (exists(parent)) return;
  make_parents(parent);
  const Handle properties(H5Pcreate(H5P_GROUP_CREATE), H5Pclose);
  H5Pset_obj_track_times(properties.get(), false);
  const Handle group(H5Gcreate2(file.get(), parent.c_str(), H5P_DEFAULT, properties.get(), H5P_DEFAULT), H5Gclose);
  if (!group.valid()) fail_hdf5(parent, "cannot be made");
}

hdf5::StoredType Hdf5File::Impl::element_type(hid_t dataset, hid_t type, const std::string& path) {
  std::string named;
  if (H5Tget_class(type) == H5T_OPAQUE && H5Aexists(dataset, "dtype") > 0) named = texts(path, "dtype", true).front();
  const auto stored = hdf5::stored_type(type, named);
  if (!stored) fail(path, "has elements that are neither numbers, nor booleans, nor marked as bfloat16");
  return *stored;
}

// ---- Opening and closing

Hdf5File::Hdf5File(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Hdf5File::Hdf5File(Hdf5File&&) noexcept = default;

Hdf5File& Hdf5File::operator=(Hdf5File&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

Hdf5File::~Hdf5File() {
  if (!impl_) return;
  const Session session;
  impl_.reset();
}

namespace {

Handle access_properties() {
  Handle properties(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_fclose_degree(properties.get(), H5F_CLOSE_STRONG);
  H5Pset_libver_bounds(properties.get(), H5F_LIBVER_EARLIEST, H5F_LIBVER_LATEST);
  return properties;
}

}  // namespace

Hdf5File Hdf5File::open(const fs::path& file) {
  auto impl = std::make_unique<Impl>();
  impl->name = file.string();
  std::error_code status;
  const auto kind = fs::status(file, status).type();
  if (kind == fs::file_type::not_found) throw Error(impl->name, "no such file");
  if (kind == fs::file_type::directory) throw Error(impl->name, "expected an HDF5 file; received a folder");
  impl->bytes = fs::file_size(file, status);
  if (status) throw Error(impl->name, "cannot be read: " + status.message());
  const Session session;
  const Handle access = access_properties();
  impl->file = {H5Fopen(file.c_str(), H5F_ACC_RDONLY, access.get()), H5Fclose};
  if (!impl->file.valid()) throw Error(impl->name, "cannot be opened as an HDF5 file: " + hdf5::last_error());
  return Hdf5File(std::move(impl));
}

Hdf5File Hdf5File::open_bytes(std::string bytes, const std::string& name) {
  auto impl = std::make_unique<Impl>();
  impl->name = name;
  impl->content = std::move(bytes);
  impl->bytes = impl->content.size();
  const Session session;
  const Handle access = access_properties();
  hdf5::read_in_place(access.get(), impl->content);
  impl->file = {H5Fopen(name.c_str(), H5F_ACC_RDONLY, access.get()), H5Fclose};
  if (!impl->file.valid()) throw Error(name, "cannot be opened as an HDF5 file: " + hdf5::last_error());
  return Hdf5File(std::move(impl));
}

Hdf5File Hdf5File::create(const fs::path& file) {
  auto impl = std::make_unique<Impl>();
  impl->name = file.string();
  impl->target = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (impl->target < 0) throw Error(impl->name, std::string("cannot be created: ") + std::strerror(errno));
  impl->create_file();
  return Hdf5File(std::move(impl));
}

Hdf5File Hdf5File::create_bytes(const std::string& name) {
  auto impl = std::make_unique<Impl>();
  impl->name = name;
  impl->create_file();
  return Hdf5File(std::move(impl));
}

void Hdf5File::Impl::create_file() {
  bytes = std::numeric_limits<std::int64_t>::max();
  heaps_checked = true;
  const Session session;
  // HDF5 1.10 cannot close a file whose data does not fit on the disk, and crashes at exit. So it builds the file in
  // memory, and the writing is ours.
  const Handle access = access_properties();
  H5Pset_fapl_core(access.get(), std::size_t{1} << 22, false);
  file = {H5Fcreate(name.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.get()), H5Fclose};
  if (!file.valid()) throw Error(name, "cannot be created: " + hdf5::last_error());
}

void Hdf5File::close() {
  const Session session;
  if (!impl_->file.valid()) return;
  if (impl_->target >= 0) {
    impl_->write_to(impl_->target, image());
    if (::close(std::exchange(impl_->target, -1)) != 0)
      throw Error(impl_->name, std::string("cannot be written: ") + std::strerror(errno));
  }
  if (H5Fclose(impl_->file.release()) < 0) throw Error(impl_->name, "cannot be closed: " + hdf5::last_error());
}

std::string_view Hdf5File::image() const {
  const Session session;
  const hid_t file = impl_->file.get();
  void* memory = nullptr;  // for files in memory: where the pointer to the first byte is
  // The size of the image is the allocated part; the file in memory itself grows in steps of megabytes.
  const bool flushed = H5Fflush(file, H5F_SCOPE_GLOBAL) >= 0;
  const ssize_t size = flushed ? H5Fget_file_image(file, nullptr, 0) : -1;
  if (size < 0 || H5Fget_vfd_handle(file, H5P_DEFAULT, &memory) < 0)
    throw Error(impl_->name, "cannot be written: " + hdf5::last_error());
  return {*static_cast<const char* const*>(memory), static_cast<std::size_t>(size)};
}

void Hdf5File::Impl::write_to(int descriptor, std::string_view rest) const {
  while (!rest.empty()) {
    const ssize_t count = ::write(descriptor, rest.data(), rest.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw Error(name, std::string("cannot be written: ") + std::strerror(errno));
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
}

Hdf5File::Impl::~Impl() {
  file = {};  // before what it reads from
  if (target >= 0) ::close(target);
}

// ---- Groups and data sets

bool Hdf5File::has_group(const std::string& path) const {
  const Session session;
  return impl_->exists(path) && H5Iget_type(impl_->open_object(path).get()) == H5I_GROUP;
}

bool Hdf5File::has_dataset(const std::string& path) const {
  const Session session;
  return impl_->exists(path) && H5Iget_type(impl_->open_object(path).get()) == H5I_DATASET;
}

std::vector<std::string> Hdf5File::children(const std::string& group) const {
  const Session session;
  const Handle object = impl_->open_object(group);
  H5G_info_t info;
  if (H5Iget_type(object.get()) != H5I_GROUP || H5Gget_info(object.get(), &info) < 0)
    impl_->fail(group, "is not a group");
  std::vector<std::string> names;
  for (hsize_t i = 0; i < info.nlinks; ++i) {
    const auto name = [&](char* to, std::size_t size) {
      return H5Lget_name_by_idx(object.get(), ".", H5_INDEX_NAME, H5_ITER_INC, i, to, size, H5P_DEFAULT);
    };
    const ssize_t length = name(nullptr, 0);
    if (length < 0) impl_->fail_hdf5(group, "cannot be listed");
    std::string text(static_cast<std::size_t>(length) + 1, '\0');
    if (name(text.data(), text.size()) < 0) impl_->fail_hdf5(group, "cannot be listed");
    text.pop_back();
    names.push_back(std::move(text));
  }
  return names;
}

Type Hdf5File::dataset_type(const std::string& path) const {
  const Session session;
  const Handle dataset = impl_->open_dataset(path);
  const Handle type = impl_->checked(H5Dget_type(dataset.get()), H5Tclose, path, "has no type");
  const Handle space = impl_->checked(H5Dget_space(dataset.get()), H5Sclose, path, "has no shape");
  return {impl_->element_type(dataset.get(), type.get(), path).dtype, impl_->shape_of(space.get(), path)};
}

Tensor Hdf5File::read(const std::string& path, DType dtype) const {
  const Session session;
  const Handle dataset = impl_->open_dataset(path);
  const Handle type = impl_->checked(H5Dget_type(dataset.get()), H5Tclose, path, "has no type");
  const Handle space = impl_->checked(H5Dget_space(dataset.get()), H5Sclose, path, "has no shape");
  const Shape shape = impl_->shape_of(space.get(), path);
  impl_->check_storage(dataset.get(), type.get(), shape, path);
  const hdf5::StoredType stored = impl_->element_type(dataset.get(), type.get(), path);
  // Booleans are read as bytes, since a damaged file may hold others than 0 and 1.
  const bool by_hand = dtype == DType::boolean || dtype == DType::bf16;
  const DType in_memory = stored.raw ? (stored.dtype == DType::boolean ? DType::u8 : stored.dtype)
                                     : (by_hand ? stored.dtype : dtype);
  Tensor t(in_memory, shape, Device{});
  const Handle native = stored.raw ? Handle(H5Tcopy(type.get()), H5Tclose) : hdf5::memory_type(in_memory);
  if (t.size() > 0 && H5Dread(dataset.get(), native.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, t.mutable_raw()) < 0)
    impl_->fail_hdf5(path, "cannot be read");
  return t.dtype() == dtype ? t : hdf5::convert_elements(t, dtype);
}

void Hdf5File::create_group(const std::string& path) {
  const Session session;
  const std::string full = normal_hdf5_path(path);
  if (full != "/") impl_->make_parents(full + "/");
}

void Hdf5File::write(const std::string& path, const Tensor& value) {
  const Session session;
  const std::string full = normal_hdf5_path(path);
  if (!value.defined() || value.device().kind != DeviceKind::cpu)
    impl_->fail(path, "cannot be written: expected a tensor on the CPU; received " + to_string(value));
  if (impl_->exists(full)) impl_->fail(path, "cannot be written: the name is taken");
  impl_->make_parents(full);
  std::vector<hsize_t> dims;
  for (const std::int64_t d : value.shape()) dims.push_back(static_cast<hsize_t>(d));
  const int rank = value.shape().rank();
  const Handle space(rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(rank, dims.data(), nullptr), H5Sclose);
  const Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(properties.get(), false);
  const Handle type = hdf5::file_type(value.dtype());
  const Handle dataset = impl_->checked(
      H5Dcreate2(impl_->file.get(), full.c_str(), type.get(), space.get(), H5P_DEFAULT, properties.get(), H5P_DEFAULT),
      H5Dclose, path, "cannot be written");
  const Handle native = hdf5::memory_type(value.dtype());
  if (value.size() > 0 &&
      H5Dwrite(dataset.get(), native.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, value.raw()) < 0)
    impl_->fail_hdf5(path, "cannot be written");
  if (value.dtype() == DType::bf16) impl_->put_texts(full, "dtype", {"bfloat16"}, Hdf5Text::variable_utf8, true);
}

}  // namespace strata
