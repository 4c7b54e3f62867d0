#include "models/tensorboard/event_file.h"

#include <events.pb.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <vector>

#include "core/base/error.h"
#include "models/tensorboard/layer_graph.h"
#include "models/tensorboard/png.h"

namespace strata::tensorboard {

namespace {
using messages::Event;
using messages::Summary;

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t c = i;
    for (int bit = 0; bit < 8; ++bit) c = (c >> 1) ^ ((c & 1) != 0 ? 0x82f63b78u : 0u);  // the polynomial, reversed
    table[i] = c;
  }
  return table;
}
constexpr std::array<std::uint32_t, 256> crc_table = make_crc_table();

double seconds_since_1970() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

Event event_at(std::int64_t step) {
  Event event;
  event.set_wall_time(seconds_since_1970());
  event.set_step(step);
  return event;
}

/// The only value of an event, to be filled.
messages::Tensor& tensor_of(Event& event, const std::string& tag, const char* plugin, Summary::Metadata::DataClass kind,
                            const char* content = "") {
  Summary::Value& value = *event.mutable_summary()->add_value();
  value.set_tag(tag);
  value.mutable_metadata()->mutable_plugin_data()->set_plugin_name(plugin);
  value.mutable_metadata()->mutable_plugin_data()->set_content(content);
  value.mutable_metadata()->set_data_class(kind);
  value.mutable_tensor()->mutable_tensor_shape();
  return *value.mutable_tensor();
}

std::string file_name() {
  static std::atomic<int> count{0};
  char host[256] = "unknown";
  ::gethostname(host, sizeof host - 1);
  return fmt::format("events.out.tfevents.{:010}.{}.{}.{}.v2", static_cast<std::int64_t>(seconds_since_1970()), host,
                     ::getpid(), count++);
}

std::string little_endian(std::uint64_t v, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(v >> (8 * i) & 0xff);
  return out;
}

constexpr int buckets = 30;
constexpr std::int64_t most_images = 3;
}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t c = 0xffffffffu;
  for (const char byte : bytes) c = crc_table[(c ^ static_cast<std::uint8_t>(byte)) & 0xff] ^ (c >> 8);
  return ~c;
}

std::uint32_t masked_crc32c(std::string_view bytes) {
  const std::uint32_t c = crc32c(bytes);
  return ((c >> 15) | (c << 17)) + 0xa282ead8u;
}

EventFile::EventFile(const std::filesystem::path& folder) : path_(folder / file_name()) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);  // what fails here fails below
  file_.reset(std::fopen(path_.c_str(), "wb"));
  if (!file_) fail("cannot be opened for writing");
  Event event = event_at(0);
  event.set_file_version("brain.Event:2");
  write(event.SerializeAsString());
  flush();
}

EventFile::~EventFile() = default;

void EventFile::add_scalar(const std::string& tag, double value, std::int64_t step) {
  Event event = event_at(step);
  messages::Tensor& tensor = tensor_of(event, tag, "scalars", Summary::Metadata::SCALAR);
  tensor.set_dtype(messages::FLOAT);
  tensor.add_float_val(static_cast<float>(value));
  write(event.SerializeAsString());
}

void EventFile::add_histogram(const std::string& tag, const Tensor& values, std::int64_t step) {
  double low = INFINITY, high = -INFINITY;
  for (std::int64_t i = 0; i < values.size(); ++i) {
    const double v = values.at<double>(i);
    if (!std::isfinite(v)) continue;
    low = std::min(low, v);
    high = std::max(high, v);
  }
  const bool any = low <= high;
  std::array<double, buckets> counts{};
  const double width = any ? (high - low) / buckets : 0;
  for (std::int64_t i = 0; i < values.size(); ++i) {
    const double v = values.at<double>(i);
    if (!std::isfinite(v)) continue;
    // One value alone counts in the last bucket, as with TensorFlow.
    const int k = width > 0 ? std::min(static_cast<int>((v - low) / width), buckets - 1) : buckets - 1;
    ++counts[static_cast<std::size_t>(k)];
  }
  Event event = event_at(step);
  messages::Tensor& tensor = tensor_of(event, tag, "histograms", Summary::Metadata::TENSOR);
  tensor.set_dtype(messages::DOUBLE);
  tensor.mutable_tensor_shape()->add_dim()->set_size(buckets);
  tensor.mutable_tensor_shape()->add_dim()->set_size(3);
  for (int k = 0; k < buckets; ++k) {
    tensor.add_double_val(any ? (width > 0 ? low + width * k : high) : 0);
    tensor.add_double_val(any ? (width > 0 && k + 1 < buckets ? low + width * (k + 1) : high) : 0);
    tensor.add_double_val(counts[static_cast<std::size_t>(k)]);
  }
  write(event.SerializeAsString());
}

void EventFile::add_images(const std::string& tag, const Tensor& images, std::int64_t step) {
  const std::int64_t height = images.shape()[1], width = images.shape()[2],
                     shown = std::min(images.shape()[0], most_images);
  Event event = event_at(step);
  messages::Tensor& tensor = tensor_of(event, tag, "images", Summary::Metadata::BLOB_SEQUENCE);
  tensor.set_dtype(messages::STRING);
  tensor.mutable_tensor_shape()->add_dim()->set_size(2 + shown);
  tensor.add_string_val(std::to_string(width));
  tensor.add_string_val(std::to_string(height));
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(height * width));
  for (std::int64_t n = 0; n < shown; ++n) {
    for (std::size_t i = 0; i < pixels.size(); ++i) {
      const double v = images.at<double>(n * height * width + static_cast<std::int64_t>(i));
      pixels[i] = static_cast<std::uint8_t>(std::min(255.0, (v > 0 ? std::min(v, 1.0) : 0.0) * 255.5));  // NaN is black
    }
    tensor.add_string_val(grey_png(pixels, height, width));
  }
  write(event.SerializeAsString());
}

void EventFile::add_keras_model(const std::string& tag, const std::string& json) {
  Event event = event_at(0);
  messages::Tensor& tensor = tensor_of(event, tag, "graph_keras_model", Summary::Metadata::BLOB_SEQUENCE, "1");
  tensor.set_dtype(messages::STRING);
  tensor.add_string_val(json);
  write(event.SerializeAsString());
}

void EventFile::add_graph(const Model& model) {
  Event event = event_at(0);
  event.set_graph_def(layer_graph(model));
  write(event.SerializeAsString());
}

void EventFile::write(std::string_view record) {
  const std::string length = little_endian(record.size(), 8);
  write_bytes(length);
  write_bytes(little_endian(masked_crc32c(length), 4));
  write_bytes(record);
  write_bytes(little_endian(masked_crc32c(record), 4));
}

void EventFile::write_bytes(std::string_view bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) != bytes.size()) fail("cannot be written");
}

void EventFile::flush() {
  if (std::fflush(file_.get()) != 0) fail("cannot be written");
}

void EventFile::fail(const char* what) const {
  throw Error("TensorBoard '" + path_.string() + "'", std::string(what) + ": " + std::strerror(errno));
}

}  // namespace strata::tensorboard
