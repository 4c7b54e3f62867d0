#pragma once

#include <string>

#include "models/model.h"

namespace strata::applications {

/// A file with weights trained on ImageNet, as Keras 3.15 offers it.
struct PublishedWeights {
  std::string name;
  std::string folder;  ///< the address without the name
  std::string md5;     ///< empty: Keras knows none
};

/// Keras's usual names: `<stem>_weights_tf_dim_ordering_tf_kernels[_notop].h5`, with their sums.
PublishedWeights usual_weights(bool include_top, const std::string& family, const std::string& stem,
                               const char* md5_with_top, const char* md5_without_top);

/// Looks where models/applications.h says and loads the first good copy. Error that lists all places; `where` is for
/// it.
void load_published(Model& model, const PublishedWeights& published, const std::string& where);

}  // namespace strata::applications
