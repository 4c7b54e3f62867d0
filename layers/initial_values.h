#pragma once

namespace strata::layers {

/// While it lives, the weights that layers make on this thread start as zeros, whatever their initializers say: a file
/// overwrites them at once. Random numbers cost time, and an orthogonal matrix as large as a damaged file may ask for
/// would take hours.
class WithoutInitialValues {
 public:
  WithoutInitialValues();
  WithoutInitialValues(const WithoutInitialValues&) = delete;
  WithoutInitialValues& operator=(const WithoutInitialValues&) = delete;
  ~WithoutInitialValues();
  /// Whether there is one on this thread.
  static bool active();

 private:
  bool outer_;
};

}  // namespace strata::layers
