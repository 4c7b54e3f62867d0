#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <sstream>
#include <thread>

#include "core/base/atomic_file.h"
#include "tools/strata/bench_peers.h"
#include "tools/strata/bench_report.h"
#include "tools/strata/commands.h"
#include "tools/strata/device_argument.h"

namespace strata::tools {

namespace {
/// What a peer may take to get ready, compiling included; one that takes longer is reported so.
constexpr double longest_start = 600;

struct Arguments {
  std::string frontend, batch_sizes, precisions = "float32", devices, pythons = "python3", peers, json, svg;
  std::vector<std::string> networks;
  std::int64_t image_size = 0, steps = 20, examples = 0, rounds = 7;
  int threads = 0, warmup = 2;
  bool train = false, inference = false, compare = false;
};

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> words;
  std::istringstream rest(list);
  for (std::string word; std::getline(rest, word, ',');)
    if (!word.empty()) words.push_back(word);
  return words;
}

std::vector<std::int64_t> batch_sizes_of(const std::string& list) {
  std::vector<std::int64_t> sizes;
  for (const std::string& word : split(list)) {
    if (word.size() > 9 || word.find_first_not_of("0123456789") != std::string::npos || std::stoll(word) < 1)
      throw UsageError("--batch-size " + list + ": expected positive numbers with commas between them");
    sizes.push_back(std::stoll(word));
  }
  return sizes;
}

std::vector<Mode> modes_of(const Arguments& a) {
  if (a.train == a.inference) return {Mode::train, Mode::infer};
  return {a.train ? Mode::train : Mode::infer};
}

std::vector<BenchCase> cases_of(const Arguments& a) {
  const std::vector<Device> devices = devices_of_list(a.devices);
  const std::vector<std::int64_t> sizes = batch_sizes_of(a.batch_sizes);
  std::vector<BenchCase> cases;
  for (const BenchNetwork& network : bench_networks_named(a.networks))
    for (const Mode mode : modes_of(a))
      for (const Device device : devices)
        for (const std::string& precision : split(a.precisions))
          for (const std::int64_t size : sizes.empty() ? std::vector{network.batch_size} : sizes)
            cases.push_back(
                {network, a.image_size > 0 ? a.image_size : network.image_size, mode, device, precision, size});
  return cases;
}

/// What can be wrong is found before anything is measured.
void check(const Arguments& a, const std::vector<BenchCase>& cases) {
  for (const BenchCase& c : cases) {
    try {
      static_cast<void>(DTypePolicy(c.precision));
    } catch (const Error& e) {
      throw UsageError("--precision " + a.precisions + ": " + e.message());
    }
    if (a.compare && c.device.kind != DeviceKind::cpu)
      throw UsageError("--compare measures on the processor; received --device " + a.devices +
                       ". tools/gpu_report compares on a GPU");
  }
}

/// Ops without kernels of their own for 16 bits compute in f32, so a case is held against the better of the two.
std::vector<DType> dtypes_for_peak(const BenchCase& c) {
  const DType dtype = DTypePolicy(c.precision).compute_dtype();
  return dtype == DType::f16 || dtype == DType::bf16 ? std::vector{DType::f32, dtype} : std::vector{dtype};
}

/// Peaks of all devices and element types that occur.
std::vector<BenchReport::Peak> peaks_for(const std::vector<BenchCase>& cases) {
  std::vector<BenchReport::Peak> peaks;
  for (const BenchCase& c : cases)
    for (const DType dtype : dtypes_for_peak(c)) {
      const auto known = [&](const BenchReport::Peak& p) { return p.device == c.device && p.dtype == dtype; };
      if (std::ranges::none_of(peaks, known)) peaks.push_back({c.device, dtype, measure_roofline(c.device, dtype)});
    }
  return peaks;
}

double peak_flops_for(const BenchCase& c, const std::vector<BenchReport::Peak>& peaks) {
  const std::vector<DType> dtypes = dtypes_for_peak(c);
  double best = 0;
  for (const BenchReport::Peak& p : peaks)
    if (p.device == c.device && std::ranges::find(dtypes, p.dtype) != dtypes.end())
      best = std::max(best, p.roofline.flops);
  return best;
}

/// Ours and the peers take turns; each round begins with another one, so that slow drifts of the machine fall on all.
class Comparison {
 public:
  Comparison(BenchRun& ours, const BenchCase& c, const std::vector<Peer>& peers, int threads) : ours_(ours) {
    for (const Peer& peer : peers) {
      Contestant contestant{std::make_unique<PeerWorker>(peer, c, threads), {}};
      contestant.measures.name = peer.name();
      attempt(contestant, [&] { contestant.measures.version = contestant.worker->ready(longest_start); });
      attempt(contestant, [&] { contestant.worker->seconds_of_batch(1, longest_start); });  // compiles
      contestants_.push_back(std::move(contestant));
    }
  }

  void round(std::int64_t number, std::int64_t batches) {
    const auto turns = static_cast<std::int64_t>(contestants_.size()) + 1;
    double own = 0;
    std::vector<double> theirs(contestants_.size());
    for (std::int64_t turn = 0; turn < turns; ++turn) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));  // threads of the turn before fall asleep
      const auto who = static_cast<std::size_t>((turn + number) % turns);
      if (who == contestants_.size()) {
        own = ours_.run(batches) / static_cast<double>(batches);
        continue;
      }
      Contestant& c = contestants_[who];
      attempt(c, [&] { theirs[who] = c.worker->seconds_of_batch(batches, longest_start); });
    }
    for (std::size_t i = 0; i < contestants_.size(); ++i) {
      if (!contestants_[i].measures.error.empty()) continue;
      contestants_[i].measures.seconds.push_back(theirs[i]);
      contestants_[i].measures.ratios.push_back(theirs[i] / own);
    }
  }

  std::vector<PeerMeasures> measures() const {
    std::vector<PeerMeasures> all;
    for (const Contestant& c : contestants_) all.push_back(c.measures);
    return all;
  }

 private:
  struct Contestant {
    std::unique_ptr<PeerWorker> worker;
    PeerMeasures measures;
  };

  /// A peer that fails is out, and the others go on.
  static void attempt(Contestant& c, const auto& work) {
    if (!c.measures.error.empty()) return;
    try {
      work();
    } catch (const Error& e) {
      c.measures.error = e.message();
      c.worker.reset();
    }
  }

  BenchRun& ours_;
  std::vector<Contestant> contestants_;
};

std::int64_t batches_of(const Arguments& a, const BenchCase& c) {
  return a.examples > 0 ? (a.examples + c.batch_size - 1) / c.batch_size : a.steps;
}

void measure(const Arguments& a, const std::vector<Peer>& peers, int threads, BenchRow& row) {
  BenchRun run(row.what);
  for (int i = 0; i < a.warmup; ++i) run.warm_up();
  const std::int64_t batches = batches_of(a, row.what);
  if (peers.empty()) {
    run.run(batches);
  } else {
    Comparison comparison(run, row.what, peers, threads);
    for (std::int64_t r = 0; r < a.rounds; ++r) comparison.round(r, (batches + a.rounds - 1) / a.rounds);
    row.peers = comparison.measures();
  }
  const double peak = row.ours.peak_flops;
  row.ours = run.finish();
  row.ours.peak_flops = peak;
}

void write(const std::string& path, const std::string& text) {
  if (path.empty()) return;
  AtomicFile file(path);
  file.write(text);
  file.commit();
  std::printf("written to %s\n", path.c_str());
}

void run(const Arguments& a) {
  const std::vector<BenchCase> cases = cases_of(a);
  check(a, cases);
  config::set_num_threads(a.threads);
  Peers peers;
  if (a.compare) peers = find_peers(split(a.pythons), split(a.peers));
  BenchReport report{.threads = config::num_threads(), .warmup = a.warmup, .rounds = a.compare ? a.rounds : 0};
  report.missing_peers = peers.missing;
  report.peaks = peaks_for(cases);
  std::printf("%s", report.head().c_str());
  std::size_t failed = 0;
  for (const BenchCase& c : cases) {
    BenchRow row{c, {}, {}};
    row.ours.peak_flops = peak_flops_for(c, report.peaks);
    try {
      measure(a, peers.found, report.threads, row);
    } catch (const Error& e) {
      row.ours.error = e.what();
      ++failed;
    }
    std::printf("%s", report.lines(row).c_str());
    std::fflush(stdout);
    report.rows.push_back(std::move(row));
  }
  write(a.json, report.json());
  write(a.svg, report.svg());
  if (failed > 0) throw Error("bench", std::to_string(failed) + " of " + std::to_string(cases.size()) + " rows failed");
}

void add_options(CLI::App& command, Arguments& a) {
  command.add_option("FRONTEND", a.frontend, "keras, the only one")->required()->check(CLI::IsMember({"keras"}));
  command.add_option("NETWORK", a.networks, "networks, or all")->required();
  command.add_flag("--train", a.train, "training steps only; default: training and inference");
  command.add_flag("--inference", a.inference, "inference only");
  command.add_option("--batch-size", a.batch_sizes, "images in a batch, as 1,8,16; default: the network's own");
  command.add_option("--precision", a.precisions, "dtype policies, as float32,mixed_bfloat16,mixed_float16")
      ->capture_default_str();
  command.add_option("--device", a.devices,
                     "devices with commas between them, as cpu:0,gpu:0; default: cpu:0, and gpu:0 if there is one");
  command.add_option("--image-size", a.image_size, "height and width; default: the network's own")
      ->check(CLI::PositiveNumber);
  command.add_option("--threads", a.threads, "processor threads; 0 means all")->check(CLI::NonNegativeNumber);
  command.add_option("--warmup", a.warmup, "batches after the first that are not timed")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  CLI::Option* steps = command.add_option("--steps", a.steps, "batches that are timed")
                           ->check(CLI::PositiveNumber)
                           ->capture_default_str();
  command.add_option("-n,--examples", a.examples, "the same as a number of images")
      ->check(CLI::PositiveNumber)
      ->excludes(steps);
  command.add_option("--json", a.json, "write all numbers to this file");
  command.add_option("--svg", a.svg, "draw a chart into this file");
  CLI::Option* compare =
      command.add_flag("--compare", a.compare, "run Keras on TensorFlow and PyTorch beside it, in alternating rounds");
  command.add_option("--rounds", a.rounds, "into which the timed batches are divided for that")
      ->check(CLI::PositiveNumber)
      ->capture_default_str()
      ->needs(compare);
  command.add_option("--python", a.pythons, "interpreters that may have them, with commas between them")
      ->capture_default_str()
      ->needs(compare);
  command.add_option("--peers", a.peers, "only modes whose name contains one of these words, as torch,graph")
      ->needs(compare);
}

std::string help() {
  std::string names;
  for (const BenchNetwork& network : bench_networks()) names += (names.empty() ? "" : ", ") + network.name;
  return "Networks: " + names +
         ".\n\nWeights and images are random. For each row: median time of a batch, with the range of four fifths of "
         "them;\n"
         "time of the first batch, for which the step is compiled; memory of variables and of the step's plan; on the\n"
         "processor the most memory that the process had. GFLOP/s counts products and convolutions by their "
         "definitions,\n"
         "and `peak` is its share of what the device reached in a large product just before.\n\n"
         "Examples:\n  strata bench keras mobilenet\n"
         "  strata bench keras mnist_cnn xception --train --batch-size 4,16 --json numbers.json --svg chart.svg\n"
         "  strata bench keras mobilenet --inference --compare --python venv/bin/python";
}
}  // namespace

void add_bench(CLI::App& strata) {
  CLI::App* command = strata.add_subcommand("bench", "measures training and inference of known networks");
  const auto a = std::make_shared<Arguments>();
  add_options(*command, *a);
  command->footer(help());
  command->callback([a] { run(*a); });
}

}  // namespace strata::tools
