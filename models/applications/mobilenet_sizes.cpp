#include "models/applications/mobilenet_sizes.h"

#include <charconv>
#include <cstdio>

namespace strata::applications {

std::string alpha_text(double alpha) {
  char text[32];
  const std::string shortest(text, std::to_chars(text, text + sizeof text, alpha).ptr);
  return shortest.find_first_of(".e") == std::string::npos ? shortest + ".0" : shortest;
}

void require_positive_alpha(const Network& network, double alpha) {
  if (!(alpha > 0)) network.fail("expected a positive alpha; received alpha=" + alpha_text(alpha));
}

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
  for (const double width : trained) widths += (widths.empty() ? "" : ", ") + alpha_text(width);
  network.fail("If imagenet weights are being loaded, alpha can be one of " + widths +
               " only. Received alpha=" + alpha_text(alpha));
}

}  // namespace strata::applications
