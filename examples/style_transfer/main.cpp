// Paints one photograph in the manner of another: the weights stand still and the image is trained. See --help.
#include <algorithm>
#include <cstdio>
#include <string>

#include "examples/command_line.h"

using namespace strata;

namespace {

struct Arguments : examples::Common {
  std::string content, style, out, weights = "imagenet", features = "cifar10_vgg.keras", start = "content";
  std::int64_t size = 256;
  int steps = 200;
  double content_weight = 1, style_weight = 3, variation_weight = 1, learning_rate = 5;
};

void add_options(CLI::App& app, Arguments& a) {
  app.add_option("CONTENT", a.content, "image that says what is to be seen")->required();
  app.add_option("STYLE", a.style, "image that says how it is painted")->required();
  app.add_option("OUT", a.out, "file for the picture: .png or .jpg")->required();
  app.add_option("--size", a.size, "longer side of both images, in pixels")
      ->check(CLI::Range(32, 4096))
      ->capture_default_str();
  app.add_option("--steps", a.steps, "steps of the optimizer")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--weights", a.weights, "of VGG19: imagenet, or a file of them")->capture_default_str();
  app.add_option("--features", a.features,
                 "network to use where there are no ImageNet weights: what `cifar10 --model vgg --save FILE` wrote")
      ->capture_default_str();
  app.add_option("--start", a.start, "what the picture is before the first step")
      ->check(CLI::IsMember({"content", "noise"}))
      ->capture_default_str();
  app.add_option("--content-weight", a.content_weight, "of the content's loss")->capture_default_str();
  app.add_option("--style-weight", a.style_weight, "of the style's loss")->capture_default_str();
  app.add_option("--variation-weight", a.variation_weight, "of the total variation: more makes it smoother")
      ->capture_default_str();
  app.add_option("--learning-rate", a.learning_rate, "of the optimizer, Adam: values move by so much in a step")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  examples::add_common_options(app, a);
}

/// From images, RGB from 0 to 255, to the outputs of four layers: three for the style, then one for the content.
Model outputs_of(const Model& network, const std::vector<std::string>& names) {
  Symbols outputs;
  for (const std::string& name : names) outputs.push_back(network.get_layer(name).output());
  return Model(network.inputs(), outputs);
}

Model vgg19_features(const std::string& weights) {
  const Symbol pixels = layers::Input({open_dim, open_dim, 3});
  return outputs_of(
      applications::VGG19(
          {.include_top = false, .weights = weights, .input_tensor = applications::vgg19::preprocess_input(pixels)}),
      {"block1_conv1", "block2_conv1", "block3_conv1", "block4_conv2"});
}

Model small_features(const std::string& path) {
  return outputs_of(load_model(path), {"block1_relu1", "block2_relu1", "block3_relu1", "block4_relu1"});
}

Model features_for(const Arguments& a) {
  if (a.weights != "imagenet") return vgg19_features(a.weights);
  try {
    return vgg19_features("imagenet");
  } catch (const Error& no_weights) {
    std::fprintf(stderr, "no ImageNet weights: %s\n", no_weights.what());
  }
  try {
    Model features = small_features(a.features);
    std::fprintf(stderr, "using the features of %s instead\n", a.features.c_str());
    return features;
  } catch (const Error& e) {
    throw Error("--features " + a.features,
                std::string(e.what()) + " (make one by `cifar10 --model vgg --save " + a.features + "`)");
  }
}

/// [1, h, w, 3], the longer side `size`.
Tensor load(const std::string& path, std::int64_t size) {
  const Tensor image = image::load(path);
  const std::int64_t height = image.shape()[0], width = image.shape()[1], longer = std::max(height, width);
  const auto scaled = [&](std::int64_t side) {
    return std::max<std::int64_t>(32, (side * size + longer / 2) / longer);
  };
  return expand_dims(image::resize(image, {scaled(height), scaled(width)}, {.antialias = true}), 0)
      .to(current_device());
}

Value gram(const Value& features) {  // [1, h, w, c] -> [c, c]
  const std::int64_t c = features.shape().back();
  const Value flat = reshape(features, {-1, c});
  return matmul(transpose(flat), flat) / static_cast<float>(flat.shape()[0]);
}

/// How far x is from the target, as a share of the target's own size: the same for networks of any scale.
Value distance(const Value& x, const Value& target) { return mean(square(x - target)) / mean(square(target)); }

/// Mean difference between neighbours, values being from 0 to 1.
Value total_variation(const Value& x) {  // [1, h, w, 3]
  const Shape& s = x.shape();
  const auto part = [&](std::int64_t top, std::int64_t left, std::int64_t bottom, std::int64_t right) {
    return slice(x, {0, top, left, 0}, {1, bottom, right, s[3]});
  };
  const std::int64_t height = s[1], width = s[2];
  const Value down = part(1, 0, height, width) - part(0, 0, height - 1, width);
  const Value right = part(0, 1, height, width) - part(0, 0, height, width - 1);
  return (mean(abs(down)) + mean(abs(right))) / 255.0f;
}

struct Losses {
  Value content, style, variation, total;
};

Losses losses_of(const Arguments& a, const Model& features, const Value& picture, const Tensors& content,
                 const Tensors& style) {
  const Values now = features(Values{picture}, Mode::infer);
  Value style_loss = distance(gram(now[0]), gram(constant(style[0])));
  for (std::size_t i = 1; i < 3; ++i) style_loss = style_loss + distance(gram(now[i]), gram(constant(style[i])));
  style_loss = style_loss / 3.0f;
  const Value content_loss = distance(now[3], constant(content[3]));
  const Value variation = total_variation(picture);
  const Value total = static_cast<float>(a.content_weight) * content_loss +
                      static_cast<float>(a.style_weight) * style_loss +
                      static_cast<float>(a.variation_weight) * variation;
  return {content_loss, style_loss, variation, total};
}

Logs as_logs(const Tensors& t) {
  return {{"content", t[0].item<double>()},
          {"loss", t[3].item<double>()},
          {"style", t[1].item<double>()},
          {"variation", t[2].item<double>()}};
}

void paint(const Arguments& a) {
  const Tensor content = load(a.content, a.size), style = load(a.style, a.size);
  Model features = features_for(a);
  const Tensors content_features = features.predict(content), style_features = features.predict(style);

  Variable picture("picture", a.start == "content" ? content : random::uniform(content.shape(), 0, 255));
  picture.set_constraint([](Value x) { return clip(x, 0, 255); });
  const Losses losses = losses_of(a, features, picture, content_features, style_features);
  const optimizers::Adam adam(
      {.learning_rate = optimizers::schedules::CosineDecay(a.learning_rate, a.steps, {.alpha = 0.1})});
  const Function step({}, {losses.content, losses.style, losses.variation, losses.total},
                      adam.minimize(losses.total, {picture}));

  const examples::Interruption interruption;
  Progress progress(a.steps, "painting");
  Logs first, last;
  int done = 0;
  while (done < a.steps && !interruption.token().stop_requested()) {
    last = as_logs(step({}));
    if (done++ == 0) first = last;
    if (done < a.steps) progress.update(done, last);
  }
  if (done > 0) progress.finish(done, last);
  if (done < a.steps) std::printf("stopped after step %d\n", done);
  for (const std::string name : {"content", "style", "variation"})
    std::printf("%s loss: %.5f before the first step, %.5f before the last\n", name.c_str(), first[name], last[name]);
  image::save(a.out, picture.value().on_host());
  std::printf("picture saved to %s\n", a.out.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Paints one photograph in the manner of another (Gatys, Ecker and Bethge 2015).", "style_transfer");
  add_options(app, arguments);
  return examples::main_of(app, argc, argv,
                           [&] { return examples::run_on_device(arguments, {}, [&] { paint(arguments); }); });
}
