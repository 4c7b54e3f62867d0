#pragma once

#include <CLI/CLI.hpp>
#include <stdexcept>
#include <string>

/// The subcommands of `strata`. Each function adds one to the program, with its arguments, help and examples, and the
/// work that it does once it was parsed. Work that fails throws: UsageError ends the program with exit status 2, any other
/// exception with 1.
namespace strata::tools {

/// What was asked for cannot be meant.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Thrown by a command that ends the program with another status than 0 and has said why.
struct ExitStatus {
  int status;
};

void add_summary(CLI::App& strata);
void add_plot(CLI::App& strata);
void add_convert(CLI::App& strata);
void add_inspect(CLI::App& strata);
void add_diff(CLI::App& strata);
void add_predict(CLI::App& strata);
void add_evaluate(CLI::App& strata);
void add_fit(CLI::App& strata);
void add_new(CLI::App& strata);
void add_profile(CLI::App& strata);
void add_compare(CLI::App& strata);
void add_bench(CLI::App& strata);
void add_devices(CLI::App& strata);
void add_doctor(CLI::App& strata);
void add_launch(CLI::App& strata);
void add_completion(CLI::App& strata);

}  // namespace strata::tools
