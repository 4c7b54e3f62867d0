#include "core/cuda/dnn_graph.h"

#define NV_CUDNN_FRONTEND_USE_DYNAMIC_LOADING
#define CUDNN_FRONTEND_SKIP_JSON_LIB  // we serialize plans, not graphs
#include <cudnn_frontend.h>

#include <algorithm>
#include <functional>
#include <set>
#include <sstream>

#include "core/base/error.h"

namespace fe = cudnn_frontend;
void* fe::cudnn_dlhandle = nullptr;  // where the frontend looks for cuDNN's functions; dnn_library.cpp sets it

namespace strata::cuda::dnn {

namespace {
using Tensor = std::shared_ptr<fe::graph::Tensor_attributes>;

fe::DataType_t type_of(DType dtype) {
  switch (dtype) {
    case DType::f16:
      return fe::DataType_t::HALF;
    case DType::bf16:
      return fe::DataType_t::BFLOAT16;
    case DType::f64:
      return fe::DataType_t::DOUBLE;
    default:
      return fe::DataType_t::FLOAT;
  }
}

/// `CUDNN_STATUS_NOT_SUPPORTED; Reason: ...`, the first few different ones of the many lines that cuDNN keeps.
std::string last_words() {
  std::istringstream lines(fe::detail::get_last_error_string_());
  std::set<std::string> seen;
  std::string words;
  for (std::string line; seen.size() < 3 && std::getline(lines, line);) {
    const std::size_t at = line.find("CUDNN_STATUS");
    if (at == std::string::npos || !seen.insert(line.substr(at)).second) continue;
    words += (words.empty() ? "" : "; ") + line.substr(at);
  }
  return words;
}

void expect(cudnnStatus_t status, const char* what) {
  if (status != CUDNN_STATUS_SUCCESS)
    throw Error(std::string("cuDNN failed to ") + what + ": " + fe::detail::get_error_string(status) + ". " +
                last_words());
}

/// The frontend throws what it likes where a function is missing.
template <class F>
auto in_our_words(const std::string& where, F&& f) {
  try {
    return f();
  } catch (const Error& error) {
    throw Error(where, error.message());
  } catch (const std::exception& error) {
    throw Error(where, std::string("cuDNN: ") + error.what());
  }
}

using Descriptor = fe::detail::backend_descriptor;

/// Sets an attribute of a descriptor, or fails to `what`.
template <class T>
void set(Descriptor& to, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t count,
         const T* values, const char* what) {
  expect(fe::detail::set_attribute(to.get_ptr(), name, type, count, values), what);
}

class BuiltEngine : public Engine {
 public:
  BuiltEngine(Descriptor plan, std::size_t operands) : plan_(std::move(plan)) {
    for (std::size_t i = 0; i < operands; ++i) ids_.push_back(static_cast<std::int64_t>(i));
    std::int64_t count = 0, bytes = 0;
    expect(fe::detail::get_attribute(plan_.get_ptr(), CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1,
                                     &count, &bytes),
           "say how much memory a plan wants");
    workspace_ = static_cast<std::size_t>(bytes);
  }

  std::size_t workspace_bytes() const override { return workspace_; }

  std::string serialized() const override {
    std::int64_t size = 0;
    const auto get = [&](std::int64_t room, void* to) {
      expect(fe::detail::get_attribute(plan_.get_ptr(), CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
                                       room, &size, to),
             "serialize a plan");
    };
    get(0, nullptr);
    std::string text(static_cast<std::size_t>(size), '\0');
    get(size, text.data());
    return text;
  }

  void run(void* handle, std::span<void* const> addresses, void* workspace) const override {
    const auto count = static_cast<std::int64_t>(ids_.size());
    Descriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    const char* what = "take the addresses of a plan";
    set(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, count, addresses.data(), what);
    set(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, count, ids_.data(), what);
    set(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace, what);
    expect(fe::detail::finalize(pack.get_ptr()), what);
    expect(fe::detail::execute(static_cast<cudnnHandle_t>(handle), plan_.get_ptr(), pack.get_ptr()), "run a plan");
  }

 private:
  Descriptor plan_;
  std::vector<std::int64_t> ids_;
  std::size_t workspace_ = 0;
};

/// cuDNN's order of an array whose channels come last: batch, channels, sizes, with strides that say where they lie.
/// A single axis is that of the channels.
fe::graph::Tensor_attributes channels_last(const Type& type, int rank) {
  const std::vector<std::int64_t>& sizes = type.shape.dims();
  const auto n = static_cast<std::size_t>(rank);
  std::vector<std::int64_t> dims(n, 1), strides(n, 1);
  dims[1] = sizes.back();
  if (sizes.size() > 1) {
    dims[0] = sizes.front();
    std::copy(sizes.begin() + 1, sizes.end() - 1, dims.begin() + 2);
  }
  std::int64_t stride = dims[1];
  for (std::size_t axis = n; axis-- > 2; stride *= dims[axis]) strides[axis] = stride;
  strides[0] = stride;
  return fe::graph::Tensor_attributes().set_dim(dims).set_stride(strides).set_data_type(type_of(type.dtype));
}

/// A graph of the frontend, whose tensors are numbered as the operands are.
class Draft : public fe::graph::Graph {
 public:
  Draft(const Device& device, const ConvProblem& p) : operands_(operands(p)), rank_(p.x.rank()) {
    const fe::DataType_t sums = p.dtype == DType::f64 ? fe::DataType_t::DOUBLE : fe::DataType_t::FLOAT;
    set_io_data_type(type_of(p.dtype)).set_intermediate_data_type(sums).set_compute_data_type(sums);
    if (device.properties())
      set_device_properties(std::static_pointer_cast<const fe::DeviceProperties>(device.properties()));
  }

  Tensor in(const char* name) { return tensor(attributes(name)); }
  void out(const char* name, const Tensor& tensor) {
    const auto like = attributes(name);
    tensor->set_output(true).set_uid(like.get_uid()).set_name(name);
    tensor->set_dim(like.get_dim()).set_stride(like.get_stride()).set_data_type(like.get_data_type());
  }
  Tensor of(fe::PointwiseMode_t mode, const Tensor& a) {
    return pointwise(a, fe::graph::Pointwise_attributes().set_mode(mode));
  }
  Tensor of(fe::PointwiseMode_t mode, const Tensor& a, const Tensor& b) {
    return pointwise(a, b, fe::graph::Pointwise_attributes().set_mode(mode));
  }

  /// The heuristics' engines, less those that `refuse` takes away. Empty where the graph is none that cuDNN knows.
  fe::EngineConfigList engines(const Device& device, const std::function<bool(cudnnBackendDescriptor_t)>& refuse) {
    fe::EngineConfigList found;
    if (auto error = validate(); error.is_bad()) throw Error(error.get_message());
    if (build_operation_graph(static_cast<cudnnHandle_t>(device.handle())).is_bad()) return found;
    fe::get_heuristics_list({fe::HeurMode_t::A, fe::HeurMode_t::FALLBACK}, *operation_graph, refuse, found, true, -1,
                            device_properties);
    return found;
  }

 private:
  fe::graph::Tensor_attributes attributes(const char* name) const {
    const auto at = std::find_if(operands_.begin(), operands_.end(), [&](const Operand& o) { return o.name == name; });
    return channels_last(at->type, rank_).set_uid(at - operands_.begin()).set_name(name);
  }
  std::vector<Operand> operands_;
  int rank_;
};

std::unique_ptr<Draft> draft(const Device& device, const ConvProblem& p) {
  auto g = std::make_unique<Draft>(device, p);
  std::vector<std::int64_t> after;
  for (std::size_t axis = 0; axis < p.strides.size(); ++axis) after.push_back(p.padding_after(axis));
  const auto window = [&](auto attributes) {
    return attributes.set_pre_padding(p.padding_before)
        .set_post_padding(after)
        .set_stride(p.strides)
        .set_dilation(p.dilation);
  };
  if (p.pass == ConvPass::data_gradient) {
    g->out("dx", g->conv_dgrad(g->in("dy"), g->in("w"), window(fe::graph::Conv_dgrad_attributes())));
  } else if (p.pass == ConvPass::weight_gradient) {
    g->out("dw", g->conv_wgrad(g->in("dy"), g->in("x"), window(fe::graph::Conv_wgrad_attributes())));
  } else {
    Tensor y = g->conv_fprop(g->in("x"), g->in("w"), window(fe::graph::Conv_fprop_attributes()));
    if (p.bias) y = g->of(fe::PointwiseMode_t::ADD, y, g->in("bias"));
    if (p.relu) y = g->of(fe::PointwiseMode_t::RELU_FWD, y);
    g->out("y", y);
  }
  return g;
}

/// Counts what it refuses.
class Filter {
 public:
  Filter(const ConvProblem& p, const DnnOptions& options)
      : single_(p.dtype == DType::f32), exact_(single_ && !p.tensor_float_32), deterministic_(options.deterministic) {}

  bool refuses(cudnnBackendDescriptor_t engine) {
    if (deterministic_ && fe::hasNumericalNote<CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC>(engine)) return ++varying_ > 0;
    const bool rounds = fe::hasNumericalNote<CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION>(engine) ||
                        fe::hasNumericalNote<CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13>(engine) ||
                        (single_ && fe::hasNumericalNote<CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS>(engine)) ||
                        (exact_ && fe::hasNumericalNote<CUDNN_NUMERICAL_NOTE_TENSOR_CORE>(engine));
    rounding_ += rounds;
    return rounds;
  }
  std::string counts() const {
    return std::to_string(varying_) + " engines were passed over because their results vary, " +
           std::to_string(rounding_) + " because they round more than the problem allows";
  }

 private:
  bool single_, exact_, deterministic_;
  int varying_ = 0, rounding_ = 0;
};

class AskedAnswer : public Answer {
 public:
  AskedAnswer(const Device& device, const ConvProblem& p, const DnnOptions& options)
      : where_(to_string(p)), draft_(draft(device, p)), operands_(operands(p).size()) {
    Filter filter(p, options);
    engines_ = draft_->engines(device, [&](cudnnBackendDescriptor_t engine) { return filter.refuses(engine); });
    if (engines_.empty()) reason_ = last_words();
    reason_ += (reason_.empty() ? "" : "; ") + filter.counts();
    for (const auto& engine : engines_) choices_.push_back(described(engine));
    // As the heuristics order them, but those that want too much memory last.
    std::vector<std::size_t> order(choices_.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_partition(order.begin(), order.end(),
                          [&](std::size_t i) { return choices_[i].workspace_bytes <= options.workspace_limit; });
    std::vector<Choice> choices;
    fe::EngineConfigList engines;
    for (const std::size_t i : order) choices.push_back(choices_[i]), engines.push_back(engines_[i]);
    choices_ = std::move(choices), engines_ = std::move(engines);
  }

  std::shared_ptr<const Engine> build(std::size_t choice) const override {
    return in_our_words(where_, [&] {
      Descriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
      auto engine = engines_.at(choice)->get_backend_descriptor();
      set(plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &engine, "take an engine");
      expect(fe::detail::finalize(plan.get_ptr()), "build a plan");
      return std::make_shared<const BuiltEngine>(std::move(plan), operands_);
    });
  }

 private:
  static Choice described(const fe::ManagedOpaqueDescriptor& engine) {
    std::int64_t count = 0, bytes = 0;
    expect(fe::detail::get_attribute(engine->get_backend_descriptor(), CUDNN_ATTR_ENGINECFG_WORKSPACE_SIZE,
                                     CUDNN_TYPE_INT64, 1, &count, &bytes),
           "say how much memory an engine wants");
    const bool compiled =
        fe::hasBehaviorNote<CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION>(engine->get_backend_descriptor());
    return {fe::detail::get_engine_tag(engine), static_cast<std::size_t>(bytes), compiled};
  }

  std::string where_;
  std::unique_ptr<Draft> draft_;  // engines refer to its operation graph
  std::size_t operands_;
  fe::EngineConfigList engines_;
};

}  // namespace

Device Device::described(const std::string& json) {
  library();
  return in_our_words("cuDNN", [&] {
    auto properties = std::make_shared<fe::DeviceProperties>();
    if (auto error = properties->deserialize({json.begin(), json.end()}); error.is_bad())
      throw Error("the description of a device was refused: " + error.get_message() + ". " + last_words());
    Device device(nullptr);
    device.properties_ = properties;
    return device;
  });
}

std::unique_ptr<Answer> ask(const Device& device, const ConvProblem& p, const DnnOptions& options) {
  check(p);
  library();
  return in_our_words(to_string(p),
                      [&]() -> std::unique_ptr<Answer> { return std::make_unique<AskedAnswer>(device, p, options); });
}

std::shared_ptr<const Engine> restore(const Device& device, const ConvProblem& p, const std::string& serialized) {
  library();
  return in_our_words(to_string(p), [&] {
    Descriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    const char* what = "restore a plan";
    set(plan, CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
        static_cast<std::int64_t>(serialized.size()), serialized.data(), what);
    if (device.properties()) {
      auto properties = std::static_pointer_cast<const fe::DeviceProperties>(device.properties())->get_ptr();
      set(plan, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &properties, what);
    } else {
      auto handle = static_cast<cudnnHandle_t>(device.handle());
      set(plan, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle, what);
    }
    expect(fe::detail::finalize(plan.get_ptr()), what);
    return std::make_shared<const BuiltEngine>(std::move(plan), operands(p).size());
  });
}

}  // namespace strata::cuda::dnn
