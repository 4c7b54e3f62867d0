// Files of every kind, cut off and with flipped bits: each is an error or loads, in bounded time and memory, and the
// caller lives. Kinds that HDF5 reads are read isolated; how many of their readers died is printed. And files that are
// intact, but ask for more than they may.
//
// STRATA_DAMAGE_SEED repeats a run, STRATA_DAMAGE_PLACES (10,000; with sanitizers 1,000) says how many files have one
// to three bits flipped.
#include <hdf5.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <zip.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <mutex>
#include <random>
#include <thread>

#include "core/base/sanitizers.h"
#include "core/base/zip_archive.h"
#include "core/device/allocation_budget.h"
#include "data/gzip.h"
#include "data/idx.h"
#include "data/npy_header.h"
#include "models/saving/hdf5_file.h"
#include "tests/data/make_files.h"
#include "tests/models/saving/saving_testing.h"
#include "tests/support/messages.h"
#include "tests/support/own_program.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using testing::bytes_of;
using testing::write_bytes;

constexpr bool sanitized = STRATA_ADDRESS_SANITIZER;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* const given = std::getenv(name);
  return given ? std::strtoull(given, nullptr, 10) : otherwise;
}

Sequential network() {
  Sequential model({layers::Input({6}), layers::Dense(5), layers::BatchNormalization(), layers::Dense(2)});
  model.compile({.optimizer = "adam", .loss = "mse"});
  return model;
}

/// A kind of file: how it is made and what reading it does, which throws an Error or has checked what it got.
struct Kind {
  std::string name;
  double share;  ///< of the places
  std::function<void(const std::string& file)> make;
  std::function<void(const std::string& file)> read;
};

/// What became of the files.
struct Counts {
  int loaded = 0, refused = 0, died = 0, late = 0;
  double longest = 0;  // seconds
  std::vector<std::string> wrong;
};

class DamagedFiles : public testing::TemporaryFolder {
 protected:
  void SetUp() override {
    TemporaryFolder::SetUp();
    // The reader itself, but with 5 seconds to hang instead of 60.
    const std::string reader = (testing::own_program().parent_path() / "../lib/strata/strata-read").lexically_normal();
    ASSERT_TRUE(fs::exists(reader)) << reader;
    write_bytes(file("reader"), "#!/bin/sh\nexec '" + reader + "' \"$1\" \"$2\" 5\n");
    ::chmod(file("reader").c_str(), 0700);
    ::setenv("STRATA_READER", file("reader").c_str(), 1);
    testing::train(model_);
  }
  void TearDown() override {
    ::unsetenv("STRATA_READER");
    TemporaryFolder::TearDown();
  }

  std::vector<Kind> kinds();
  /// Writes and reads one damaged file.
  void try_one(const Kind& kind, const std::string& file, const std::string& content, const std::string& what,
               Counts& counts);
  /// Runs job(i, a file of its own) for i below count on all processors.
  void in_parallel(std::size_t count, const std::string& name,
                   const std::function<void(std::size_t, const std::string&)>& job);

  Sequential model_ = network();
  std::mutex mutex_;
};

void expect_same(const Tensor& a, const Tensor& b) {
  if (a.type() != b.type() || std::memcmp(a.raw(), b.raw(), a.bytes()) != 0)
    throw std::runtime_error("loaded other numbers than were saved");
}

/// Whether the weights fit the model, and where the file has checksums, are those that were saved.
void expect_weights(const Tensors& weights, const Tensors& saved, bool has_checksums) {
  if (weights.size() != saved.size()) throw std::runtime_error("loaded another number of weights");
  for (std::size_t i = 0; i < saved.size(); ++i) {
    if (weights[i].type() != saved[i].type()) throw std::runtime_error("loaded weights of other types");
    if (has_checksums) expect_same(weights[i], saved[i]);
  }
}

std::vector<Kind> DamagedFiles::kinds() {
  const Tensors saved = model_.get_weights();
  const Tensor x = random::normal({40, 3}), y = Tensor::from<std::int64_t>({5}, {1, 2, 3, 4, 5});
  const std::string images = idx({6, 7, 5}, std::string(210, 'i'));
  const auto load_whole = [saved](const std::string& file) {
    // A zip archive has checksums of its members, plain HDF5 has none.
    expect_weights(load_model(file, {.isolated = true}).get_weights(), saved, file.ends_with(".keras"));
  };
  return {
      {"a.keras", 0.25, [this](const std::string& file) { model_.save(file); }, load_whole},
      {"a.h5", 0.25, [this](const std::string& file) { model_.save(file); }, load_whole},
      {"a.weights.h5", 0.25, [this](const std::string& file) { model_.save_weights(file); },
       [saved](const std::string& file) {
         Sequential model = network();
         model.load_weights(file, {.isolated = true});
         expect_weights(model.get_weights(), saved, false);
       }},
      {"a.npz", 0.1,
       [=](const std::string& file) {
         data::save_npz(file, {{"x", x}, {"y", y}});
       },
       [=](const std::string& file) {
         const data::NamedArrays arrays = data::load_npz(file);
         if (arrays.size() != 2) throw std::runtime_error("loaded another number of arrays");
         expect_same(arrays[0].second, x);
         expect_same(arrays[1].second, y);
       }},
      {"a.npy", 0.075, [=](const std::string& file) { data::save_npy(file, x); },
       [=](const std::string& file) {  // the type itself may have changed
         if (data::load_npy(file).bytes() > 4 * x.bytes()) throw std::runtime_error("loaded more than there is");
       }},
      {"a.gz", 0.075, [=](const std::string& file) { write_bytes(file, gzipped(images)); },
       [=](const std::string& file) {
         const Tensor t = data::parse_idx(data::read_content(file, 1 << 20), 3, file);
         if (t.shape() != Shape{6, 7, 5} || t.at<int>(209) != 'i') throw std::runtime_error("loaded other images");
       }},
  };
}

void DamagedFiles::try_one(const Kind& kind, const std::string& file, const std::string& content,
                           const std::string& what, Counts& counts) {
  using Clock = std::chrono::steady_clock;
  write_bytes(file, content);
  const auto start = Clock::now();
  int* outcome = &counts.loaded;
  std::string wrong;
  try {
    kind.read(file);
  } catch (const Error& e) {
    const std::string message = e.what();
    outcome = message.find("isolated reader died") != std::string::npos             ? &counts.died
              : message.find("isolated reader gave no answer") != std::string::npos ? &counts.late
                                                                                    : &counts.refused;
    if (message.find(fs::path(file).filename()) == std::string::npos)
      wrong = "an error that does not name the file: " + message;
  } catch (const std::exception& e) {
    wrong = e.what();
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  const std::lock_guard lock(mutex_);
  ++*outcome;
  counts.longest = std::max(counts.longest, seconds);
  if (!wrong.empty()) counts.wrong.push_back(kind.name + ", " + what + ": " + wrong);
}

void DamagedFiles::in_parallel(std::size_t count, const std::string& name,
                               const std::function<void(std::size_t, const std::string&)>& job) {
  std::atomic<std::size_t> next = 0;
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < std::max(2u, std::thread::hardware_concurrency()); ++t)
    threads.emplace_back([&, t] {
      const std::string folder = file("thread" + std::to_string(t));
      fs::create_directories(folder);
      for (std::size_t i = next++; i < count; i = next++) job(i, folder + "/" + name);
    });
  for (std::thread& thread : threads) thread.join();
}

std::int64_t most_memory(int of) {
  rusage usage{};
  ::getrusage(of, &usage);
  return usage.ru_maxrss / 1024;  // MiB
}

TEST_F(DamagedFiles, CutOffAtEveryHundredthAreErrors) {
  for (const Kind& kind : kinds()) {
    kind.make(file(kind.name));
    const std::string good = bytes_of(file(kind.name));
    Counts counts;
    in_parallel(100, kind.name, [&](std::size_t percent, const std::string& file) {
      try_one(kind, file, good.substr(0, good.size() * percent / 100), std::to_string(percent) + " %", counts);
    });
    EXPECT_EQ(counts.refused, 100) << kind.name;
    for (const std::string& wrong : counts.wrong) ADD_FAILURE() << wrong;
  }
}

TEST_F(DamagedFiles, FlippedBitsAreErrorsOrLoad) {
  const std::uint64_t seed = from_environment("STRATA_DAMAGE_SEED", std::random_device{}());
  const auto places = static_cast<double>(from_environment("STRATA_DAMAGE_PLACES", sanitized ? 1'000 : 10'000));
  const std::int64_t memory_before = most_memory(RUSAGE_SELF);
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  Counts all;
  if (!sanitized) ::testing::internal::CaptureStderr();  // thousands of warnings that an optimizer does not fit
  for (const Kind& kind : kinds()) {
    kind.make(file(kind.name));
    const std::string good = bytes_of(file(kind.name));
    Counts counts;
    in_parallel(static_cast<std::size_t>(places * kind.share), kind.name, [&](std::size_t i, const std::string& file) {
      std::mt19937_64 random(seed + i);
      std::string damaged = good, where;
      for (std::size_t bits = 1 + random() % 3; bits > 0; --bits) {
        const std::size_t at = random() % good.size(), bit = random() % 8;
        damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
        where += (where.empty() ? "bit " : ", bit ") + std::to_string(bit) + " of byte " + std::to_string(at);
      }
      try_one(kind, file, damaged, where, counts);
    });
    std::printf("%-13s %5d loaded, %5d refused, %3d readers died, %d hung; the longest took %.1f s\n",
                kind.name.c_str(), counts.loaded, counts.refused, counts.died, counts.late, counts.longest);
    for (const std::string& wrong : counts.wrong) ADD_FAILURE() << wrong;
    EXPECT_LT(counts.longest, 120) << kind.name;
    all.died += counts.died + counts.late;
  }
  if (!sanitized) ::testing::internal::GetCapturedStderr();
  std::printf("%d isolated readers died or hung\n", all.died);
  // Small files: what any of them can make this process hold is far below what a sane one of its size could.
  EXPECT_LT(most_memory(RUSAGE_SELF) - memory_before, 1024);
  EXPECT_LT(most_memory(RUSAGE_CHILDREN), 2560);
}

/// The file with one text in place of another, both occurring once; archives are written anew.
void replace_in_archive(const std::string& file, const std::string& text, const std::string& by) {
  const auto in = ZipReader::open(file);
  std::vector<std::string> contents;
  for (const ZipReader::Member& member : in->members()) contents.push_back(in->read(member.name, ~std::uint64_t{0}));
  std::vector<ZipContent> members;
  for (std::size_t i = 0; i < contents.size(); ++i) {
    if (const std::size_t at = contents[i].find(text); at != std::string::npos)
      contents[i].replace(at, text.size(), by);
    members.push_back({in->members()[i].name, contents[i]});
  }
  write_zip(file + ".new", members);
  std::filesystem::rename(file + ".new", file);
}

TEST_F(DamagedFiles, AFileMayNotAskForMoreMemoryThanItAccountsFor) {
  Sequential a({layers::Input({6}), layers::Dense(8)});
  a.save(file("a.keras"));
  replace_in_archive(file("a.keras"), "\"units\": 8", "\"units\": 100000000");  // 2.4 GB of weights
  EXPECT_ERROR(load_model(file("a.keras")), "asks for more memory than its size accounts for");
  EXPECT_THROW(load_model(file("a.keras"), {.isolated = true}), MemoryError);
}

TEST_F(DamagedFiles, WeightsThatAFileBringsAreNotDrawnFirst) {
  Sequential a({layers::Input({6}), layers::Dense(8)});
  a.save(file("a.keras"));
  replace_in_archive(file("a.keras"), "\"units\": 8", "\"units\": 5000");
  replace_in_archive(file("a.keras"), "\"GlorotUniform\"", "\"Orthogonal\"");
  replace_in_archive(file("a.keras"), "[null, 6]", "[null, 5000]");
  const auto start = std::chrono::steady_clock::now();
  EXPECT_ERROR(load_model(file("a.keras")), "shape [5000,5000], but the file holds [6,8]");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));  // drawn, it takes minutes
}

TEST_F(DamagedFiles, TextsInArchivesAreBounded) {
  write_zip(file("a.keras"), {{"config.json", std::string((std::size_t{64} << 20) + 1, ' ')}});
  for (const bool isolated : {false, true})
    EXPECT_ERROR(load_model(file("a.keras"), {.isolated = isolated}),
                 "'config.json' holds 67108865 bytes; expected at most 67108864");
}

// Forty arrays that are each within the limits of one.
TEST_F(DamagedFiles, AnArchiveOfArraysIsBoundedAsAWhole) {
  const std::string array = data::npy_header("|u1", {30'000'000}) + std::string(30'000'000, '\0');
  int code = 0;
  zip_t* const archive = zip_open(file("a.npz").c_str(), ZIP_CREATE, &code);
  for (int i = 0; i < 40; ++i)
    zip_file_add(archive, (std::to_string(i) + ".npy").c_str(),
                 zip_source_buffer(archive, array.data(), array.size(), 0), 0);
  ASSERT_EQ(zip_close(archive), 0);
  EXPECT_EQ(data::load_npz(file("a.npz"), "39").shape(), Shape{30'000'000});
  EXPECT_ERROR(data::load_npz(file("a.npz")), "more than 100 times as many, which is refused");
}

// Links make one group of 1000 weights any number of layers.
TEST_F(DamagedFiles, WeightsThatLinksMultiplyAreBounded) {
  std::vector<std::string> layers, weights;
  for (int i = 0; i < 1001; ++i) layers.push_back("layer" + std::to_string(i));
  for (int i = 0; i < 1000; ++i) weights.push_back("w" + std::to_string(i));
  {
    const auto out = Hdf5File::create(file("a.h5"));
    out->write_texts("", "layer_names", layers, Hdf5Text::fixed_ascii);
    out->create_group("layer0");
    out->write_texts("layer0", "weight_names", weights, Hdf5Text::fixed_ascii);
    out->close();
  }
  const hid_t id = H5Fopen(file("a.h5").c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  for (int i = 1; i < 1001; ++i)
    H5Lcreate_hard(id, "/layer0", id, layers[static_cast<std::size_t>(i)].c_str(), H5P_DEFAULT, H5P_DEFAULT);
  ASSERT_GE(H5Fclose(id), 0);
  EXPECT_ERROR(model_.load_weights(file("a.h5")), "lists more than 1000000 weights");
}

// What layers and metrics hold beside tensors may not be larger than a file accounts for, either.
TEST_F(DamagedFiles, TablesThatAConfigAsksForAreCounted) {
  const AllocationBudget budget("a.keras", std::uint64_t{64} << 20);
  const auto upsampling = [](const std::string& factor) {
    return R"({"class_name": "Sequential", "config": {"name": "s", "layers": [{"class_name": "InputLayer", "config":
      {"batch_shape": [null, 4, 4, 1], "name": "in"}}, {"class_name": "UpSampling2D", "config": {"name": "u",
      "interpolation": "bilinear", "size": [1, )" +
           factor + "]}}]}}";
  };
  EXPECT_ERROR(model_from_json(upsampling("10000000")), "expected heights and widths of 1 to 16777216");
  EXPECT_ERROR(metrics::AUC({.num_thresholds = std::int64_t{1} << 40}), "[a.keras] asks for more memory");
}

}  // namespace
}  // namespace strata
