#include "data/image_dataset.h"

#include <cstdio>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

#include "core/base/error.h"
#include "core/ops/ops.h"
#include "data/image.h"
#include "data/image_decoding.h"
#include "data/image_listing.h"

namespace strata::data {

namespace {

Tensor label_tensor(std::int32_t label, const std::string& label_mode, std::size_t classes) {
  if (label_mode == "int") return Tensor::scalar(label);
  if (label_mode == "binary") return Tensor::from({1}, std::vector<float>{static_cast<float>(label)});
  std::vector<float> one_hot(classes, 0.0f);
  one_hot[static_cast<std::size_t>(label)] = 1;
  return Tensor::from({static_cast<std::int64_t>(classes)}, one_hot);
}

/// Which files a pass went on without: each is reported once.
class DamagedFiles {
 public:
  void report(const std::string& path, const Error& error) {
    const std::lock_guard lock(mutex_);
    if (reported_.insert(path).second) std::fprintf(stderr, "skipped: %s\n", error.what());
  }

 private:
  std::mutex mutex_;
  std::set<std::string> reported_;
};

/// Makes samples out of the numbers of files. One that is skipped has no x.
class FileReader {
 public:
  FileReader(Files files, std::size_t classes, const ImageDatasetOptions& o)
      : files_(std::move(files)), classes_(classes), o_(o) {
    load_.height = o.image_size[0];
    load_.width = o.image_size[1];
    load_.color_mode = o.color_mode;
    load_.interpolation = o.interpolation;
    load_.antialias = o.antialias;
    load_.crop_to_aspect_ratio = o.crop_to_aspect_ratio;
    load_.pad_to_aspect_ratio = o.pad_to_aspect_ratio;
    load_.scaled_decoding = o.scaled_decoding;
  }

  Sample read(std::int64_t number) const {
    const LabelledFile& file = files_[static_cast<std::size_t>(number)];
    Sample sample;
    try {
      sample.x = image::load(file.path, load_);
    } catch (const Error& e) {
      if (o_.damaged_files == "error") throw;
      damaged_->report(file.path, e);
      return sample;
    }
    if (o_.data_format == "channels_first") sample.x = transpose(sample.x, {2, 0, 1});
    if (wants_labels(o_)) sample.y = label_tensor(file.label, o_.label_mode, classes_);
    return sample;
  }

 private:
  Files files_;
  std::size_t classes_;
  ImageDatasetOptions o_;
  image::LoadOptions load_;
  std::shared_ptr<DamagedFiles> damaged_ = std::make_shared<DamagedFiles>();
};

Dataset dataset_of(const Files& files, std::size_t classes, bool shuffled, const ImageDatasetOptions& o) {
  const auto count = static_cast<std::int64_t>(files.size());
  std::vector<std::int64_t> numbers;
  for (std::int64_t i = 0; i < count; ++i) numbers.push_back(i);
  Dataset samples = Dataset::from_tensors({Tensor::from({count}, numbers)});
  if (shuffled) samples = samples.shuffle(count, {.seed = o.seed});
  samples = samples.map([reader = std::make_shared<const FileReader>(files, classes, o)](
                            const Sample& number) { return reader->read(number.x.item<std::int64_t>()); },
                        {.num_parallel_calls = AUTOTUNE});
  if (o.damaged_files == "skip") samples = samples.filter([](const Sample& s) { return s.x.defined(); });
  if (o.batch_size > 0) samples = samples.batch(o.batch_size);
  return samples.prefetch(2);
}

std::vector<std::string> paths_of(const Files& files) {
  std::vector<std::string> paths;
  for (const LabelledFile& file : files) paths.push_back(file.path);
  return paths;
}

}  // namespace

const ImageDataset& ImageDataset::validation() const {
  if (!validation_) throw Error(image_dataset_name, "a pair of datasets needs a validation_split and subset \"both\"");
  return *validation_;
}

ImageDataset image_dataset_from_directory(const std::string& directory, const ImageDatasetOptions& o) {
  check_options(o);
  const Listing listing = list_images(directory, o);
  const auto made_of = [&](const Files& files, bool is_validation) {
    return ImageDataset(dataset_of(files, listing.class_names.size(), o.shuffle && !is_validation, o),
                        listing.class_names, paths_of(files));
  };
  if (o.subset.empty()) return made_of(listing.files, false);
  const auto part = [&](const std::string& subset) {
    return made_of(part_of(listing.files, subset, o, directory), subset == "validation");
  };
  if (o.subset != "both") return part(o.subset);
  ImageDataset training = part("training");
  training.validation_ = std::make_shared<const ImageDataset>(part("validation"));
  return training;
}

}  // namespace strata::data
