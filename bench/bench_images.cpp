// The worker that bench/images.py times beside tf.data and PyTorch's DataLoader:
//   bench_images DIRECTORY HEIGHT WIDTH WORKERS [scaled]
// answers each line `pass` with the seconds, the processor's seconds and the number of images of one pass over the
// folder: decode, resize, flip half of them, batch by 64. With `scaled`, JPEG files are decoded at a part of their
// size.
#include <strata/strata.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <string>

using namespace strata;

namespace {

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

double processor_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// Every second image from right to left.
data::Sample flip(data::Sample sample, std::uint64_t seed) {
  if (seed % 2 == 0) return sample;
  const std::int64_t height = sample.x.shape()[0], width = sample.x.shape()[1], channels = sample.x.shape()[2];
  Tensor flipped(DType::f32, sample.x.shape(), Device{});
  const float* from = sample.x.data<float>().data();
  float* const to = flipped.mutable_data<float>().data();
  for (std::int64_t y = 0; y < height; ++y)
    for (std::int64_t x = 0; x < width; ++x)
      for (std::int64_t c = 0; c < channels; ++c) to[(y * width + width - 1 - x) * channels + c] = *from++;
  sample.x = flipped;
  return sample;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) return std::fprintf(stderr, "usage: %s DIRECTORY HEIGHT WIDTH WORKERS [scaled]\n", argv[0]), 2;
  config::set_num_threads(std::atoi(argv[4]));
  const auto images =
      data::image_dataset_from_directory(argv[1], {.batch_size = 0,
                                                   .image_size = {std::atoll(argv[2]), std::atoll(argv[3])},
                                                   .seed = 1,
                                                   .verbose = false,
                                                   .scaled_decoding = argc > 5});
  const auto batches = images.map(flip).batch(64).prefetch(2);
  std::printf("ready 0 strata\n");
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    const double begin = seconds(), working = processor_seconds();
    std::int64_t count = 0;
    for (const data::Sample& batch : batches) count += batch.x.shape()[0];
    std::printf("pass %.6f %.6f %lld\n", seconds() - begin, processor_seconds() - working,
                static_cast<long long>(count));
    std::fflush(stdout);
  }
}
