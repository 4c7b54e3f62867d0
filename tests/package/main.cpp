#include <strata/strata.h>

#include <iostream>

int main() {
  std::cout << "strata " << strata::version() << ", level " << strata::config::built_level() << '\n';
  return strata::version().empty() ? 1 : 0;
}
