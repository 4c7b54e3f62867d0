// A program compiled for the baseline that holds inline functions of the library (and of Eigen) itself.
// Linking it must not lower the library's level. level_probe --version | <expected level>
#include <Eigen/Dense>

#include <cmath>
#include <iostream>
#include <string_view>

#include "core/base/version.h"

int main(int argc, char** argv) {
  const std::string_view argument = argc == 2 ? argv[1] : "";
  if (argument == "--version") {
    std::cout << strata::version() << '\n';
    return 0;
  }
  // The products Eigen instantiates here are the ones the library's kernels hold at their own level.
  const Eigen::MatrixXf a = Eigen::MatrixXf::Constant(96, 96, 0.5f);
  const Eigen::MatrixXf b = a * a;
  const bool right = std::abs(b(3, 5) - 24.0f) < 1e-4f;

  const auto own = strata::config::level_here<>();
  const auto built = strata::config::built_level();
  std::cout << "program: " << own << ", library: " << built << '\n';
  if (own != "baseline") {
    std::cerr << "the probe itself must be compiled for the baseline\n";
    return 1;
  }
  if (built != argument) {
    std::cerr << "expected a library of level " << argument << '\n';
    return 1;
  }
  return right ? 0 : 1;
}
