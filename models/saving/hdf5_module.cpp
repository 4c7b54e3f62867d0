// What the library asks the module with HDF5 for.
#include "models/saving/hdf5_impl.h"

namespace strata::hdf5 {

namespace {

namespace fs = std::filesystem;

class Native final : public Hdf5Module {
 public:
  std::unique_ptr<Hdf5File> open(const fs::path& file) const override {
    auto opened = std::make_unique<File>(file.string());
    opened->open(file);
    return opened;
  }
  std::unique_ptr<Hdf5File> open_bytes(std::string bytes, const std::string& name) const override {
    auto opened = std::make_unique<File>(name);
    opened->open_bytes(std::move(bytes));
    return opened;
  }
  std::unique_ptr<Hdf5File> create(const fs::path& file) const override {
    auto created = std::make_unique<File>(file.string());
    created->create(file);
    return created;
  }
  std::unique_ptr<Hdf5File> create_bytes(const std::string& name) const override {
    auto created = std::make_unique<File>(name);
    created->create_bytes();
    return created;
  }
};

const RegisteredModule<Native> native;

}  // namespace

}  // namespace strata::hdf5
