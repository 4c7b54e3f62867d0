#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/graph/symbol.h"

/// What networks for ImageNet take and give, as keras.applications.imagenet_utils has it.
namespace strata::applications::imagenet_utils {

/// What a network expects of its pixels, which are given as RGB from 0 to 255.
enum class Scaling {
  tf,     ///< from -1 to 1
  caffe,  ///< BGR less (103.939, 116.779, 123.68)
  torch,  ///< from 0 to 1, less (0.485, 0.456, 0.406), over (0.229, 0.224, 0.225)
  none,   ///< as they are: the network does it itself
};
/// From "tf", "caffe" and "torch", Keras's `mode`. Error for others.
STRATA_API Scaling scaling_of(const std::string& mode);

/// `preprocess_input` of a family: images [..., height, width, 3] of any type as the network expects them, in f32
/// unless they are of a floating type already. Of tensors, in a graph (a Variable is a Value), or as the first part of
/// a model, which files keep. Error for another rank than 3 and 4, and unless there are 3 channels.
class STRATA_API Preprocessing {
 public:
  constexpr explicit Preprocessing(Scaling scaling) : scaling_(scaling) {}
  Tensor operator()(const Tensor& x) const;
  Value operator()(const Value& x) const;
  Symbol operator()(const Symbol& x) const;

 private:
  Scaling scaling_;
};

/// The way back, to RGB from 0 to 255 in f32; what lies outside is moved to the border. Not in Keras, whose examples
/// write it out.
class STRATA_API Deprocessing {
 public:
  constexpr explicit Deprocessing(Scaling scaling) : scaling_(scaling) {}
  Tensor operator()(const Tensor& x) const;

 private:
  Scaling scaling_;
};

struct PreprocessOptions {
  std::string mode = "caffe";
};
STRATA_API Tensor preprocess_input(const Tensor& x, const PreprocessOptions& = {});
STRATA_API Value preprocess_input(const Value& x, const PreprocessOptions& = {});
STRATA_API Symbol preprocess_input(const Symbol& x, const PreprocessOptions& = {});

struct Prediction {
  std::string class_name;         ///< WordNet's number: "n02099601"
  std::string class_description;  ///< "golden_retriever"
  float score = 0;
};
/// The `top` likeliest classes for each of the predictions [n, 1000], the likeliest first. The names
/// are built in. Error for another shape.
STRATA_API std::vector<std::vector<Prediction>> decode_predictions(const Tensor& preds, std::int64_t top = 5);

}  // namespace strata::applications::imagenet_utils
