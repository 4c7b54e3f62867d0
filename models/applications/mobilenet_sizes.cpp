#include "models/applications/mobilenet_sizes.h"

namespace strata::applications {

namespace {
/// As Keras writes a width: 0.5, 1.0.
std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, value * 10 == static_cast<int>(value * 10) ? "%.1f" : "%g", value);
  return text;
}
}  // namespace

std::int64_t named_size(const Network& network, std::span<const std::int64_t> trained) {
  const Shape& shape = network.input().shape();
  const std::int64_t height = shape[1];
  if (!network.pretrained() || (height == shape[2] && std::ranges::find(trained, height) != trained.end()))
    return height;
  std::string sizes;
  for (const std::int64_t size : trained) sizes += (sizes.empty() ? "" : ", ") + std::to_string(size);
  std::fprintf(
      stderr,
      "strata: warning: [%s] `input_shape` is undefined or non-square, or `rows` is not in [%s]. Weights for input "
      "shape (224, 224) will be loaded as the default.\n",
      network.function().c_str(), sizes.c_str());
  return 224;
}

std::string sized_name(const std::string& family, double alpha, std::int64_t size) {
  char width[32];
  std::snprintf(width, sizeof width, "%.2f", alpha);
  return family + "_" + width + "_" + (size == open_dim ? "None" : std::to_string(size));
}

void require_trained_alpha(const Network& network, double alpha, const std::vector<double>& trained) {
  if (std::ranges::find(trained, alpha) != trained.end()) return;
  std::string widths;
  for (const double width : trained) widths += (widths.empty() ? "" : ", ") + number(width);
  network.fail("If imagenet weights are being loaded, alpha can be one of " + widths +
               " only. Received alpha=" + number(alpha));
}

}  // namespace strata::applications
