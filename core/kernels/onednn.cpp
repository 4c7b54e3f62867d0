#include "core/kernels/onednn.h"

#if !defined(STRATA_HAVE_ONEDNN)

namespace strata::kernels::onednn {
bool available() { return false; }
std::string version() { return {}; }
std::shared_ptr<const Conv2D> Conv2D::make(ConvDirection, const Conv2DGeometry&, bool, bool, int) { return nullptr; }
}  // namespace strata::kernels::onednn

#else

#include <array>
#include <atomic>
#include <oneapi/dnnl/dnnl.hpp>
#include <span>
#include <vector>

#include "core/base/error.h"

extern "C" {  // of the OpenMP library that oneDNN brings, where it does
int omp_get_max_threads() __attribute__((weak));
void omp_set_num_threads(int) __attribute__((weak));
}

namespace strata::kernels::onednn {

namespace {
using dnnl::memory;

// Holds OpenMP to one thread on the calling thread while it lives. A primitive is cut, and its scratchpad sized, for the
// number that holds where it is made, and runs with the number that holds where it is run: with different ones it writes
// past its scratchpad. The number is one per thread and the user's otherwise.
class OneOpenMPThread {
 public:
  OneOpenMPThread() : before_(omp_get_max_threads != nullptr ? omp_get_max_threads() : 1) { set(1); }
  OneOpenMPThread(const OneOpenMPThread&) = delete;
  OneOpenMPThread& operator=(const OneOpenMPThread&) = delete;
  ~OneOpenMPThread() { set(before_); }

 private:
  void set(int threads) const {
    if (before_ != 1 && omp_set_num_threads != nullptr) omp_set_num_threads(threads);
  }
  int before_;
};

const dnnl::engine& cpu_engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

memory::desc plain(const memory::dims& sizes, const memory::dims& strides) {
  return memory::desc(sizes, memory::data_type::f32, strides);
}

memory::desc of_any_layout(const memory::dims& sizes) {
  return memory::desc(sizes, memory::data_type::f32, memory::format_tag::any);
}

dnnl::primitive_attr attributes() {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attr;
}

// oneDNN's own ReLU turns NaN into 0, which would hide a NaN from whoever looks for one; so it is not made part of the
// primitive, but done on the result while that is in the cache.
void relu_keeping_nan(float* c, Index rows, Index columns, Index stride) {
  for (Index r = 0; r < rows; ++r)
    for (Index i = 0; i < columns; ++i) c[r * stride + i] = c[r * stride + i] < 0.0f ? 0.0f : c[r * stride + i];
}

// A primitive with its arguments. oneDNN's memory objects carry an address, so every concurrent call needs a set of
// its own: `callers` sets are made beforehand, further ones when they are all in use.
class Call {
 public:
  static constexpr std::size_t most_arguments = 6;
  struct Argument {
    int id;
    memory::desc desc;
  };

  Call(const dnnl::primitive& primitive, std::vector<Argument> arguments, int callers)
      : primitive_(primitive), arguments_(std::move(arguments)) {
    for (int i = 0; i < callers; ++i) sets_.push_back(std::make_unique<Set>(arguments_));
  }

  void run(std::initializer_list<const void*> addresses) const {
    const OneOpenMPThread hold;
    for (const auto& set : sets_) {
      if (set->busy.test_and_set(std::memory_order_acquire)) continue;
      run_with(*set, addresses);
      set->busy.clear(std::memory_order_release);
      return;
    }
    Set own(arguments_);
    run_with(own, addresses);
  }

 private:
  struct Set {
    explicit Set(const std::vector<Argument>& arguments) : stream(cpu_engine()) {
      for (const Argument& a : arguments) memories.push_back(memory(a.desc, cpu_engine(), DNNL_MEMORY_NONE));
    }
    dnnl::stream stream;
    std::vector<memory> memories;
    std::atomic_flag busy = ATOMIC_FLAG_INIT;
  };

  void run_with(Set& set, std::initializer_list<const void*> addresses) const {
    std::array<dnnl_exec_arg_t, most_arguments> list;
    std::size_t i = 0;
    for (const void* address : addresses) {
      memory& m = set.memories[i];
      dnnl::error::wrap_c_api(dnnl_memory_set_data_handle(m.get(), const_cast<void*>(address)), "memory");
      list[i] = {arguments_[i].id, m.get()};
      ++i;
    }
    const dnnl_status_t status =
        dnnl_primitive_execute(primitive_.get(), set.stream.get(), static_cast<int>(i), list.data());
    if (status != dnnl_success) throw Error("onednn", "a primitive failed with status " + std::to_string(status));
  }

  dnnl::primitive primitive_;
  std::vector<Argument> arguments_;
  std::vector<std::unique_ptr<Set>> sets_;
};

struct ConvMemory {
  explicit ConvMemory(const Conv2DGeometry& g)
      : strides{g.stride_height, g.stride_width},
        dilation{g.dilation_height - 1, g.dilation_width - 1},
        before{g.pad_top, g.pad_left} {
    const auto after = [](Index in, Index out, Index taps, Index stride, Index dil, Index pad) {
      return (out - 1) * stride + (taps - 1) * dil + 1 - in - pad;
    };
    behind = {after(g.in_height, g.out_height, g.kernel_height, g.stride_height, g.dilation_height, g.pad_top),
              after(g.in_width, g.out_width, g.kernel_width, g.stride_width, g.dilation_width, g.pad_left)};
    const auto image = [&](Index height, Index width, Index channels) {
      return plain({g.batch, channels, height, width}, {height * width * channels, 1, width * channels, channels});
    };
    x = image(g.in_height, g.in_width, g.in_channels);
    y = image(g.out_height, g.out_width, g.out_channels);
    const Index i_stride = g.out_channels, w_stride = i_stride * g.group_in(), h_stride = w_stride * g.kernel_width;
    memory::dims sizes{g.group_out(), g.group_in(), g.kernel_height, g.kernel_width};
    memory::dims steps{1, i_stride, h_stride, w_stride};
    if (g.groups > 1) {
      sizes.insert(sizes.begin(), g.groups);
      steps.insert(steps.begin(), g.group_out());
    }
    kernel = plain(sizes, steps);
    free_kernel = of_any_layout(sizes);
    bias = plain({g.out_channels}, {1});
  }
  memory::dims strides, dilation, before, behind;
  memory::desc x, y, kernel, free_kernel, bias;
};

auto forward_descriptor(const ConvMemory& m, bool bias) {
  const auto prop = dnnl::prop_kind::forward_training;
  const auto direct = dnnl::algorithm::convolution_direct;
  using Forward = dnnl::convolution_forward;
#if DNNL_VERSION_MAJOR >= 3
  return bias ? Forward::primitive_desc(cpu_engine(), prop, direct, m.x, m.free_kernel, m.bias, m.y, m.strides,
                                        m.dilation, m.before, m.behind, attributes())
              : Forward::primitive_desc(cpu_engine(), prop, direct, m.x, m.free_kernel, m.y, m.strides, m.dilation,
                                        m.before, m.behind, attributes());
#else
  const auto d = bias ? Forward::desc(prop, direct, m.x, m.free_kernel, m.bias, m.y, m.strides, m.dilation, m.before,
                                      m.behind)
                      : Forward::desc(prop, direct, m.x, m.free_kernel, m.y, m.strides, m.dilation, m.before, m.behind);
  return Forward::primitive_desc(d, attributes(), cpu_engine());
#endif
}

auto data_descriptor(const ConvMemory& m) {
  const auto direct = dnnl::algorithm::convolution_direct;
  using Backward = dnnl::convolution_backward_data;
  const auto hint = forward_descriptor(m, false);
#if DNNL_VERSION_MAJOR >= 3
  return Backward::primitive_desc(cpu_engine(), direct, m.x, m.free_kernel, m.y, m.strides, m.dilation, m.before,
                                  m.behind, hint, attributes());
#else
  const Backward::desc d(direct, m.x, m.free_kernel, m.y, m.strides, m.dilation, m.before, m.behind);
  return Backward::primitive_desc(d, attributes(), cpu_engine(), hint);
#endif
}

auto weights_descriptor(const ConvMemory& m) {
  const auto direct = dnnl::algorithm::convolution_direct;
  using Backward = dnnl::convolution_backward_weights;
  const auto hint = forward_descriptor(m, false);
#if DNNL_VERSION_MAJOR >= 3
  return Backward::primitive_desc(cpu_engine(), direct, m.x, m.free_kernel, m.y, m.strides, m.dilation, m.before,
                                  m.behind, hint, attributes());
#else
  const Backward::desc d(direct, m.x, m.free_kernel, m.y, m.strides, m.dilation, m.before, m.behind);
  return Backward::primitive_desc(d, attributes(), cpu_engine(), hint);
#endif
}

class Conv2DImpl final : public Conv2D {
 public:
  Conv2DImpl(ConvDirection direction, const Conv2DGeometry& g, bool bias, bool relu, int callers)
      : biased_(bias), relu_elements_(relu ? g.batch * g.out_image() : 0) {
    const ConvMemory m(g);
    std::vector<Call::Argument> arguments;
    if (direction == ConvDirection::forward) {
      const auto pd = forward_descriptor(m, bias);
      arranged_ = pd.weights_desc();
      scratchpad_ = pd.scratchpad_desc();
      arguments = {{DNNL_ARG_SRC, m.x}, {DNNL_ARG_WEIGHTS, arranged_}, {DNNL_ARG_DST, m.y}};
      finish(dnnl::convolution_forward(pd), m, arguments, bias, callers);
    } else if (direction == ConvDirection::data_gradient) {
      const auto pd = data_descriptor(m);
      arranged_ = pd.weights_desc();
      scratchpad_ = pd.scratchpad_desc();
      arguments = {{DNNL_ARG_DIFF_DST, m.y}, {DNNL_ARG_WEIGHTS, arranged_}, {DNNL_ARG_DIFF_SRC, m.x}};
      finish(dnnl::convolution_backward_data(pd), m, arguments, false, callers);
    } else {
      const auto pd = weights_descriptor(m);
      arranged_ = pd.diff_weights_desc();
      scratchpad_ = pd.scratchpad_desc();
      arguments = {{DNNL_ARG_SRC, m.x}, {DNNL_ARG_DIFF_DST, m.y}, {DNNL_ARG_DIFF_WEIGHTS, arranged_}};
      finish(dnnl::convolution_backward_weights(pd), m, arguments, false, callers);
    }
  }

  std::size_t kernel_bytes() const override { return arranged_.get_size(); }
  std::size_t scratch_bytes() const override { return scratchpad_.get_size(); }
  void arrange(const float* w, void* arranged) const override { arrange_->run({w, arranged}); }
  void restore(const void* arranged, float* w) const override { restore_->run({arranged, w}); }
  void run(const void* first, const void* second, const float* bias, void* result, void* scratch) const override {
    if (biased_)
      call_->run({first, second, result, scratch, bias});
    else
      call_->run({first, second, result, scratch});
    if (relu_elements_ > 0) relu_keeping_nan(static_cast<float*>(result), 1, relu_elements_, relu_elements_);
  }

 private:
  void finish(const dnnl::primitive& primitive, const ConvMemory& m, std::vector<Call::Argument> arguments, bool bias,
              int callers) {
    arguments.push_back({DNNL_ARG_SCRATCHPAD, scratchpad_});
    if (bias) arguments.push_back({DNNL_ARG_BIAS, m.bias});
    call_ = std::make_unique<Call>(primitive, std::move(arguments), callers);
    const auto reorder = [&](const memory::desc& from, const memory::desc& to) {
      const dnnl::reorder::primitive_desc pd(cpu_engine(), from, cpu_engine(), to);
      return std::make_unique<Call>(dnnl::reorder(pd), std::vector<Call::Argument>{{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}}, 1);
    };
    arrange_ = reorder(m.kernel, arranged_);
    restore_ = reorder(arranged_, m.kernel);
  }

  bool biased_;
  Index relu_elements_;
  memory::desc arranged_, scratchpad_;
  std::unique_ptr<Call> call_, arrange_, restore_;
};
}  // namespace

bool available() { return true; }

std::string version() {
  const dnnl_version_t* v = dnnl_version();
  return std::to_string(v->major) + "." + std::to_string(v->minor) + "." + std::to_string(v->patch);
}

std::shared_ptr<const Conv2D> Conv2D::make(ConvDirection direction, const Conv2DGeometry& g, bool bias, bool relu,
                                           int callers) {
  const OneOpenMPThread hold;
  try {
    return std::make_shared<Conv2DImpl>(direction, g, bias, relu, callers);
  } catch (const dnnl::error&) {
    return nullptr;
  }
}

}  // namespace strata::kernels::onednn

#endif
