#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "core/device/tensor.h"
#include "models/model.h"

namespace strata::tensorboard {

/// CRC-32C (Castagnoli), and the form in which TensorFlow's record files store it.
std::uint32_t crc32c(std::string_view bytes);
std::uint32_t masked_crc32c(std::string_view bytes);

/// An event file that TensorBoard reads: records of a length, a checksum of the length, a serialized event and its
/// checksum. Kinds and layouts of the values are those of TensorFlow 2's tf.summary. Errors name the file.
class EventFile {
 public:
  /// Creates `folder` and in it a new file named after time, host, process and a count, as TensorFlow names them.
  explicit EventFile(const std::filesystem::path& folder);
  ~EventFile();

  void add_scalar(const std::string& tag, double value, std::int64_t step);
  /// 30 buckets of equal width from the smallest to the largest number; numbers that are not finite are left out.
  void add_histogram(const std::string& tag, const Tensor& values, std::int64_t step);
  /// `images` of shape [n, height, width], black at 0 and below, white at 1 and above; the first three are shown.
  void add_images(const std::string& tag, const Tensor& images, std::int64_t step);
  /// The config of a model, for TensorBoard's conceptual graph.
  void add_keras_model(const std::string& tag, const std::string& json);
  /// Calls of layers, with the shapes that pass between them.
  void add_graph(const Model& model);

  /// Until then the file may lack the last events.
  void flush();
  const std::filesystem::path& path() const { return path_; }

 private:
  struct Close {
    void operator()(std::FILE* f) const { std::fclose(f); }
  };
  void write(std::string_view record);
  void write_bytes(std::string_view bytes);
  [[noreturn]] void fail(const char* what) const;
  std::filesystem::path path_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace strata::tensorboard
