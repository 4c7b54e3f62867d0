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
  for (const auto& add :
       {add_new, add_fit, add_evaluate, add_predict, add_summary, add_plot, add_convert, add_inspect, add_diff,
        add_profile, add_compare, add_bench, add_devices, add_doctor, add_launch, add_completion})
    add(app);
}

/// CLI11 itself would only say that a command is missing.
void check_command(const CLI::App& app, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return;
  std::string known;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (command->get_name() == argv[1]) return;
    known += (known.empty() ? "" : ", ") + command->get_name();
  }
  throw strata::tools::UsageError("there is no command '" + std::string(argv[1]) + "'; the commands are " + known);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Trains, converts and inspects models in Keras's files.", "strata");
  app.set_version_flag("--version", "strata " + std::string(strata::version()));
  app.require_subcommand(1);
  app.footer(footer);
  add_commands(app);
  if (argc < 2) {
    std::fputs(app.help().c_str(), stderr);
    return 2;
  }
  try {
    check_command(app, argc, argv);
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  } catch (const strata::tools::UsageError& e) {
    std::fprintf(stderr, "strata: %s\n", e.what());
    return 2;
  } catch (const strata::tools::ExitStatus& e) {
    return e.status;
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "strata: the system has no memory left to give\n");
  } catch (const std::exception& e) {
    std::fprintf(stderr, "strata: %s\n", e.what());
  }
  return 1;
}
