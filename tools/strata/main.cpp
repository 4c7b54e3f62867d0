// The `strata` command: trains, converts and inspects saved models without a program. See `strata --help`.
#include <strata/strata.h>

#include <cstdio>
#include <new>

#include "tools/strata/commands.h"

namespace {

constexpr const char* footer = R"(Examples:
  strata new cnn model.keras             a network for MNIST, compiled, untrained
  strata fit model.keras mnist --epochs 5
  strata evaluate model.keras mnist
  strata summary model.keras
  strata convert model.keras model.h5

`strata COMMAND --help` has more. Exit status: 0 done, 1 the work failed, 2 the command line is wrong.)";

void add_commands(CLI::App& app) {
  using namespace strata::tools;
  for (const auto& add : {add_new, add_fit, add_evaluate, add_predict, add_summary, add_plot, add_convert,
                          add_diff, add_devices, add_completion})
    add(app);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Trains, converts and inspects models in Keras's files.", "strata");
  app.set_version_flag("--version", "strata " + std::string(strata::version()));
  app.require_subcommand(1);
  app.footer(footer);
  add_commands(app);
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  } catch (const strata::tools::UsageError& e) {
    std::fprintf(stderr, "strata: %s\n", e.what());
    return 2;
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "strata: the system has no memory left to give\n");
  } catch (const std::exception& e) {
    std::fprintf(stderr, "strata: %s\n", e.what());
  }
  return 1;
}
