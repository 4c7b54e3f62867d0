#include "core/device/reorders.h"

#include <utility>

namespace strata {

namespace {
thread_local ReorderMeter* innermost = nullptr;
}  // namespace

ReorderMeter::Scope::Scope(ReorderMeter* meter) : outer_(std::exchange(innermost, meter)) {}

ReorderMeter::Scope::~Scope() { innermost = outer_; }

ReorderMeter* ReorderMeter::current() { return innermost; }

Reorders ReorderMeter::read() const { return {count_, bytes_, 1e-9 * static_cast<double>(nanoseconds_)}; }

void ReorderMeter::add(std::size_t bytes, std::chrono::nanoseconds time) {
  ++count_;
  bytes_ += static_cast<std::int64_t>(bytes);
  nanoseconds_ += time.count();
}

}  // namespace strata
