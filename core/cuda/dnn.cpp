#include "core/cuda/dnn.h"

#include <cudnn.h>

#include <limits>
#include <map>
#include <mutex>
#include <optional>

#include "core/base/disk_cache.h"
#include "core/base/error.h"
#include "core/cuda/alignment.h"
#include "core/cuda/dnn_graph.h"
#include "core/device/storage.h"

namespace strata::cuda {

struct DnnPlan::Body {
  std::string problem, engine;
  std::size_t operands;
  std::shared_ptr<const dnn::Engine> plan;
};

namespace {
/// cuDNN's handle of a device, which works on that device's stream. Lives as long as the process, as Cuda does.
class Handle {
 public:
  explicit Handle(Cuda& gpu) : handle_(dnn::create_handle(dnn::library())) {
    const auto set_stream = dnn::library().symbol<decltype(cudnnSetStream)>("cudnnSetStream");
    if (set_stream(static_cast<cudnnHandle_t>(handle_), static_cast<cudaStream_t>(gpu.stream().handle())) !=
        CUDNN_STATUS_SUCCESS)
      throw Error("cuDNN", "the stream of gpu:" + std::to_string(gpu.device()) + " was refused");
  }
  void* get() const { return handle_; }

 private:
  void* handle_;
};

std::string text_of(const DnnOptions& o) {
  return std::string(o.deterministic ? " deterministic" : "") + (o.measure ? " measured" : "") + " workspace " +
         std::to_string(o.workspace_limit);
}

/// Where engines are compiled, building and running them all takes long.
constexpr std::size_t most_measured = 12;

/// Milliseconds that each built engine takes, on arrays of zeros.
class Stopwatch {
 public:
  Stopwatch(Cuda& gpu, const std::vector<Operand>& operands) : gpu_(gpu) {
    for (const Operand& o : operands) {
      arrays_.push_back(Storage::allocate({DeviceKind::gpu, gpu.device()}, o.type.bytes()));
      fill_bytes(arrays_.back()->data(), 0, o.type.bytes(), gpu.stream());
      addresses_.push_back(arrays_.back()->data());
    }
  }

  float time(const dnn::Engine& engine) {
    constexpr int rounds = 5;
    const auto workspace = Storage::allocate({DeviceKind::gpu, gpu_.device()}, engine.workspace_bytes());
    void* handle = gpu_.library<Handle>().get();
    engine.run(handle, addresses_, workspace->data());  // loads the kernels
    Event begin(gpu_.device()), end(gpu_.device());
    begin.record(gpu_.stream());
    for (int i = 0; i < rounds; ++i) engine.run(handle, addresses_, workspace->data());
    end.record(gpu_.stream());
    end.synchronize();
    return end.milliseconds_since(begin) / rounds;
  }

 private:
  Cuda& gpu_;
  std::vector<std::shared_ptr<Storage>> arrays_;
  std::vector<void*> addresses_;
};

struct Chosen {
  std::string engine;
  std::shared_ptr<const dnn::Engine> plan;
};

/// The first engine that can be built, or the fastest. An engine that the heuristics name may still turn out not to
/// work.
Chosen choose(Cuda& gpu, const std::string& problem, const std::vector<Operand>& operands, const dnn::Answer& answer,
              const DnnOptions& options) {
  const std::vector<dnn::Choice>& choices = answer.choices();
  std::string reason = answer.reason();
  Chosen chosen;
  float best = std::numeric_limits<float>::infinity();
  std::unique_ptr<Stopwatch> stopwatch;
  if (options.measure) stopwatch = std::make_unique<Stopwatch>(gpu, operands);
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (chosen.plan && (!stopwatch || i >= most_measured || choices[i].workspace_bytes > options.workspace_limit))
      break;
    try {
      const auto plan = answer.build(i);
      const float time = stopwatch ? stopwatch->time(*plan) : 0;
      if (time < best) best = time, chosen = {choices[i].name, plan};
    } catch (const Error& error) {
      reason = error.message();
    }
  }
  if (!chosen.plan)
    throw Error(problem, "cuDNN " + dnn::version() + " has no engine for it on " + gpu.properties().name +
                             " (compute capability " + std::to_string(gpu.properties().major) + "." +
                             std::to_string(gpu.properties().minor) + "): " + reason);
  return chosen;
}

/// On the disk: the engine's name, a line break, the plan.
void keep(const DiskCache& cache, const std::string& key, const Chosen& c) {
  try {
    cache.put(key, c.engine + "\n" + c.plan->serialized());
  } catch (const Error&) {  // an engine whose plans cannot be kept is asked for anew each time
  }
}

std::optional<Chosen> kept(const DiskCache& cache, const std::string& key, const dnn::Device& device,
                           const ConvProblem& p) {
  const std::optional<std::string> text = cache.find(key);
  const std::size_t end = text ? text->find('\n') : std::string::npos;
  if (end == std::string::npos) return std::nullopt;
  try {
    return Chosen{text->substr(0, end), dnn::restore(device, p, text->substr(end + 1))};
  } catch (const Error&) {  // of a cuDNN or driver that calls itself the same and is not: asked anew, and overwritten
    return std::nullopt;
  }
}

std::shared_ptr<const DnnPlan::Body> solve(Cuda& gpu, const ConvProblem& p, const DnnOptions& options) {
  const std::string problem = to_string(p);
  const Cuda::Use use(gpu);
  const dnn::Device device(gpu.library<Handle>().get());
  const DiskCache cache("cudnn");
  const std::string key = "cuDNN " + dnn::version() + " on " + gpu.properties().name + " " +
                          std::to_string(gpu.properties().major) + "." + std::to_string(gpu.properties().minor) + ", " +
                          std::to_string(gpu.properties().multiprocessors) + " multiprocessors: " + problem +
                          text_of(options);
  std::optional<Chosen> chosen = kept(cache, key, device, p);
  if (!chosen) {
    const std::vector<Operand> arrays = operands(p);
    chosen = choose(gpu, problem, arrays, *dnn::ask(device, p, options), options);
    keep(cache, key, *chosen);
  }
  return std::make_shared<const DnnPlan::Body>(
      DnnPlan::Body{problem, chosen->engine, operands(p).size(), chosen->plan});
}

std::shared_ptr<const DnnPlan::Body> solved_once(const CudaTarget& target, const ConvProblem& p,
                                                 const DnnOptions& options) {
  check(p);
  // Never destroyed: plans must not be when cuDNN is gone already.
  static auto& mutex = *new std::mutex;
  static auto& known = *new std::map<std::string, std::shared_ptr<const DnnPlan::Body>>;
  const std::string key = std::to_string(target.device) + " " + to_string(p) + text_of(options);
  {
    const std::lock_guard lock(mutex);
    if (const auto at = known.find(key); at != known.end()) return at->second;
  }
  auto body = solve(Cuda::of(target.device), p, options);  // another thread may do the same meanwhile, to no harm
  const std::lock_guard lock(mutex);
  return known.emplace(key, std::move(body)).first->second;
}
}  // namespace

DnnPlan DnnPlan::make(const CudaTarget& target, const ConvProblem& p, const DnnOptions& options) {
  return DnnPlan(solved_once(target, p, options));
}

std::size_t DnnPlan::workspace_bytes() const { return body_->plan->workspace_bytes(); }
const std::string& DnnPlan::engine() const { return body_->engine; }

void DnnPlan::run(Cuda& gpu, std::span<void* const> addresses, void* workspace) const {
  if (addresses.size() != body_->operands)
    fail_expected(body_->problem, std::to_string(body_->operands) + " addresses", std::to_string(addresses.size()));
  expect_aligned(body_->problem, addresses);
  body_->plan->run(gpu.library<Handle>().get(), addresses, workspace);
}

}  // namespace strata::cuda
