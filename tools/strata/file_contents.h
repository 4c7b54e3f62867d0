#pragma once

#include <strata/strata.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "models/saving/stored_tree.h"

namespace strata::tools {

/// A group or a data set of a file, with what is below it.
struct StoredObject {
  std::string name;  ///< within its group
  bool is_array = false;
  StoredArray array = {};  ///< of a data set
  std::string layer = {};  ///< of a group: the name of the layer whose variables it holds, where it says so
  std::vector<StoredObject> children = {};
  std::string problem = {};  ///< why it could not be read, if so
};

/// Arrays, their numbers and the bytes that they take.
struct Amount {
  std::int64_t arrays = 0;
  double numbers = 0, bytes = 0;  ///< a damaged file may declare more than an integer counts
};

/// What the config of a model says, as far as it can be told without knowing its classes.
struct ModelFacts {
  std::string class_name, name;
  std::map<std::string, std::int64_t> layers = {};  ///< how many of each class, those inside of other models included
  std::int64_t operations = 0, nested_models = 0;
  std::vector<std::string> inputs = {};               ///< "input_layer (None, 28, 28, 1) float32"
  std::map<std::string, std::int64_t> policies = {};  ///< how many layers compute in which types
};

/// What is in a file that holds a model or weights, found without making the model: its classes may be unknown.
struct FileContents {
  std::string kind = "unreadable";
  std::string keras_version, backend, date;  ///< of the writer, empty where nothing says
  std::uint64_t bytes = 0;                   ///< of the file
  std::optional<ModelFacts> model;           ///< none in a file of weights alone
  ConfigValue compile;                       ///< training settings as they are stored; null without
  std::string optimizer;                     ///< class, or the name that its state has; empty without
  ConfigValue learning_rate;                 ///< a number or a schedule; null where nothing says
  std::optional<std::int64_t> steps;         ///< that the optimizer has done
  std::set<std::string> unknown;             ///< classes that loading here would stumble over, and where they are from
  Amount weights, state;                     ///< state: the optimizer's
  StoredObject tree;
  std::vector<std::string> problems;  ///< parts that could not be read

  Config to_config() const;
};

/// Error when nothing can be read; what is wrong with parts of the file stands in `problems`.
FileContents read_contents(const std::string& path, bool isolated);

}  // namespace strata::tools
