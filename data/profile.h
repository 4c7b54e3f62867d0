#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace strata::data {

/// What one step of a dataset took.
struct STRATA_API StageProfile {
  std::string name;  ///< "map", "batch", ...
  int workers = 1;
  std::int64_t elements = 0;  ///< that it gave
  double busy_seconds = 0;    ///< its own work, summed over its workers; not that of the steps before it
  double waited_seconds = 0;  ///< that the steps after it waited for its workers (a map with workers, a prefetch)
  /// As fast as the step goes when nothing else holds it up. Infinite when no work was measured.
  double elements_per_second() const;
};

struct STRATA_API Profile {
  std::vector<StageProfile> stages;  ///< in the order of the recipe
  std::int64_t elements = 0;         ///< that the dataset gave
  double seconds = 0;
  std::size_t bottleneck = 0;  ///< the stage with the most work for each of its workers: what to speed up first
  double elements_per_second() const { return seconds > 0 ? static_cast<double>(elements) / seconds : 0; }
  /// A line for each stage, the bottleneck marked, and one for the whole.
  std::string table() const;
};

struct ProfileOptions {
  std::int64_t epoch = 0;
  std::int64_t max_elements = -1;  ///< -1: the whole pass
};

/// Reads a pass as fast as it comes, as if the model took no time, and says where its time goes. Caches that it fills
/// stay filled: profile such a dataset twice. Error for a dataset without end unless max_elements is given.
STRATA_API Profile profile(const Dataset& dataset, const ProfileOptions& = {});

}  // namespace strata::data
