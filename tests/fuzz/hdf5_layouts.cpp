// The layouts of weights in `.keras`, `.weights.h5` and legacy `.h5` files, over trees that are intact as HDF5 and
// wrong as what they should be. Damaged HDF5 itself is read by another process:
// tests/models/saving/damaged_files_test.cpp.
#include "layers/dense.h"
#include "layers/input.h"
#include "layers/normalization.h"
#include "models/model.h"
#include "models/saving/hdf5_file.h"
#include "models/saving/legacy_layout.h"
#include "models/saving/weights_layout.h"
#include "tests/fuzz/stored_tree.h"

namespace {

using namespace strata;

/// A model of nested layers that has an optimizer with state.
Model make_model(const std::string& optimizer) {
  Sequential inner({layers::Input({4}), layers::Dense(3), layers::BatchNormalization()});
  Sequential model({layers::Input({4}), inner, layers::Dense(2)});
  model.compile({.optimizer = optimizer, .loss = "mse"});
  model.optimizer().build(model.trainable_weights());
  return model;
}

struct Subject {
  Model model;
  fuzzing::DamagedTree weights, legacy;

  static fuzzing::DamagedTree stored(const auto& write) {
    const auto file = Hdf5File::create_bytes("written");
    write(*file);
    return fuzzing::DamagedTree(*Hdf5File::open_bytes(std::string(file->image()), "written"));
  }
  explicit Subject(const std::string& optimizer)
      : model(make_model(optimizer)),
        weights(stored([&](Hdf5File& file) { write_weights(file, model.definition(), true); })),
        legacy(stored([&](Hdf5File& file) {
          write_legacy_weights(file, "model_weights", model.definition());
          write_legacy_optimizer(file, model.optimizer());
        })) {}
};

void read_all(Subject& subject, FuzzedDataProvider& input) {
  ModelDefinition& model = subject.model.definition();
  if (input.ConsumeBool()) {
    fuzzing::DamagedTree tree = subject.weights;
    const bool skip = input.ConsumeBool();
    tree.damage(input);
    fuzzing::expect_error_or_success(
        [&] { read_weights(tree, model, {.where = "input", .skip_mismatch = skip}).assign(); });
    return;
  }
  fuzzing::DamagedTree tree = subject.legacy;
  const LegacyReading reading{.where = "input", .by_name = input.ConsumeBool(), .skip_mismatch = input.ConsumeBool()};
  tree.damage(input);
  fuzzing::expect_error_or_success([&] { read_legacy_weights(tree, "model_weights", model, reading).assign(); });
  fuzzing::expect_error_or_success([&] { read_legacy_optimizer(tree, model, "input").assign(); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Subject subjects[] = {Subject("adam"), Subject("nadam"), Subject("sgd")};
  FuzzedDataProvider input(data, size);
  read_all(subjects[input.ConsumeIntegralInRange<std::size_t>(0, std::size(subjects) - 1)], input);
  return 0;
}
