#include "models/saving/hdf5_file.h"

namespace strata {

namespace fs = std::filesystem;

std::unique_ptr<Hdf5File> Hdf5File::open(const fs::path& file) { return loaded<Hdf5Module>().open(file); }

std::unique_ptr<Hdf5File> Hdf5File::open_bytes(std::string bytes, const std::string& name) {
  return loaded<Hdf5Module>().open_bytes(std::move(bytes), name);
}

std::unique_ptr<Hdf5File> Hdf5File::create(const fs::path& file) { return loaded<Hdf5Module>().create(file); }

std::unique_ptr<Hdf5File> Hdf5File::create_bytes(const std::string& name) {
  return loaded<Hdf5Module>().create_bytes(name);
}

}  // namespace strata
