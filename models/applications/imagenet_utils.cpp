#include "models/applications/imagenet_utils.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <numeric>
#include <sstream>

#include "core/base/error.h"
#include "core/ops/ops.h"
#include "models/applications/imagenet_classes.h"

namespace strata::applications::imagenet_utils {

namespace {

using Channels = std::array<double, 3>;
constexpr Channels caffe_mean{103.939, 116.779, 123.68};  // blue, green, red
constexpr Channels torch_mean{0.485, 0.456, 0.406};
constexpr Channels torch_deviation{0.229, 0.224, 0.225};

template <class A>
void check_images(const char* function, const A& x) {
  const Shape& shape = x.shape();
  if ((shape.rank() != 3 && shape.rank() != 4) || shape.back() != 3)
    fail_expected(function, "images [height, width, 3] or [batch, height, width, 3]", to_string(shape));
}

template <class A>
A in_floating(const A& x) {
  return is_floating(x.dtype()) ? x : cast(x, DType::f32);
}

template <class A>
A channel(const A& x, std::size_t number) {
  const auto rank = static_cast<std::size_t>(x.shape().rank());
  std::vector<std::int64_t> begin(rank, 0), end(rank, slice_end);
  begin.back() = static_cast<std::int64_t>(number);
  end.back() = begin.back() + 1;
  return slice(x, begin, end);
}

/// `f(channel, i)` for the i-th channel of the result, which is the i-th of x or, `reversed`, the i-th from the end.
template <class A, class F>
A by_channel(const A& x, bool reversed, F f) {
  std::vector<A> parts;
  for (std::size_t i = 0; i < 3; ++i) parts.push_back(f(channel(x, reversed ? 2 - i : i), i));
  return concatenate(parts, -1);
}

template <class A>
A scaled(const A& given, Scaling scaling) {
  check_images("preprocess_input", given);
  if (scaling == Scaling::none) return given;
  const A x = in_floating(given);
  if (scaling == Scaling::tf) return x / 127.5 - 1.0;
  if (scaling == Scaling::caffe)
    return by_channel(x, true, [](const A& c, std::size_t i) { return c - caffe_mean[i]; });
  return by_channel(x / 255.0, false,
                    [](const A& c, std::size_t i) { return (c - torch_mean[i]) / torch_deviation[i]; });
}

}  // namespace

Scaling scaling_of(const std::string& mode) {
  if (mode == "tf") return Scaling::tf;
  if (mode == "caffe") return Scaling::caffe;
  if (mode == "torch") return Scaling::torch;
  throw Error("preprocess_input", "Expected mode to be one of `caffe`, `tf` or `torch`. Received: mode=" + mode);
}

Tensor Preprocessing::operator()(const Tensor& x) const { return scaled(x, scaling_); }
Value Preprocessing::operator()(const Value& x) const { return scaled(x, scaling_); }
Symbol Preprocessing::operator()(const Symbol& x) const { return scaled(x, scaling_); }

Tensor preprocess_input(const Tensor& x, const PreprocessOptions& o) { return scaled(x, scaling_of(o.mode)); }
Value preprocess_input(const Value& x, const PreprocessOptions& o) { return scaled(x, scaling_of(o.mode)); }
Symbol preprocess_input(const Symbol& x, const PreprocessOptions& o) { return scaled(x, scaling_of(o.mode)); }

Tensor Deprocessing::operator()(const Tensor& given) const {
  check_images("deprocess", given);
  Tensor x = cast(given, DType::f32);
  if (scaling_ == Scaling::tf) x = (x + 1.0) * 127.5;
  if (scaling_ == Scaling::caffe)
    x = by_channel(x, true, [](const Tensor& c, std::size_t i) { return c + caffe_mean[2 - i]; });
  if (scaling_ == Scaling::torch)
    x = by_channel(x, false,
                   [](const Tensor& c, std::size_t i) { return (c * torch_deviation[i] + torch_mean[i]) * 255.0; });
  return clip(x, 0.0, 255.0);
}

std::vector<std::vector<Prediction>> decode_predictions(const Tensor& preds, std::int64_t top) {
  constexpr std::int64_t classes = 1000;
  if (preds.shape().rank() != 2 || preds.shape()[1] != classes)
    throw Error(
        "decode_predictions",
        "`decode_predictions` expects a batch of predictions (i.e. a 2D array of shape (samples, 1000)). Received "
        "array with shape: " +
            to_keras_string(preds.shape()));
  if (top < 1) fail_expected("decode_predictions", "top of at least 1", std::to_string(top));
  std::vector<Prediction> names(classes);
  std::istringstream words(imagenet_classes);
  for (Prediction& p : names) words >> p.class_name >> p.class_description;

  const Tensor scores = cast(preds, DType::f32);
  std::vector<std::vector<Prediction>> decoded;
  for (std::int64_t sample = 0; sample < scores.shape()[0]; ++sample) {
    const auto row = scores.data<float>().subspan(static_cast<std::size_t>(sample * classes), classes);
    std::vector<std::size_t> order(classes);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return row[a] > row[b]; });
    order.resize(static_cast<std::size_t>(std::min(top, classes)));
    std::vector<Prediction>& best = decoded.emplace_back();
    for (const std::size_t i : order) {
      best.push_back(names[i]);
      best.back().score = row[i];
    }
  }
  return decoded;
}

}  // namespace strata::applications::imagenet_utils
