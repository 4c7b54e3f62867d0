#include <algorithm>
#include <cstdio>
#include <utility>

#include "tools/strata/commands.h"
#include "tools/strata/config_survey.h"
#include "tools/strata/file_contents.h"
#include "tools/strata/model_file.h"

namespace strata::tools {

namespace {
struct Arguments {
  ModelFile file;
  bool json = false;
};

std::string readable_bytes(double bytes) {
  constexpr const char* units[] = {"B", "KB", "MB", "GB", "TB"};
  int unit = 0;
  for (; bytes >= 1024 && unit < 4; ++unit) bytes /= 1024;
  char text[48];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.2f %s", bytes, units[unit]);
  return text;
}

std::string with_commas(double number) {
  char digits[400];
  const int count = std::snprintf(digits, sizeof digits, "%.0f", number);
  std::string text;
  for (int i = 0; i < count; ++i) {
    if (i > 0 && (count - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string counted(std::int64_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

/// Names are the file's: no control characters of theirs get to the terminal.
std::string printable(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';
  return text;
}

void print_line(const std::string& line) { std::printf("%s\n", printable(line).c_str()); }

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

void print_fact(const std::string& label, const std::string& text) {
  if (!text.empty()) print_line("  " + padded(label, 16) + text);
}

std::string writer_of(const FileContents& contents) {
  std::string text = contents.keras_version.empty() ? "" : "Keras " + contents.keras_version;
  if (!contents.backend.empty()) text += " on " + contents.backend;
  if (!contents.date.empty()) text += (text.empty() ? "" : ", ") + contents.date;
  return text;
}

std::string layers_text(const ModelFacts& model) {
  std::int64_t total = 0;
  std::string classes;
  for (const auto& [name, count] : model.layers) {
    total += count;
    classes += (classes.empty() ? "" : ", ") + (count > 1 ? std::to_string(count) + " " : "") + name;
  }
  std::string text = std::to_string(total) + (classes.empty() ? "" : ": " + classes);
  if (model.operations > 0) text += "; and " + counted(model.operations, "plain operation");
  if (model.nested_models > 0) text += "; in " + counted(model.nested_models, "nested model") + " and the whole";
  return text;
}

std::string policies_text(const ModelFacts& model) {
  std::string text;
  for (const auto& [policy, count] : model.policies)
    text +=
        (text.empty() ? "" : ", ") + policy + (model.policies.size() > 1 ? " (" + counted(count, "layer") + ")" : "");
  return text;
}

std::string compile_text(const ConfigValue& compile) {
  if (compile.is_null()) return "no";
  std::string text = "loss " + brief(value_at(compile, "loss"));
  for (const char* key : {"loss_weights", "metrics", "weighted_metrics"})
    if (const std::string value = brief(value_at(compile, key)); value != "none")
      text += "; " + std::string(key) + " " + value;
  return text;
}

std::string amount_text(const Amount& amount) {
  return counted(amount.arrays, "array") + ", " + with_commas(amount.numbers) + " numbers, " +
         readable_bytes(amount.bytes);
}

/// Files hold a number as the double next to the float that it was.
std::string rate_text(const ConfigValue& rate) {
  if (!std::holds_alternative<double>(rate.variant())) return brief(rate);
  char text[32];
  std::snprintf(text, sizeof text, "%g", rate.as_double());
  return text;
}

std::string optimizer_text(const FileContents& contents) {
  std::string text = contents.optimizer;
  if (!contents.learning_rate.is_null()) text += ", learning rate " + rate_text(contents.learning_rate);
  if (contents.steps) text += ", after " + counted(*contents.steps, "step");
  if (contents.state.arrays > 0) text += "; state of " + amount_text(contents.state);
  return text.starts_with(", ") || text.starts_with("; ") ? text.substr(2) : text;
}

void print_facts(const std::string& path, const FileContents& contents) {
  print_line(path + ": " + contents.kind + ", " + readable_bytes(static_cast<double>(contents.bytes)));
  print_fact("written by", writer_of(contents));
  if (contents.model) {
    const ModelFacts& model = *contents.model;
    print_fact("model", model.class_name + (model.name.empty() ? "" : " '" + model.name + "'"));
    for (std::size_t i = 0; i < model.inputs.size(); ++i) print_fact(i == 0 ? "inputs" : "", model.inputs[i]);
    print_fact("layers", layers_text(model));
    print_fact("dtype policy", policies_text(model));
    print_fact("compiled", compile_text(contents.compile));
  }
  print_fact("optimizer", optimizer_text(contents));
  print_fact("weights", amount_text(contents.weights));
  std::string label = "not known here";
  for (const std::string& name : contents.unknown) print_fact(std::exchange(label, ""), name);
}

// ---- The tree

struct Row {
  std::string name, type, shape, bytes;
};

/// Groups with nothing but one group in them stand in one row with it.
void add_rows(const StoredObject& object, std::size_t depth, std::vector<Row>& rows) {
  for (const StoredObject& child : object.children) {
    const StoredObject* last = &child;
    std::string name = child.name, above = object.name;
    while (!last->is_array && last->children.size() == 1 && !last->children[0].is_array && last->layer.empty() &&
           last->problem.empty()) {
      above = last->name;
      last = &last->children[0];
      name += "/" + last->name;
    }
    name.insert(0, 2 * depth, ' ');
    if (!last->problem.empty()) {
      rows.push_back({name + "   unreadable: " + last->problem, "", "", ""});
    } else if (last->is_array) {
      rows.push_back({name, last->array.type, to_keras_string(last->array.shape),
                      readable_bytes(static_cast<double>(last->array.bytes))});
    } else {
      name += "/";
      if (!last->layer.empty() && last->layer != above) name += "   '" + last->layer + "'";
      if (last->children.empty()) name += "   empty";
      rows.push_back({name, "", "", ""});
      add_rows(*last, depth + 1, rows);
    }
  }
}

void print_tree(const StoredObject& tree) {
  std::vector<Row> rows;
  add_rows(tree, 1, rows);
  std::size_t name = 0, type = 0, shape = 0;
  for (const Row& row : rows) {
    if (row.type.empty()) continue;
    name = std::max(name, row.name.size());
    type = std::max(type, row.type.size());
    shape = std::max(shape, row.shape.size());
  }
  for (const Row& row : rows)
    print_line(row.type.empty() ? row.name
                                : padded(row.name, name + 3) + padded(row.type, type + 3) +
                                      padded(row.shape, shape + 3) + row.bytes);
}

void run(const Arguments& a) {
  const FileContents contents = read_contents(a.file.path, !a.file.trusted);
  if (a.json) {
    std::printf("%s\n", to_json(contents.to_config(), 1).c_str());
  } else {
    print_facts(a.file.path, contents);
    std::printf("\n");
    print_tree(contents.tree);
  }
  if (contents.problems.empty()) return;
  std::string all;
  for (const std::string& problem : contents.problems) all += "\n  " + printable(problem);
  throw Error(a.file.path, "is damaged, or refused in part:" + all);
}
}  // namespace

void add_inspect(CLI::App& strata) {
  CLI::App* command =
      strata.add_subcommand("inspect", "prints what is in a model or weights file, though its classes be unknown");
  const auto a = std::make_shared<Arguments>();
  a->file.add_to(*command);
  command->add_flag("--json", a->json, "print it as JSON, with the training settings in full");
  command->footer(
      "Takes .keras, .h5, .hdf5 and .weights.h5. Nothing is loaded but texts and the optimizer's counter, so the size "
      "of\n"
      "the file does not matter. What cannot be read is listed at the end, and the status is 1.\n\n"
      "Examples:\n  strata inspect model.keras\n  strata inspect model.weights.h5\n"
      "  strata inspect old.h5 --json | jq .unknown_classes");
  command->callback([a] { run(*a); });
}

}  // namespace strata::tools
