#pragma once

#include <string>
#include <vector>

#include "models/saving/hdf5_file.h"

/// Lists of names as attributes in legacy `.h5` files. HDF5 keeps an attribute within 64 KiB, so Keras splits a longer
/// list into `name0`, `name1`, ... of at most 64512 bytes each (keras/src/legacy/saving/legacy_h5_format.py, 3.15).
namespace strata {

void write_name_list(Hdf5File& file, const std::string& object, const std::string& attribute,
                     const std::vector<std::string>& names);
/// Error when the list is not there in either form.
std::vector<std::string> read_name_list(const StoredTree& file, const std::string& object,
                                        const std::string& attribute);

}  // namespace strata
