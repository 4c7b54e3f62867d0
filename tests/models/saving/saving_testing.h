#pragma once

#include <gtest/gtest.h>
#include <strata/strata.h>

#include <cstring>
#include <fstream>
#include <string>

#include "tests/support/temporary_folder.h"

namespace strata::testing {

inline std::string bytes_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_bytes(const std::string& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
}

/// Bit for bit.
inline void expect_equal(const Tensors& a, const Tensors& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(a[i].type(), b[i].type()) << i;
    EXPECT_EQ(std::memcmp(a[i].raw(), b[i].raw(), a[i].bytes()), 0) << i;
  }
}

/// What a compiled model of 6 inputs and 2 outputs does with the same numbers each time.
inline void train(Model& model, int epochs = 1) {
  utils::set_random_seed(3);
  model.fit(random::normal({64, 6}), random::normal({64, 2}),
            {.batch_size = 16, .epochs = epochs, .verbose = 0, .shuffle = false});
}

}  // namespace strata::testing
