#pragma once

#include <strata/strata.h>

#include <CLI/CLI.hpp>
#include <string>

namespace strata::tools {

/// A model file as every command takes it: FILE, read in a child process, so that a damaged one cannot harm.
struct ModelFile {
  std::string path;
  bool trusted = false;

  /// Adds the positional argument FILE and the option --trusted.
  void add_to(CLI::App& command, const char* name = "FILE");
  /// Error naming the file. Without `compile` its training settings are left unread.
  Model load(bool compile) const;
};

}  // namespace strata::tools
