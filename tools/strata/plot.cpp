#include <graphviz/gvc.h>

#include <filesystem>
#include <fstream>

#include "tools/strata/commands.h"
#include "tools/strata/model_file.h"

namespace strata::tools {

namespace {
struct Arguments {
  ModelFile file;
  std::string output;
  utils::DotOptions options;
  bool no_shapes = false, no_names = false;
};

/// Lays a graph out and draws it. Graphviz prints its own complaints to stderr.
void render(const std::string& dot, const std::string& format, const std::string& output) {
  const auto free_context = [](GVC_t* c) { gvFreeContext(c); };
  const std::unique_ptr<GVC_t, decltype(free_context)> context(gvContext(), free_context);
  const auto close_graph = [](Agraph_t* g) { agclose(g); };
  const std::unique_ptr<Agraph_t, decltype(close_graph)> graph(agmemread(dot.c_str()), close_graph);
  if (!graph || gvLayout(context.get(), graph.get(), "dot") != 0) throw Error("plot", "Graphviz could not lay out the graph");
  const int status = gvRenderFilename(context.get(), graph.get(), format.c_str(), output.c_str());
  gvFreeLayout(context.get(), graph.get());
  if (status != 0) throw Error(output, "could not be written by Graphviz as " + format);
}

void write_text(const std::string& text, const std::string& output) {
  std::ofstream file(output, std::ios::binary);
  file << text;
  file.close();
  if (!file) throw Error(output, "could not be written");
}

void run(Arguments a) {
  const std::string format = std::filesystem::path(a.output).extension().string();
  if (format != ".svg" && format != ".png" && format != ".dot")
    throw UsageError("plot: OUT must end in .svg, .png or .dot; received " + a.output);
  a.options.show_shapes = !a.no_shapes;
  a.options.show_layer_names = !a.no_names;
  const std::string dot = utils::model_to_dot(a.file.load(false), a.options);
  if (format == ".dot")
    write_text(dot, a.output);
  else
    render(dot, format.substr(1), a.output);
  std::printf("%s\n", a.output.c_str());
}
}  // namespace

void add_plot(CLI::App& strata) {
  CLI::App* command = strata.add_subcommand("plot", "draws a model's graph");
  const auto a = std::make_shared<Arguments>();
  a->file.add_to(*command);
  command->add_option("OUT", a->output, "where to: .svg, .png or .dot (Graphviz's language)")->required();
  command->add_flag("--expand-nested", a->options.expand_nested, "draw models inside the model as boxes");
  command->add_flag("--show-dtype", a->options.show_dtype, "add the element types");
  command->add_flag("--show-activations", a->options.show_layer_activations, "add the layers' activation functions");
  command->add_flag("--no-shapes", a->no_shapes, "leave out the shapes");
  command->add_flag("--no-names", a->no_names, "leave out the layers' names");
  command->add_option("--direction", a->options.rankdir, "TB: from top to bottom; LR: from left to right")
      ->check(CLI::IsMember({"TB", "LR", "BT", "RL"}))->capture_default_str();
  command->footer("Examples:\n  strata plot model.keras model.svg\n  strata plot model.h5 model.png --direction LR --expand-nested");
  command->callback([a] { run(*a); });
}

}  // namespace strata::tools
