// Opening and closing HDF5 files, and paths in them.
#include "models/saving/hdf5_impl.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>

#include "core/base/error.h"

namespace strata::hdf5 {

namespace fs = std::filesystem;

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

std::string normal_path(const std::string& path) {
  std::string out;
  for (const char c : path)
    if (c != '/' || (!out.empty() && out.back() != '/')) out += c;
  if (out.ends_with('/')) out.pop_back();
  return out.empty() ? "/" : out;
}

void File::fail(const std::string& object, const std::string& what) const {
  throw Error(name_, "'" + object + "' " + what);
}

void File::fail_hdf5(const std::string& object, const std::string& what) const {
  fail(object, what + ": " + last_error());
}

Handle File::checked(hid_t id, Handle::Close release, const std::string& object, const char* what) const {
  if (id < 0) fail_hdf5(object, what);
  return {id, release};
}

bool File::exists(const std::string& path) const {
  if (!file_.valid()) throw Error(name_, "the file is closed");
  const std::string full = normal_path(path);
  if (full == "/") return true;
  for (std::size_t end = full.find('/');; end = full.find('/', end + 1)) {
    const std::string prefix = full.substr(0, end);
    const htri_t there = H5Lexists(file_.get(), prefix.c_str(), H5P_DEFAULT);
    if (there < 0) fail_hdf5(prefix, "cannot be looked up");
    if (there == 0) return false;
    H5L_info_t info;
    if (H5Lget_info(file_.get(), prefix.c_str(), &info, H5P_DEFAULT) < 0) fail_hdf5(prefix, "cannot be looked up");
    if (info.type == H5L_TYPE_SOFT) fail(prefix, "is a soft link, which is refused");
    if (info.type != H5L_TYPE_HARD) fail(prefix, "is a link out of the file, which is refused");
    if (end == std::string::npos) return true;
    const Handle object(H5Oopen(file_.get(), prefix.c_str(), H5P_DEFAULT), H5Oclose);
    if (!object.valid()) fail_hdf5(prefix, "cannot be opened");
    if (H5Iget_type(object.get()) != H5I_GROUP) return false;
  }
}

Handle File::open_object(const std::string& path) const {
  if (!exists(path)) fail(path, "is not in the file");
  return checked(H5Oopen(file_.get(), normal_path(path).c_str(), H5P_DEFAULT), H5Oclose, path, "cannot be opened");
}

Handle File::open_dataset(const std::string& path) const {
  Handle object = open_object(path);
  if (H5Iget_type(object.get()) != H5I_DATASET) fail(path, "is not a data set");
  return object;
}

// ---- Opening and closing

namespace {

Handle access_properties() {
  Handle properties(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_fclose_degree(properties.get(), H5F_CLOSE_STRONG);
  H5Pset_libver_bounds(properties.get(), H5F_LIBVER_EARLIEST, H5F_LIBVER_LATEST);
  return properties;
}

}  // namespace

void File::open(const fs::path& file) {
  std::error_code status;
  const auto kind = fs::status(file, status).type();
  if (kind == fs::file_type::not_found) throw Error(name_, "no such file");
  if (kind == fs::file_type::directory) throw Error(name_, "expected an HDF5 file; received a folder");
  bytes_ = fs::file_size(file, status);
  if (status) throw Error(name_, "cannot be read: " + status.message());
  const Session session;
  const Handle access = access_properties();
  file_ = {H5Fopen(file.c_str(), H5F_ACC_RDONLY, access.get()), H5Fclose};
  if (!file_.valid()) throw Error(name_, "cannot be opened as an HDF5 file: " + last_error());
}

void File::open_bytes(std::string bytes) {
  content_ = std::move(bytes);
  bytes_ = content_.size();
  const Session session;
  const Handle access = access_properties();
  read_in_place(access.get(), content_);
  file_ = {H5Fopen(name_.c_str(), H5F_ACC_RDONLY, access.get()), H5Fclose};
  if (!file_.valid()) throw Error(name_, "cannot be opened as an HDF5 file: " + last_error());
}

void File::create(const fs::path& file) {
  target_ = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (target_ < 0) throw Error(name_, std::string("cannot be created: ") + std::strerror(errno));
  create_bytes();
}

void File::create_bytes() {
  bytes_ = std::numeric_limits<std::int64_t>::max();
  heaps_checked_ = true;
  const Session session;
  // HDF5 1.10 cannot close a file whose data does not fit on the disk, and crashes at exit. So it builds the file in
  // memory, and the writing is ours.
  const Handle access = access_properties();
  H5Pset_fapl_core(access.get(), std::size_t{1} << 22, false);
  file_ = {H5Fcreate(name_.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.get()), H5Fclose};
  if (!file_.valid()) throw Error(name_, "cannot be created: " + last_error());
}

void File::close() {
  const Session session;
  if (!file_.valid()) return;
  if (target_ >= 0) {
    write_to(target_, image());
    if (::close(std::exchange(target_, -1)) != 0)
      throw Error(name_, std::string("cannot be written: ") + std::strerror(errno));
  }
  if (H5Fclose(file_.release()) < 0) throw Error(name_, "cannot be closed: " + last_error());
}

std::string_view File::image() const {
  const Session session;
  const hid_t file = file_.get();
  void* memory = nullptr;  // for files in memory: where the pointer to the first byte is
  // The size of the image is the allocated part; the file in memory itself grows in steps of megabytes.
  const bool flushed = H5Fflush(file, H5F_SCOPE_GLOBAL) >= 0;
  const ssize_t size = flushed ? H5Fget_file_image(file, nullptr, 0) : -1;
  if (size < 0 || H5Fget_vfd_handle(file, H5P_DEFAULT, &memory) < 0)
    throw Error(name_, "cannot be written: " + last_error());
  return {*static_cast<const char* const*>(memory), static_cast<std::size_t>(size)};
}

void File::write_to(int descriptor, std::string_view rest) const {
  while (!rest.empty()) {
    const ssize_t count = ::write(descriptor, rest.data(), rest.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw Error(name_, std::string("cannot be written: ") + std::strerror(errno));
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
}

File::~File() {
  const Session session;
  file_ = {};  // before what it reads from
  if (target_ >= 0) ::close(target_);
}

}  // namespace strata::hdf5
