#include <cmath>
#include <filesystem>

#include "tests/oracle/driver/driver.h"

namespace oracle {

using namespace strata;

namespace {

/// The numbers of the suite's README, "apps": u(i, salt) in [-1, 1).
double unit(std::uint32_t i, std::uint32_t salt) {
  std::uint32_t h = (i + salt) * 2654435761u;
  h ^= h >> 16;
  h *= 2246822519u;
  h ^= h >> 13;
  h *= 3266489917u;
  h ^= h >> 16;
  return static_cast<double>(h) / 2147483648.0 - 1.0;
}

/// Weights by the formula, one counter over all of them.
Tensors formula_weights(const Variables& variables, std::uint32_t salt, double gain) {
  Tensors all;
  std::uint32_t counter = 0;
  for (const Variable& v : variables) {
    const std::string& path = v.path();
    const Shape& shape = v.shape();
    const bool depthwise = path.find("depthwise") != std::string::npos || path.find("conv_dw") != std::string::npos;
    double offset = 0, scale = 0.1;  // of beta, moving_mean and bias
    if (v.name() == "moving_variance" || v.name() == "gamma") {
      offset = 1;
      scale = v.name() == "gamma" ? 0.2 : 0.5;
    } else if (shape.rank() > 1) {
      const std::int64_t window = shape.rank() == 4 ? shape[0] * shape[1] : 1;
      const std::int64_t fan = window * (shape.rank() == 4 && depthwise ? 1 : shape[-2]);
      scale = std::sqrt(3.0 * gain / static_cast<double>(fan));
    }
    std::vector<float> values;
    for (std::int64_t k = 0; k < shape.elements(); ++k)
      values.push_back(static_cast<float>(offset + scale * unit(counter++, salt)));
    all.push_back(Tensor::from(shape, values));
  }
  return all;
}

Symbol normalized(const Symbol& x, const std::string& name) { return layers::BatchNormalization({.name = name})(x); }

/// keras.applications.MobileNet(alpha=0.5, include_top=False, pooling="max").
Model mobilenet(const Symbol& input) {
  constexpr double alpha = 0.5;
  const auto relu6 = [](const Symbol& x, const std::string& name) {
    return layers::ReLU({.max_value = 6.0, .name = name})(x);
  };
  const auto filters = [](int full) { return static_cast<std::int64_t>(full * alpha); };
  Symbol x =
      layers::Conv2D(filters(32), 3, {.strides = 2, .padding = "same", .use_bias = false, .name = "conv1"})(input);
  x = relu6(normalized(x, "conv1_bn"), "conv1_relu");
  const std::pair<int, int> blocks[] = {{64, 1},  {128, 2}, {128, 1}, {256, 2}, {256, 1},  {512, 2}, {512, 1},
                                        {512, 1}, {512, 1}, {512, 1}, {512, 1}, {1024, 2}, {1024, 1}};
  int number = 1;
  for (const auto& [full, stride] : blocks) {
    const std::string id = std::to_string(number++);
    if (stride == 2) x = layers::ZeroPadding2D({{0, 1}, {0, 1}}, {.name = "conv_pad_" + id})(x);
    x = layers::DepthwiseConv2D(
        3,
        {.strides = stride, .padding = stride == 2 ? "valid" : "same", .use_bias = false, .name = "conv_dw_" + id})(x);
    x = relu6(normalized(x, "conv_dw_" + id + "_bn"), "conv_dw_" + id + "_relu");
    x = layers::Conv2D(filters(full), 1, {.padding = "same", .use_bias = false, .name = "conv_pw_" + id})(x);
    x = relu6(normalized(x, "conv_pw_" + id + "_bn"), "conv_pw_" + id + "_relu");
  }
  return Model({input}, {layers::GlobalMaxPooling2D()(x)});
}

/// keras.applications.Xception(include_top=False, pooling="avg").
Model xception(const Symbol& input) {
  const auto relu = [](const Symbol& x, const std::string& name) {
    return layers::Activation("relu", {.name = name})(x);
  };
  const auto separable = [&](const Symbol& x, int filters, const std::string& name) {
    return normalized(layers::SeparableConv2D(filters, 3, {.padding = "same", .use_bias = false, .name = name})(x),
                      name + "_bn");
  };
  const auto shortcut = [&](const Symbol& x, int filters) {
    return layers::BatchNormalization()(
        layers::Conv2D(filters, 1, {.strides = 2, .padding = "same", .use_bias = false})(x));
  };
  const auto pooled = [](const Symbol& x, const std::string& name) {
    return layers::MaxPooling2D(3, {.strides = 2, .padding = "same", .name = name})(x);
  };
  Symbol x = layers::Conv2D(32, 3, {.strides = 2, .use_bias = false, .name = "block1_conv1"})(input);
  x = relu(normalized(x, "block1_conv1_bn"), "block1_conv1_act");
  x = layers::Conv2D(64, 3, {.use_bias = false, .name = "block1_conv2"})(x);
  x = relu(normalized(x, "block1_conv2_bn"), "block1_conv2_act");
  int block = 2;
  const auto down = [&](int first, int second, bool starts_with_relu) {
    const std::string name = "block" + std::to_string(block++);
    const Symbol residual = shortcut(x, second);
    if (starts_with_relu) x = relu(x, name + "_sepconv1_act");
    x = relu(separable(x, first, name + "_sepconv1"), name + "_sepconv2_act");
    x = pooled(separable(x, second, name + "_sepconv2"), name + "_pool");
    x = layers::Add()({x, residual});
  };
  down(128, 128, false);
  down(256, 256, true);
  down(728, 728, true);
  for (int i = 0; i < 8; ++i, ++block) {
    const Symbol residual = x;
    for (const char* part : {"1", "2", "3"}) {
      const std::string name = "block" + std::to_string(block) + "_sepconv" + part;
      x = separable(relu(x, name + "_act"), 728, name);
    }
    x = layers::Add()({x, residual});
  }
  down(728, 1024, true);
  x = relu(separable(x, 1536, "block14_sepconv1"), "block14_sepconv1_act");
  x = relu(separable(x, 2048, "block14_sepconv2"), "block14_sepconv2_act");
  return Model({input}, {layers::GlobalAveragePooling2D()(x)});
}

Tensor first_elements(const Tensor& t, std::int64_t count) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < count; ++i) values.push_back(t.at<float>(i % t.size()));  // as numpy.resize repeats
  return Tensor::from({count}, values);
}

void put_layer_statistics(const Tensors& outputs, Result& result) {
  std::vector<double> means, deviations;
  std::vector<float> first;
  for (const Tensor& y : outputs) {
    double total = 0, squares = 0;
    for (std::int64_t i = 0; i < y.size(); ++i) total += y.at<double>(i);
    const double mean_value = total / static_cast<double>(y.size());
    for (std::int64_t i = 0; i < y.size(); ++i) squares += std::pow(y.at<double>(i) - mean_value, 2);
    means.push_back(mean_value);
    deviations.push_back(std::sqrt(squares / static_cast<double>(y.size())));
    const Tensor eight = first_elements(y, 8);
    first.insert(first.end(), eight.data<float>().begin(), eight.data<float>().end());
  }
  result.put("layer_mean", f64(means));
  result.put("layer_std", f64(deviations));
  result.put("layer_first8", Tensor::from({static_cast<std::int64_t>(outputs.size()), 8}, first));
}

}  // namespace

void run_app(const std::string& path, Result& result) {
  const auto golden = Hdf5File::open(path);
  const std::string name = std::filesystem::path(path).stem();
  const auto salt = static_cast<std::uint32_t>(golden->read_number("", "salt"));
  Shape shape;
  const ConfigValue sizes = json_attribute(*golden, "", "input_shape");
  for (const ConfigValue& d : sizes.as_list()) shape.push_back(d.as_int());
  const Symbol input = layers::Input(shape.slice(1, shape.rank()));
  Model model = name == "mobilenet_notop" ? mobilenet(input) : name == "xception_notop" ? xception(input) : Model();
  if (!model.defined()) throw Error("oracle_driver", "the application " + name + " is not known");

  const Tensors weights = formula_weights(model.weights(), salt, golden->read_number("", "gain"));
  model.set_weights(weights);
  std::vector<float> x, first, last;
  for (std::int64_t i = 0; i < shape.elements(); ++i)
    x.push_back(static_cast<float>(unit(static_cast<std::uint32_t>(i), salt + 7)));
  for (const Tensor& w : weights) {
    first.push_back(w.at<float>(0));
    last.push_back(w.at<float>(w.size() - 1));
  }
  const Tensor batch = Tensor::from(shape, x);
  Symbols all;
  for (const Layer& layer : model.layers()) all.push_back(layer.output());
  const Tensors outputs = Tensors(Model({input}, all).predict_on_batch(batch));
  result.put("outputs/0", outputs.back());
  result.put("x_first16", first_elements(batch, 16));
  result.put("weights_first", Tensor::from({static_cast<std::int64_t>(first.size())}, first));
  result.put("weights_last", Tensor::from({static_cast<std::int64_t>(last.size())}, last));
  put_layer_statistics(outputs, result);
}

}  // namespace oracle
