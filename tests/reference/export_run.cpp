// Ten training steps of the library, written as .npy files for mnist_reference.py to follow in double precision.
// usage: export_run FOLDER mlp|cnn adam|sgd|momentum
#include <strata/strata.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

using namespace strata;

namespace {

constexpr std::int64_t steps = 10, seed_of_first_dropout = 7;

/// NumPy's format 1.0 (numpy.lib.format): magic, header length, a Python dictionary padded to 64 bytes, raw data.
void save_npy(const std::filesystem::path& file, const Tensor& t) {
  std::string shape;
  for (std::int64_t d : t.shape()) shape += std::to_string(d) + ",";
  const std::string type = t.dtype() == DType::f32 ? "<f4" : t.dtype() == DType::i64 ? "<i8" : "|u1";
  std::string header = "{'descr': '" + type + "', 'fortran_order': False, 'shape': (" + shape + "), }";
  header.append((64 - (10 + header.size() + 1) % 64) % 64, ' ');
  header += '\n';
  std::ofstream out(file, std::ios::binary);
  out.write("\x93NUMPY\x01\x00", 8);
  const auto length = static_cast<std::uint16_t>(header.size());
  out.write(reinterpret_cast<const char*>(&length), 2);
  out << header;
  out.write(reinterpret_cast<const char*>(t.raw()), static_cast<std::streamsize>(t.bytes()));
  if (!out) throw Error(file.string(), "cannot be written");
}

Sequential make_model(bool cnn) {
  const auto seed = [](int k) { return layers::DropoutOptions{.seed = seed_of_first_dropout + k}; };
  if (cnn)
    return Sequential({layers::Input({28, 28, 1}), layers::Conv2D(32, 3, {.activation = "relu"}),
                       layers::Conv2D(64, 3, {.activation = "relu"}), layers::MaxPooling2D(2), layers::Dropout(0.25, seed(0)),
                       layers::Flatten(), layers::Dense(128, {.activation = "relu"}), layers::Dropout(0.5, seed(1)),
                       layers::Dense(10, {.activation = "softmax"})});
  return Sequential({layers::Input({28, 28, 1}), layers::Flatten(), layers::Dense(512, {.activation = "relu"}),
                     layers::Dropout(0.2, seed(0)), layers::Dense(512, {.activation = "relu"}), layers::Dropout(0.2, seed(1)),
                     layers::Dense(10, {.activation = "softmax"})});
}

/// Keras's zeros put the background of every image exactly onto the kink of ReLU, where any rounding decides and two
/// correct programs part. Biases of up to 0.1 move it off.
void move_biases(Sequential& model) {
  Tensors weights = model.get_weights();
  for (Tensor& w : weights)
    if (w.shape().rank() == 1) w = random::uniform(w.shape(), -0.1, 0.1);
  model.set_weights(weights);
}

Optimizer make_optimizer(const std::string& name, std::string& json) {
  if (name == "adam") {
    json = R"({"name": "adam", "learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7})";
    return optimizers::Adam({.learning_rate = 1e-3});
  }
  const double momentum = name == "momentum" ? 0.9 : 0.0;
  json = R"({"name": "sgd", "learning_rate": 0.01, "momentum": )" + std::to_string(momentum) + "}";
  return optimizers::SGD({.learning_rate = 0.01, .momentum = momentum});
}

void run(const std::filesystem::path& folder, const std::string& kind, const std::string& optimizer_name) {
  std::filesystem::create_directories(folder);
  utils::set_random_seed(11);
  const std::int64_t batch = kind == "cnn" ? 4 : 32;
  auto [train, test] = datasets::mnist::load_data({.quiet = true});
  const Tensor x = expand_dims(cast(train.x.rows(0, steps * batch), DType::f32) / 255.0f, -1);
  Sequential model = make_model(kind == "cnn");
  std::string optimizer_json;
  model.compile({.optimizer = make_optimizer(optimizer_name, optimizer_json), .loss = "sparse_categorical_crossentropy"});

  move_biases(model);
  Tensors weights = model.get_weights();
  for (std::size_t i = 0; i < weights.size(); ++i) save_npy(folder / ("w" + std::to_string(i) + ".npy"), weights[i]);
  save_npy(folder / "x.npy", x.with_shape({steps, batch, 28, 28, 1}));
  save_npy(folder / "y.npy", train.y.rows(0, steps * batch).with_shape({steps, batch}));

  std::vector<float> losses;
  for (std::int64_t s = 0; s < steps; ++s) {
    model.reset_metrics();
    const Logs logs = model.train_on_batch(x.rows(s * batch, (s + 1) * batch), train.y.rows(s * batch, (s + 1) * batch));
    losses.push_back(static_cast<float>(logs["loss"]));
  }
  save_npy(folder / "losses.npy", Tensor::from<float>({steps}, losses));
  weights = model.get_weights();
  for (std::size_t i = 0; i < weights.size(); ++i) save_npy(folder / ("final_w" + std::to_string(i) + ".npy"), weights[i]);
  std::ofstream(folder / "meta.json") << R"({"model": ")" << kind << R"(", "optimizer": )" << optimizer_json << R"(, "steps": )" << steps
                                      << R"(, "batch": )" << batch << R"(, "dropout": [{"layer": "dropout", "seed": )"
                                      << seed_of_first_dropout << R"(, "stream": 0, "step0": 0}, {"layer": "dropout_1", "seed": )"
                                      << seed_of_first_dropout + 1 << R"(, "stream": 0, "step0": 0}]})" << "\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return std::fprintf(stderr, "usage: %s FOLDER mlp|cnn adam|sgd|momentum\n", argv[0]), 2;
  try {
    run(argv[1], argv[2], argv[3]);
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "export_run: %s\n", e.what());
    return 1;
  }
}
