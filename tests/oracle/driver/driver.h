#pragma once

#include <strata/strata.h>

#include <map>
#include <string>
#include <vector>

#include "models/saving/hdf5_file.h"

/// The program behind the oracle (tests/oracle): does with this library what each case did with Keras, and writes the
/// values that the case's golden file holds, under the same names, for check.py to compare.
namespace oracle {

/// Data sets "0", "1", ... of a group; none when there is no group.
strata::Tensors numbered(const strata::Hdf5File& file, const std::string& group);
/// "0003".
std::string four_digits(std::size_t number);
strata::ConfigValue json_attribute(const strata::Hdf5File& file, const std::string& object, const std::string& name);
/// The same, or null when there is none.
strata::ConfigValue json_attribute_or_null(const strata::Hdf5File& file, const std::string& object,
                                           const std::string& name);
/// A member of a config, or null.
strata::ConfigValue member(const strata::ConfigValue& config, const std::string& key);
strata::Tensor f64(const std::vector<double>& values);

/// The values to be compared.
class Result {
 public:
  void put(const std::string& name, const strata::Tensor& value) { values_[name] = value; }
  void put_all(const std::string& group, const strata::Tensors& values, bool four = false);
  void put_variables(const std::string& group, const strata::Variables& variables);
  void write(const std::string& file) const;

 private:
  std::map<std::string, strata::Tensor> values_;
};

/// The modes; each throws strata::Error for what the library cannot do.
strata::Model load_case(const std::string& folder, const std::string& format);
void run_model(const std::string& folder, const std::string& format, Result& result);
/// The training of a golden, with what it returns.
void train(strata::Model& model, const strata::Hdf5File& golden, Result& result);
void run_arrays(const std::string& golden, Result& result);
void run_app(const std::string& golden, Result& result);
void save_case(const std::string& folder, const std::string& out);

}  // namespace oracle
