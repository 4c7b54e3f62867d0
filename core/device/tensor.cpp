#include "core/device/tensor.h"

#include <algorithm>
#include <sstream>

namespace strata {

Tensor::Tensor(DType dtype, Shape shape, Device device) : type_{dtype, std::move(shape)} {
  for (std::int64_t d : type_.shape)
    if (d < 0) fail_expected("tensor", "sizes of 0 or more", to_string(type_.shape));
  storage_ = Storage::allocate(device, type_.bytes());
}

void Tensor::check_access(DType wanted) const {
  if (type_.dtype != wanted || !storage_)
    fail_expected("tensor", "a tensor of " + std::string(to_string(wanted)),
                  storage_ ? to_string(type_) : std::string("an empty tensor"));
  if (device().kind == DeviceKind::gpu)
    throw Error("tensor", to_string(type_) + " lies on " + to_string(device()) +
                              ", whose memory cannot be read or written here; on_host() gives a copy, copy_from() changes it");
}

void Tensor::fetch(std::int64_t index, void* element) const {
  const std::size_t size = size_of(dtype());
  copy_memory(element, Device{}, raw() + static_cast<std::size_t>(index) * size, device(), size);
}

void Tensor::check_count(std::size_t count) const {
  if (static_cast<std::int64_t>(count) != size())
    fail_expected("tensor", std::to_string(size()) + " values for shape " + to_string(shape()), std::to_string(count));
}

Tensor Tensor::rows(std::int64_t begin, std::int64_t end) const {
  if (!defined() || shape().rank() == 0 || begin < 0 || end < begin || end > shape()[0])
    fail_expected("rows", "a range of rows of " + to_string(type_),
                  "[" + std::to_string(begin) + ", " + std::to_string(end) + ")");
  Tensor t = *this;
  const std::size_t row = shape()[0] == 0 ? 0 : bytes() / static_cast<std::size_t>(shape()[0]);
  t.type_.shape[0] = end - begin;
  t.offset_ += row * static_cast<std::size_t>(begin);
  return t;
}

Tensor Tensor::with_shape(Shape shape) const {
  if (shape.elements() != size())
    fail_expected("reshape", "a shape of " + std::to_string(size()) + " elements", to_string(shape));
  Tensor t = *this;
  t.type_.shape = std::move(shape);
  return t;
}

Tensor Tensor::clone() const {
  if (!defined()) return {};
  Tensor t(dtype(), shape(), device());
  t.copy_from(*this);
  return t;
}

Tensor Tensor::to(Device target) const {
  if (!defined() || device() == target) return *this;
  Tensor t(dtype(), shape(), target);
  t.copy_from(*this);
  return t;
}

Tensor Tensor::on_host() const { return defined() && device().kind == DeviceKind::gpu ? to(Device{}) : *this; }

void Tensor::copy_from(const Tensor& other) {
  if (!defined() || other.type_ != type_)
    fail_expected("copy_from", to_string(type_), to_string(other.type_));
  copy_memory(mutable_raw(), device(), other.raw(), other.device(), bytes());
}

std::string to_string(const Tensor& t, std::int64_t limit) {
  if (!t.defined()) return "an empty tensor";
  const Tensor shown = t.on_host();
  std::ostringstream text;
  text << to_string(t.type()) << " {";
  for (std::int64_t i = 0; i < std::min(limit, t.size()); ++i) text << (i ? ", " : "") << shown.at<double>(i);
  text << (t.size() > limit ? ", ...}" : "}");
  return text.str();
}

}  // namespace strata
