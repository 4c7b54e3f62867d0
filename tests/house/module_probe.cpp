// Saves weights, which loads the module with HDF5: prints "saved", or the error.
#include <strata/strata.h>

#include <cstdio>

using namespace strata;

int main(int, char** argv) {
  try {
    Sequential model({layers::Input({2}), layers::Dense(1)});
    model.save_weights(argv[1]);
    std::puts("saved");
  } catch (const Error& e) {
    std::puts(e.what());
  }
  return 0;
}
