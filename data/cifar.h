#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/dataset_search.h"

namespace strata::data {

/// The binary version of CIFAR, as its page describes it: records of label bytes followed by 3072 pixel bytes, the red,
/// green and blue plane of 32 x 32 in turn, row by row.
struct CifarFormat {
  std::string name;
  std::string archive;                   ///< "cifar-10-binary.tar.gz"
  std::string archive_md5;               ///< as published
  std::vector<std::string> folders;
  std::vector<std::string> train_files;  ///< in the archive and unpacked
  std::string test_file;
  std::int64_t records_per_train_file;
  std::vector<int> classes;              ///< one label byte each
  std::size_t label = 0;                 ///< which of them is wanted
};

CifarFormat cifar10_format();
CifarFormat cifar100_format(bool fine);
DatasetSource cifar_source(const CifarFormat&);

}  // namespace strata::data
