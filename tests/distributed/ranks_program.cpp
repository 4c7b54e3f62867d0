// A program that trains as one of several processes, or alone: what ranks_test.py and namespaces.py start.
//   ranks_program collectives
//   ranks_program losses network=cnn|xception|dropout [steps=20] [batch=12] [replicas=N: in this process]
//   ranks_program fit [samples=22] [batch=8] [epochs=3] [folder=BACKUP] [seed=N] [units=N] [pipeline=1: from a Dataset]
//                     [check=STEPS] [fault=kill|stop|throw|sleep|leave|drift rank=N at=STEP] [pause=MILLISECONDS]
//   ranks_program misuse=nested|device|outside|batch|batches|shards|nothing
// and timeout=SECONDS with each. What a rank says begins with its number; numbers are hexadecimal, so that nothing is
// lost.
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <thread>

#include "tests/distributed/operands.h"
#include "tests/models/mirrored_networks.h"

namespace strata {
namespace {

class Arguments {
 public:
  Arguments(int count, char** words) {
    for (int i = 0; i < count; ++i) {
      const std::string word = words[i];
      const std::size_t equals = word.find('=');
      if (equals == std::string::npos) throw Error("arguments", "expected key=value; received " + word);
      all_[word.substr(0, equals)] = word.substr(equals + 1);
    }
  }
  std::string text(const std::string& key, const std::string& otherwise = "") const {
    const auto found = all_.find(key);
    return found == all_.end() ? otherwise : found->second;
  }
  std::int64_t number(const std::string& key, std::int64_t otherwise) const {
    return std::stoll(text(key, std::to_string(otherwise)));
  }

 private:
  std::map<std::string, std::string> all_;
};

distribute::Strategy strategy_of(const Arguments& a) {
  const distribute::StrategyOptions options{.timeout_seconds = std::stod(a.text("timeout", "60")),
                                            .check_parameters_every = static_cast<int>(a.number("check", 0))};
  const std::int64_t replicas = a.number("replicas", 0);
  if (replicas == 0) return distribute::MultiWorkerMirroredStrategy({}, options);
  std::vector<std::string> names;
  for (std::int64_t r = 0; r < replicas; ++r) names.push_back("cpu:" + std::to_string(r));
  return distribute::MirroredStrategy(names, options);
}

void say(const distribute::Strategy& strategy, const char* what, double value) {
  std::printf("rank %d %s %a\n", strategy.rank(), what, value);
  std::fflush(stdout);
}

/// Numbers that no two sets of weights share by chance.
double sum_of(const Tensors& tensors) {
  double sum = 0, factor = 1;
  for (const Tensor& t : tensors)
    for (std::int64_t i = 0; i < t.size(); ++i, factor = factor < 2 ? factor + 1e-3 : 1)
      sum += factor * t.at<double>(i);
  return sum;
}

Model network_of(const std::string& name) {
  if (name == "xception") return testing::small_xception();
  if (name == "cnn") return testing::cnn();
  Sequential model({layers::Input({12, 12, 1}), layers::Flatten(), layers::Dense(16, {.activation = "relu"}),
                    layers::Dropout(0.5), layers::Dense(4, {.activation = "softmax"})});
  model.compile({.optimizer = "sgd", .loss = "sparse_categorical_crossentropy"});
  return model;
}

void print_losses(const Arguments& a) {
  const std::int64_t steps = a.number("steps", 20), batch = a.number("batch", 12);
  const auto data = testing::images(batch * steps);
  utils::set_random_seed(7);
  const distribute::Strategy strategy = strategy_of(a);
  if (strategy.rank() > 0) utils::set_random_seed(99);  // the first one's weights are those of all
  const auto scope = strategy.scope();
  Model model = network_of(a.text("network"));
  for (std::int64_t s = 0; s < steps; ++s) {
    model.reset_metrics();
    const Logs logs =
        model.train_on_batch(data.x.rows(s * batch, (s + 1) * batch), data.y.rows(s * batch, (s + 1) * batch));
    say(strategy, "loss", logs["loss"]);
  }
  say(strategy, "weights", sum_of(model.get_weights()));
}

/// Does what is asked for at the beginning of a step.
class Fault : public callbacks::Definition {
 public:
  Fault(const Arguments& a, int rank)
      : kind_(a.number("rank", -1) == rank ? a.text("fault") : ""),
        at_(a.number("at", 0)),
        pause_(a.number("pause", 0)) {}
  void on_train_batch_begin(std::int64_t) override {
    if (pause_ > 0) std::this_thread::sleep_for(std::chrono::milliseconds(pause_));
    if (step_++ != at_) return;
    if (kind_ == "kill") ::raise(SIGKILL);
    if (kind_ == "stop") ::raise(SIGSTOP);
    if (kind_ == "sleep") std::this_thread::sleep_for(std::chrono::seconds(20));
    if (kind_ == "throw") throw Error("fault", "the disk is on fire");
    if (kind_ == "leave") std::exit(0);
    if (kind_ == "drift") model().weights()[0].storage().mutable_data<float>()[0] += 1;
  }

 private:
  std::string kind_;
  std::int64_t at_, pause_, step_ = 0;
};

Sequential fitted_network(std::int64_t units) {
  Sequential model({layers::Input({12, 12, 1}), layers::Conv2D(4, 3, {.use_bias = false}),
                    layers::BatchNormalization({.momentum = 0.8, .synchronized = true}), layers::Activation("relu"),
                    layers::Flatten(), layers::Dense(units, {.activation = "relu"}),
                    layers::Dense(4, {.activation = "softmax"})});
  model.compile({.optimizer = optimizers::Adam({.learning_rate = 0.01}),
                 .loss = "sparse_categorical_crossentropy",
                 .metrics = {"accuracy"}});
  return model;
}

History fit_on(Model& model, const testing::Images& data, const Arguments& a, const distribute::Strategy& strategy,
               FitOptions options) {
  options.validation_data = {data.x, data.y};
  if (a.number("pipeline", 0) == 0) {
    options.batch_size = a.number("batch", 8);
    return model.fit(data.x, data.y, options);
  }
  auto mapped = std::make_shared<std::atomic<int>>(0);
  const auto noise = [mapped](data::Sample s) {
    ++*mapped;
    s.x = s.x + random::uniform({12, 12, 1}, 0, 0.1);
    return s;
  };
  const data::Dataset batches = data::Dataset::from_tensors({data.x}, {data.y})
                                    .shuffle(100, {.seed = 5})
                                    .map(noise, {.num_parallel_calls = 2})
                                    .batch(a.number("batch", 8))
                                    .prefetch(2);
  const History history = model.fit(batches, options);
  say(strategy, "mapped", *mapped);
  return history;
}

void fit(const Arguments& a) {
  const auto data = testing::images(a.number("samples", 22));
  const distribute::Strategy strategy = strategy_of(a);
  utils::set_random_seed(static_cast<std::uint64_t>(a.number("seed", 7)));
  const auto scope = strategy.scope();
  Sequential model = fitted_network(a.number("units", 8));
  Callbacks callbacks{callbacks::make<Fault>(a, strategy.rank())};
  if (const std::string folder = a.text("folder"); !folder.empty()) {
    callbacks.push_back(callbacks::BackupAndRestore(folder + "/backup", {.save_freq = 1}));
    callbacks.push_back(callbacks::CSVLogger(folder + "/log.csv"));
    callbacks.push_back(callbacks::ModelCheckpoint(folder + "/latest.weights.h5", {.save_weights_only = true}));
  }
  const History history =
      fit_on(model, data, a, strategy,
             {.epochs = static_cast<int>(a.number("epochs", 3)), .verbose = 2, .callbacks = callbacks});
  for (const char* log : {"loss", "accuracy", "val_loss", "val_accuracy"})
    for (const double value : history[log]) say(strategy, log, value);
  const Logs logs = model.evaluate(data.x, data.y, {.batch_size = 5, .verbose = 0});
  say(strategy, "evaluated", logs["loss"]);
  say(strategy, "predicted", sum_of({Tensor(model.predict(data.x, {.batch_size = 5, .verbose = 0}))}));
  say(strategy, "weights", sum_of(model.get_weights()));
  if (const std::string folder = a.text("folder"); !folder.empty()) model.save(folder + "/model.keras");
}

void try_collectives(const Arguments& a) {
  const distribute::Strategy strategy = strategy_of(a);
  if (!strategy.processes()) throw Error("collectives", "expected several processes");
  const auto c = strategy.processes()->communicator();
  const int ranks = c->size();
  for (const std::size_t count : {0, 1, 1000, 300'000})
    for (int repetition = 0; repetition < 5; ++repetition) {
      std::vector<float> x = testing::operands<float>(c->rank(), count), part(count);
      c->all_reduce(Reduction::sum, DType::f32, x.data(), x.data(), count);
      for (std::size_t i = 0; i < count; ++i)
        if (x[i] != testing::reduced(Reduction::sum, ranks, i)) throw Error("all_reduce", "is wrong");
      std::vector<float> all(count * static_cast<std::size_t>(ranks));
      c->all_gather(DType::f32, testing::operands<float>(c->rank(), count).data(), all.data(), count);
      c->reduce_scatter(Reduction::max, DType::f32, all.data(), part.data(), count);
      for (std::size_t i = 0; i < count; ++i)
        if (part[i] != testing::operand(c->rank(), i)) throw Error("all_gather or reduce_scatter", "is wrong");
      c->broadcast(DType::f32, part.data(), count, ranks - 1);
      for (std::size_t i = 0; i < count; ++i)
        if (part[i] != testing::operand(ranks - 1, i)) throw Error("broadcast", "is wrong");
      c->barrier();
    }
  say(strategy, "right", 1);
}

/// Ends with the error that it is about.
void misuse(const std::string& kind, const Arguments& a) {
  if (kind == "device") distribute::MultiWorkerMirroredStrategy({"gpu:17"});
  const auto data = testing::images(8);
  Sequential outside({layers::Input({12, 12, 1}), layers::Flatten(), layers::Dense(4)}, "stray");
  const distribute::Strategy strategy = strategy_of(a);
  const auto scope = strategy.scope();
  if (kind == "nested") distribute::OneDeviceStrategy("cpu:0").scope();
  if (kind == "outside") outside.compile({.optimizer = "sgd", .loss = "mse"});
  Sequential model = fitted_network(8);
  const auto samples = data::Dataset::from_tensors({data.x}, {data.y});
  if (kind == "batch") model.fit(data.x, data.y, {.batch_size = 1, .verbose = 0});
  if (kind == "batches") model.fit(samples.batch(1), {.verbose = 0});
  if (kind == "shards") model.fit(samples.shard(2, strategy.rank()).batch(2), {.verbose = 0});
  const bool first = strategy.rank() == 0;
  if (kind == "nothing") model.fit(samples.filter([first](const auto&) { return first; }).batch(2), {.verbose = 0});
  throw Error("ranks_program", "nothing is wrong with misuse=" + kind);
}

}  // namespace
}  // namespace strata

int main(int argc, char** argv) {
  try {
    const std::string mode = argc > 1 ? argv[1] : "";
    const strata::Arguments arguments(argc - 2, argv + 2);
    if (mode.starts_with("misuse="))
      strata::misuse(mode.substr(7), arguments);
    else if (mode == "losses")
      strata::print_losses(arguments);
    else if (mode == "fit")
      strata::fit(arguments);
    else if (mode == "collectives")
      strata::try_collectives(arguments);
    else
      throw strata::Error("ranks_program", "expected losses, fit, collectives or misuse=KIND");
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
  return 0;
}
