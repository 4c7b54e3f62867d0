#pragma once

#include <strata/strata.h>

#include <CLI/CLI.hpp>
#include <array>
#include <string>
#include <vector>

namespace strata::tools {

/// The data of a command: a file, a folder of images or the name of a data set, and which arrays of it are inputs and
/// targets.
class DataArgument {
 public:
  enum class Part { train, test };

  /// Adds the positional argument DATA and its options; --y and --targets only where targets are wanted.
  void add_to(CLI::App& command, bool targets, bool required = true);
  /// Whether DATA was given at all.
  bool given() const { return !path_.empty(); }

  struct Arrays {
    Tensors x, y;
    Data inputs() const { return Data(x); }
    Data targets() const { return Data(y); }
  };
  /// Integers that are inputs (pixels) become f32. HDF5 files are read in a child process where `isolated`. Error naming the
  /// file and the arrays that it has.
  Arrays load(Part part, const Model& model, bool isolated) const;

  /// At most `count` samples for trying something out; for folders, too, of which only these are read.
  Arrays sample(Part part, const Model& model, bool isolated, std::int64_t count) const;

  /// Whether DATA is a folder of images, which is read while it is used: by images() rather than load().
  bool is_folder() const;
  /// Batches in the size and with the channels of the model's input, with labels as its loss wants them, where targets
  /// are wanted. The options say the rest. Error when the model takes no such images or has other classes.
  data::Dataset images(const Model& model, data::ImageDatasetOptions options) const;

  static constexpr const char* help =
      "DATA is one of\n"
      "  mnist, fashion_mnist, cifar10, cifar100   pixels as numbers from 0 to 1 (--raw: to 255)\n"
      "  FILE.npz   arrays x and y, or x_train, y_train, x_test, y_test; others by --x and --y\n"
      "  FILE.npy   the inputs; targets by --targets FILE.npy\n"
      "  FILE.h5    data sets x and y; others by --x and --y\n"
      "  FOLDER     JPEG and PNG images in a folder for each class, in the order of their names; resized to the\n"
      "             model's input; pixels as numbers from 0 to 255, as Keras reads them (--scaled: to 1).\n"
      "             predict takes all images in the folder and below, sorted by path";

 private:
  Arrays load_named(Part part) const;
  Arrays load_archive(Part part) const;
  Arrays load_npy_files() const;
  Arrays load_hdf5(bool isolated) const;
  std::array<std::int64_t, 2> image_size(const Shape& input) const;
  bool wants_targets_ = false, raw_ = false, scaled_ = false;
  std::string path_, targets_, folder_;
  std::vector<std::int64_t> image_size_;
  std::vector<std::string> x_, y_;
};

}  // namespace strata::tools
