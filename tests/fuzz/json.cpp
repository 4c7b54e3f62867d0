// JSON, and the models that configs in it describe. Most changed bytes only break the JSON, so the mutator changes
// values within the document, too.
#include "core/base/json.h"

#include <limits>
#include <random>

#include "core/device/allocation_budget.h"
#include "layers/initial_values.h"
#include "models/model_config.h"
#include "models/saving/compile_config.h"
#include "tests/fuzz/fuzzing.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace {

using namespace strata;

std::size_t count_values(const ConfigValue& value) {
  std::size_t count = 1;
  if (const auto* list = std::get_if<ConfigValue::List>(&value.variant()))
    for (const ConfigValue& part : *list) count += count_values(part);
  if (const auto* config = std::get_if<Config>(&value.variant()))
    for (const auto& [key, part] : config->items()) count += count_values(part);
  return count;
}

/// One value of a document, the n-th in reading order.
const ConfigValue* value_at(const ConfigValue& value, std::size_t& n) {
  if (n-- == 0) return &value;
  if (const auto* list = std::get_if<ConfigValue::List>(&value.variant()))
    for (const ConfigValue& part : *list)
      if (const ConfigValue* found = value_at(part, n)) return found;
  if (const auto* config = std::get_if<Config>(&value.variant()))
    for (const auto& [key, part] : config->items())
      if (const ConfigValue* found = value_at(part, n)) return found;
  return nullptr;
}

/// Copies a document with one value changed.
class Mutation {
 public:
  Mutation(const ConfigValue& whole, std::uint64_t seed)
      : whole_(whole), random_(seed), count_(count_values(whole)), at_(below(count_)) {}
  ConfigValue result() { return copy(whole_); }

 private:
  std::size_t below(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_); }

  ConfigValue copy(const ConfigValue& value) {
    if (at_-- == 0) return changed(value);
    if (const auto* list = std::get_if<ConfigValue::List>(&value.variant())) {
      ConfigValue::List copies;
      for (const ConfigValue& part : *list) copies.push_back(copy(part));
      return ConfigValue(std::move(copies));
    }
    if (const auto* config = std::get_if<Config>(&value.variant())) {
      Config copies;
      for (const auto& [key, part] : config->items()) copies.set(key, copy(part));
      return ConfigValue(std::move(copies));
    }
    return value;
  }

  ConfigValue changed(const ConfigValue& value) {
    if (const auto* list = std::get_if<ConfigValue::List>(&value.variant()); list && !list->empty() && below(2) == 0) {
      ConfigValue::List other = *list;
      const ConfigValue part = other[below(other.size())];
      if (below(2) == 0)
        other.push_back(part);
      else
        other.erase(other.begin() + static_cast<std::ptrdiff_t>(below(other.size())));
      return ConfigValue(std::move(other));
    }
    if (const auto* config = std::get_if<Config>(&value.variant()); config && !config->empty() && below(2) == 0) {
      Config other;
      const std::size_t left_out = below(config->items().size());
      for (std::size_t i = 0; i < config->items().size(); ++i)
        if (i != left_out) other.set(config->items()[i].first, config->items()[i].second);
      return ConfigValue(std::move(other));
    }
    return below(2) == 0 ? from_elsewhere() : extreme();
  }

  ConfigValue from_elsewhere() {
    std::size_t n = below(count_);
    return *value_at(whole_, n);
  }

  ConfigValue extreme() {
    static const ConfigValue::List values{nullptr,
                                          true,
                                          false,
                                          -1,
                                          0,
                                          1,
                                          2,
                                          7,
                                          255,
                                          65536,
                                          std::int64_t{1} << 31,
                                          (std::int64_t{1} << 59) + 1,
                                          std::numeric_limits<std::int64_t>::max(),
                                          std::numeric_limits<std::int64_t>::min(),
                                          0.5,
                                          -1.0,
                                          1e300,
                                          std::numeric_limits<double>::quiet_NaN(),
                                          std::numeric_limits<double>::infinity(),
                                          "",
                                          "a/b",
                                          "same",
                                          "float16",
                                          ConfigValue::List(),
                                          Config()};
    return values[below(values.size())];
  }

  const ConfigValue& whole_;
  std::mt19937_64 random_;
  std::size_t count_, at_;
};

void read_model(const ConfigValue& value) {
  const AllocationBudget budget("input", std::uint64_t{64} << 20);
  const layers::WithoutInitialValues zeros;
  const Model model = model_from_config(value);
  for (const Spelling spelling : {Spelling::keras3, Spelling::legacy})
    fuzzing::expect_error_or_success([&] { to_json(to_config(model, spelling)); });
  const Config& config = value.as_config();
  if (!config.contains("compile_config")) return;
  for (const bool is_keras2 : {false, true})
    fuzzing::expect_error_or_success(
        [&] { compile_options(config.at("compile_config"), model.output_names(), is_keras2); });
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  if (seed % 4 == 0) return LLVMFuzzerMutate(data, size, most);
  try {
    const ConfigValue whole = parse_json({reinterpret_cast<const char*>(data), size}, "input");
    const std::string text = to_json(Mutation(whole, seed).result());
    if (text.size() > most) return LLVMFuzzerMutate(data, size, most);
    std::copy(text.begin(), text.end(), data);
    return text.size();
  } catch (const Error&) {
    return LLVMFuzzerMutate(data, size, most);
  }
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzzing::expect_error_or_success([&] {
    const ConfigValue value = parse_json({reinterpret_cast<const char*>(data), size}, "input");
    const std::string once = to_json(value);
    fuzzing::check(to_json(parse_json(once, "what was written")) == once,
                   "JSON that does not come back as it was written");
    read_model(value);
  });
  return 0;
}
