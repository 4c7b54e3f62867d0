#include "distributed/mirrors.h"

#include <limits>

namespace strata::distribute {

namespace {
constexpr std::uint64_t unknown = std::numeric_limits<std::uint64_t>::max();

/// State (seed, step) of another replica's stream: the step is the same.
Tensor other_stream(const Tensor& state, std::size_t replica) {
  const Tensor here = state.on_host();
  // Steps of the golden ratio set neighbouring seeds far apart.
  const auto seed = static_cast<std::uint64_t>(here.at<std::int64_t>(0)) + 0x9e3779b97f4a7c15u * replica;
  return Tensor::from<std::int64_t>({2}, {static_cast<std::int64_t>(seed), here.at<std::int64_t>(1)});
}
}  // namespace

Mirror::Mirror(Variable primary, const std::vector<Device>& devices, bool own_stream, std::size_t first)
    : primary_(std::move(primary)),
      own_stream_(own_stream),
      first_(first),
      first_copy_(own_stream && first > 0 ? 0 : 1),
      shared_version_(unknown) {
  primary_.move_to(devices[0]);
  for (std::size_t r = first_copy_; r < devices.size(); ++r) {
    const DeviceScope there(devices[r]);
    Variable copy(primary_.name(), value_for(r), primary_.trainable());
    copy.set_path(primary_.path());
    copies_.push_back({std::move(copy), primary_.version()});
  }
}

Tensor Mirror::value_for(std::size_t replica) const {
  return own_stream_ ? other_stream(primary_.value(), first_ + replica) : primary_.value();
}

void Mirror::follow(std::size_t replicas) {
  for (std::size_t r = first_copy_; r < replicas; ++r)
    if (Copy& copy = copies_[r - first_copy_]; copy.version != primary_.version()) {
      copy.variable.assign(value_for(r));
      copy.version = primary_.version();
    }
}

void Mirror::has_followed(std::size_t replicas) {
  for (std::size_t r = first_copy_; r < replicas; ++r) copies_[r - first_copy_].version = primary_.version();
}

void Mirror::forget() {
  for (Copy& copy : copies_) copy.version = unknown;
}

std::shared_ptr<Mirror> Mirrors::of(const Variable& primary, bool own_stream) {
  const std::lock_guard lock(mutex_);
  std::weak_ptr<Mirror>& known = mirrors_[primary.id()];
  if (auto mirror = known.lock()) return mirror;
  std::erase_if(mirrors_, [&](const auto& m) { return m.first != primary.id() && m.second.expired(); });
  auto made = std::make_shared<Mirror>(primary, devices_, own_stream, first_);
  mirrors_[primary.id()] = made;
  return made;
}

void Mirrors::forget() {
  const std::lock_guard lock(mutex_);
  for (const auto& [id, known] : mirrors_)
    if (const auto mirror = known.lock()) mirror->forget();
}

}  // namespace strata::distribute
