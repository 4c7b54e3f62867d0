// oracle_driver model  CASE_DIR keras|h5|weights|legacy_weights RESULT.h5
// oracle_driver arrays GOLDEN.h5 RESULT.h5
// oracle_driver app    GOLDEN.h5 RESULT.h5
// oracle_driver bad    FILE load_model|load_weights BASE|-      exit 0: loaded, 3: refused with the message on stderr
// oracle_driver save   CASE_DIR OUT_DIR
// What the library cannot do is written to RESULT.h5 as the attribute `unsupported`.
#include <cstdio>

#include "tests/oracle/driver/driver.h"

namespace oracle {

using strata::ConfigValue;
using strata::Hdf5File;
using strata::Tensor;
using strata::Tensors;

Tensors numbered(const Hdf5File& file, const std::string& group) {
  Tensors all;
  for (int i = 0; file.has_group(group) && file.has_dataset(group + "/" + std::to_string(i)); ++i)
    all.push_back(file.read(group + "/" + std::to_string(i)));
  return all;
}

std::string four_digits(std::size_t number) {
  const std::string digits = std::to_string(number);
  return std::string(4 - std::min<std::size_t>(4, digits.size()), '0') + digits;
}

ConfigValue json_attribute(const Hdf5File& file, const std::string& object, const std::string& name) {
  return strata::parse_json(file.read_text(object, name), object + "@" + name);
}

ConfigValue json_attribute_or_null(const Hdf5File& file, const std::string& object, const std::string& name) {
  return file.has_attribute(object, name) ? json_attribute(file, object, name) : ConfigValue(nullptr);
}

ConfigValue member(const ConfigValue& config, const std::string& key) {
  const auto* items = std::get_if<strata::Config>(&config.variant());
  return items && items->contains(key) ? items->at(key) : ConfigValue(nullptr);
}

Tensor f64(const std::vector<double>& values) {
  return Tensor::from({static_cast<std::int64_t>(values.size())}, values);
}

void Result::put_all(const std::string& group, const Tensors& values, bool four) {
  for (std::size_t i = 0; i < values.size(); ++i)
    put(group + "/" + (four ? four_digits(i) : std::to_string(i)), values[i]);
}

void Result::put_variables(const std::string& group, const strata::Variables& variables) {
  for (std::size_t i = 0; i < variables.size(); ++i) put(group + "/" + four_digits(i), variables[i].value().clone());
}

void Result::write(const std::string& file) const {
  const auto out = Hdf5File::create(file);
  for (const auto& [name, value] : values_) out->write(name, value);
  out->close();
}

namespace {

void write_unsupported(const std::string& file, const std::string& reason) {
  const auto out = Hdf5File::create(file);
  out->write_text("", "unsupported", reason, strata::Hdf5Text::variable_utf8);
  out->close();
}

int run_and_write(const std::string& file, const auto& run) {
  Result result;
  try {
    run(result);
    result.write(file);
  } catch (const strata::Error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    write_unsupported(file, e.what());
  }
  return 0;
}

/// In isolation, as for a file from a stranger.
int run_bad(const std::string& file, const std::string& action, const std::string& base) {
  try {
    if (action == "load_model")
      strata::load_model(file, {.isolated = true});
    else
      strata::load_model(base).load_weights(file, {.isolated = true});
  } catch (const strata::Error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 3;
  }
  return 0;
}

int run(const std::vector<std::string>& a) {
  const std::string mode = a.empty() ? "" : a[0];
  if (mode == "model" && a.size() == 4) return run_and_write(a[3], [&](Result& r) { run_model(a[1], a[2], r); });
  if (mode == "arrays" && a.size() == 3) return run_and_write(a[2], [&](Result& r) { run_arrays(a[1], r); });
  if (mode == "app" && a.size() == 3) return run_and_write(a[2], [&](Result& r) { run_app(a[1], r); });
  if (mode == "bad" && a.size() == 4) return run_bad(a[1], a[2], a[3]);
  if (mode == "save" && a.size() == 3) {
    save_case(a[1], a[2]);
    return 0;
  }
  std::fprintf(stderr, "usage: oracle_driver model|arrays|app|bad|save ... (see the head of main.cpp)\n");
  return 2;
}

}  // namespace
}  // namespace oracle

int main(int argc, char** argv) {
  try {
    return oracle::run({argv + 1, argv + argc});
  } catch (const strata::Error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 3;
  }
}
