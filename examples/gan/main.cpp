// Learns to write digits: a generator and a critic in a training loop of one's own. See --help.
#include <algorithm>
#include <cstdio>
#include <string>

#include "examples/command_line.h"

using namespace strata;

namespace {

constexpr std::int64_t side = 28, latent = 64;

struct Arguments : examples::Common {
  std::string data, out = "digits.png";
  std::int64_t batch_size = 64, width = 32, grid = 8;
  int steps = 3000, every = 500;
};

void add_options(CLI::App& app, Arguments& a) {
  app.add_option("--data", a.data, "folder that holds MNIST's files; default: look in the usual places");
  app.add_option("--out", a.out, "file for a picture of generated digits: .png or .jpg")->capture_default_str();
  app.add_option("--grid", a.grid, "rows and columns of the picture")->check(CLI::Range(1, 64))->capture_default_str();
  app.add_option("--steps", a.steps, "steps of both networks")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--every", a.every, "steps between two versions of the picture")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--batch-size", a.batch_size, "digits in a step")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--width", a.width, "filters of the convolutions at 14 x 14; twice as many at 7 x 7")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  examples::add_common_options(app, a);
}

/// Noise [n, latent] to digits [n, 28, 28, 1] from -1 to 1.
Sequential make_generator(std::int64_t width) {
  return Sequential({layers::Input({latent}), layers::Dense(7 * 7 * 2 * width, {.use_bias = false}),
                     layers::BatchNormalization(), layers::Activation("relu"), layers::Reshape({7, 7, 2 * width}),
                     layers::Conv2DTranspose(width, 4, {.strides = 2, .padding = "same", .use_bias = false}),
                     layers::BatchNormalization(), layers::Activation("relu"),
                     layers::Conv2DTranspose(1, 4, {.strides = 2, .padding = "same", .activation = "tanh"})},
                    "generator");
}

/// Digits to [n, 1]: positive where they look real.
Sequential make_critic(std::int64_t width) {
  return Sequential(
      {layers::Input({side, side, 1}),
       layers::Conv2D(width, 4, {.strides = 2, .padding = "same", .activation = "leaky_relu"}), layers::Dropout(0.3),
       layers::Conv2D(2 * width, 4, {.strides = 2, .padding = "same", .activation = "leaky_relu"}),
       layers::Dropout(0.3), layers::Flatten(), layers::Dense(1)},
      "critic");
}

/// Digits [rows * rows, 28, 28, 1] as one image, in rows, with a margin around each.
Tensor in_rows(const Tensor& digits, std::int64_t rows) {
  constexpr std::int64_t margin = 2, pitch = side + margin;
  const std::int64_t size = rows * pitch + margin;
  const Tensor source = digits.on_host();
  Tensor image(DType::f32, {size, size, 1}, Device{});
  const auto from = source.data<float>();
  const auto to = image.mutable_data<float>();
  std::ranges::fill(to, 128.0f);
  for (std::int64_t n = 0; n < rows * rows; ++n)
    for (std::int64_t y = 0; y < side; ++y)
      for (std::int64_t x = 0; x < side; ++x) {
        const std::int64_t row = margin + n / rows * pitch + y, column = margin + n % rows * pitch + x;
        const float value = from[static_cast<std::size_t>((n * side + y) * side + x)];
        to[static_cast<std::size_t>(row * size + column)] = (value + 1) * 127.5f;
      }
  return image;
}

/// Both networks, and a step of each.
class Gan {
 public:
  Gan(std::int64_t batch, std::int64_t width)
      : batch_(batch), generator_(make_generator(width)), critic_(make_critic(width)) {
    const Value real = placeholder({batch, side, side, 1}), noise = placeholder({batch, latent});
    const Value fake = generator_(noise, Mode::train);
    const Value on_real = critic_(real, Mode::train), on_fake = critic_(fake, Mode::train);
    const losses::BinaryCrossentropy loss({.from_logits = true});
    // Real ones count as 0.9: a critic that is too sure teaches the generator nothing (Salimans and others, 2016).
    const Value critic_loss = loss(0.9f * ones_like(on_real), on_real) + loss(zeros_like(on_fake), on_fake);
    const Value generator_loss = loss(ones_like(on_fake), on_fake);
    const optimizers::Adam critic_adam({.learning_rate = 2e-4, .beta_1 = 0.5});
    const optimizers::Adam generator_adam({.learning_rate = 2e-4, .beta_1 = 0.5});
    critic_step_ =
        Function({real, noise}, {critic_loss}, critic_adam.minimize(critic_loss, critic_.trainable_weights()));
    generator_step_ =
        Function({noise}, {generator_loss}, generator_adam.minimize(generator_loss, generator_.trainable_weights()));
  }

  Logs step(const Tensor& real) {
    const double critic = critic_step_({real, random::normal({batch_, latent})})[0].item<double>();
    return {{"critic", critic}, {"generator", generator_step_({random::normal({batch_, latent})})[0].item<double>()}};
  }
  Tensor digits(const Tensor& noise) { return generator_.predict(noise); }

 private:
  std::int64_t batch_;
  Sequential generator_, critic_;
  Function critic_step_, generator_step_;
};

void learn(const Arguments& a) {
  const Tensor pixels = datasets::mnist::load_data({.directory = a.data}).train.x;
  const auto as_batch = [](data::Sample s) { return s.x = expand_dims(cast(s.x, DType::f32) / 127.5f - 1.0f, -1), s; };
  const auto batches = data::Dataset::from_tensors({pixels.on_host()})
                           .shuffle(pixels.shape()[0], {.seed = static_cast<std::uint64_t>(a.seed)})
                           .batch(a.batch_size, {.drop_remainder = true})
                           .map(as_batch, {.num_parallel_calls = 1})
                           .repeat()
                           .prefetch(data::AUTOTUNE);
  Gan gan(a.batch_size, a.width);
  const Tensor noise = random::normal({a.grid * a.grid, latent});
  const examples::Interruption interruption;
  Progress progress(a.steps, "writing");
  int done = 0;
  Logs losses;
  for (const auto pass = batches.iterate(); done < a.steps && !interruption.token().stop_requested();) {
    losses = gan.step(pass->next()->x.to(current_device()));
    if (++done < a.steps) progress.update(done, losses);
    if (done % a.every == 0) image::save(a.out, in_rows(gan.digits(noise), a.grid));
  }
  if (done > 0) progress.finish(done, losses);
  if (done < a.steps) std::printf("stopped after step %d\n", done);
  image::save(a.out, in_rows(gan.digits(noise), a.grid));
  std::printf("digits saved to %s\n", a.out.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Learns to write digits as MNIST's are (a deep convolutional GAN: Radford, Metz and Chintala 2015).",
               "gan");
  add_options(app, arguments);
  return examples::main_of(app, argc, argv,
                           [&] { return examples::run_on_device(arguments, {}, [&] { learn(arguments); }); });
}
