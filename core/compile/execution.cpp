#include "core/compile/execution.h"

#include <algorithm>
#include <atomic>

#include "core/compile/finite.h"
#include "core/compile/gpu_run.h"
#include "core/device/background_calls.h"

namespace strata {

std::shared_ptr<Storage> ArenaPool::take(Device device, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  for (auto it = free_.begin(); it != free_.end(); ++it)
    if ((*it)->bytes() >= bytes && (*it)->device() == device) {
      auto found = std::move(*it);
      free_.erase(it);
      return found;
    }
  // All that the device has here are too small: the larger one takes their place.
  std::erase_if(free_, [&](const auto& arena) { return arena->device() == device; });
  return Storage::allocate(device, bytes);
}

void ArenaPool::give(std::shared_ptr<Storage> arena) {
  const std::lock_guard lock(mutex_);
  free_.push_back(std::move(arena));
}

std::int64_t ArenaPool::idle_bytes(Device device) {
  const std::lock_guard lock(mutex_);
  std::int64_t bytes = 0;
  for (const auto& arena : free_)
    if (arena->device() == device) bytes += static_cast<std::int64_t>(arena->bytes());
  return bytes;
}

void ArenaPool::clear() {
  const std::lock_guard lock(mutex_);
  free_.clear();
}

Execution::Execution(std::shared_ptr<const Plan> plan) : plan_(std::move(plan)) {
  if (plan_->on_gpu()) gpu_ = std::make_unique<GpuRun>(plan_);
  for (const PlanStep& step : plan_->steps()) {
    if (step.ends_at) exchanges_[first_address_.size()];
    first_address_.push_back(addresses_.size());
    for (const auto* places : {&step.in, &step.out})
      for (const Place& p : *places) {
        if (p.kind == Place::Kind::input) input_patches_.push_back({addresses_.size(), p.index});
        if (p.kind == Place::Kind::output) output_patches_.push_back({addresses_.size(), p.index});
        addresses_.push_back(nullptr);
      }
  }
}

void* Execution::resolve(const Place& p, std::byte* base) const {
  switch (p.kind) {
    case Place::Kind::arena:
      return base + p.offset;
    case Place::Kind::variable:
      return plan_->variables()[p.index].storage().mutable_raw();
    case Place::Kind::constant:
      return const_cast<std::byte*>(plan_->constants()[p.index].raw());
    case Place::Kind::input:
    case Place::Kind::output:
      break;
  }
  return nullptr;
}

void Execution::bind(std::byte* base) {
  const Variables& variables = plan_->variables();
  bool moved = !bound_ || base != base_;
  for (std::size_t i = 0; i < variables.size() && !moved; ++i) moved = variables[i].value().raw() != variables_[i];
  if (!moved) return;
  variables_.clear();
  for (const Variable& v : variables) {
    if (v.value().device() != plan_->options().device)
      throw Error("variable '" + v.path() + "'", "has moved to " + to_string(v.value().device()) +
                                                     " since the step was planned for " +
                                                     to_string(plan_->options().device));
    variables_.push_back(v.value().raw());
  }
  if (gpu_) gpu_->forget_recording();
  std::size_t slot = 0;
  for (const PlanStep& step : plan_->steps())
    for (const auto* places : {&step.in, &step.out})
      for (const Place& p : *places) addresses_[slot++] = resolve(p, base);
  base_ = base;
  bound_ = true;
}

Execution::~Execution() = default;

void Execution::run(const std::shared_ptr<Storage>& arena, const Tensors& inputs, Tensors& outputs, StepTimer* timer) {
  const ReorderMeter::Scope reorders(timer == nullptr ? nullptr : &timer->reorder_meter());
  if (gpu_)
    run_on_gpu(arena, inputs, outputs, timer);
  else
    run_on_processor(arena, inputs, outputs, timer);
}

namespace {
/// Inputs that lie on another GPU, in the processor's memory. Reading them takes that GPU's lock, so they are read
/// before this one's is held: two steps that read each other's GPU would wait for each other for ever.
Tensors brought_from_other_gpus(Tensors inputs, Device device) {
  for (Tensor& t : inputs)
    if (t.device().kind == DeviceKind::gpu && t.device() != device) t = t.on_host();
  return inputs;
}
}  // namespace

void Execution::run_on_gpu(const std::shared_ptr<Storage>& arena, const Tensors& given, Tensors& outputs,
                           StepTimer* timer) {
  const Tensors inputs = brought_from_other_gpus(given, plan_->options().device);
  const Cuda::Use use(Cuda::of(plan_->options().device.index));
  bind(arena->data());
  for (const Patch& p : input_patches_) addresses_[p.slot] = gpu_->input(p.index);
  for (const Patch& p : output_patches_) addresses_[p.slot] = gpu_->output(p.index);
  gpu_->bring(inputs);
  gpu_->run(addresses_, first_address_, base_, timer);
  gpu_->deliver(outputs);
}

namespace {
/// A step that fails leaves no exchange behind that still works in its memory.
class NoneInFlight {
 public:
  explicit NoneInFlight(BackgroundCalls* calls) : calls_(calls) {}
  NoneInFlight(const NoneInFlight&) = delete;
  NoneInFlight& operator=(const NoneInFlight&) = delete;
  ~NoneInFlight() {
    if (calls_ != nullptr) calls_->cancel();
  }

 private:
  BackgroundCalls* calls_;
};
}  // namespace

void Execution::run_on_processor(const std::shared_ptr<Storage>& arena, const Tensors& inputs, Tensors& outputs,
                                 StepTimer* timer) {
  bind(arena->data());
  for (const Patch& p : input_patches_) addresses_[p.slot] = const_cast<std::byte*>(inputs[p.index].raw());
  for (const Patch& p : output_patches_) addresses_[p.slot] = outputs[p.index].mutable_raw();
  const bool check = plan_->options().check_numerics;
  if (check)
    for (std::size_t i = 0; i < inputs.size(); ++i)
      check_finite(inputs[i].type(), inputs[i].raw(), "input " + std::to_string(i) + " of the step");
  Cpu cpu(*plan_->threads());
  const FlushDenormals flush;
  const NoneInFlight at_the_end(exchanges_.empty() ? nullptr : &plan_->options().communicator->background());
  const auto& steps = plan_->steps();
  if (timer != nullptr) timer->mark();
  for (std::size_t s = 0; s < steps.size(); ++s) {
    const PlanStep& step = steps[s];
    if (step.waits_for)
      end_exchange(*step.waits_for, timer);
    else if (step.ends_at)
      begin_exchange(s);
    else
      run_step(cpu, s);
    for (std::size_t j = 0; check && j < step.out.size(); ++j)
      check_finite(step.signature.outputs[j], addresses_[first_address_[s] + step.in.size() + j], label(step));
    if (timer != nullptr) timer->mark();
  }
}

void Execution::run_step(Cpu& cpu, std::size_t s) const {
  const PlanStep& step = plan_->steps()[s];
  void* const* in = addresses_.data() + first_address_[s];
  step.kernel.run(cpu, Buffers(step.signature, in, in + step.in.size(), base_ + step.scratch_offset));
}

void Execution::begin_exchange(std::size_t s) {
  Exchange& exchange = exchanges_.at(s);
  exchange.call = plan_->options().communicator->background().begin([this, s, &exchange] {
    Cpu alone;
    exchange.begin = StepTimer::Clock::now();
    run_step(alone, s);
    exchange.end = StepTimer::Clock::now();
  });
}

void Execution::end_exchange(std::size_t s, StepTimer* timer) {
  const Exchange& exchange = exchanges_.at(s);
  plan_->options().communicator->background().wait(exchange.call);
  if (timer != nullptr) timer->note(s, exchange.begin, exchange.end);
}

Executable::Executable(std::shared_ptr<const Plan> plan, std::shared_ptr<ArenaPool> arenas)
    : plan_(std::move(plan)), arenas_(std::move(arenas)) {}

Tensors Executable::run(const Tensors& inputs, StepTimer* timer) {
  const Types& wanted = plan_->input_types();
  if (inputs.size() != wanted.size())
    fail_expected("function", std::to_string(wanted.size()) + " inputs", std::to_string(inputs.size()));
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (!inputs[i].defined() || inputs[i].type() != wanted[i])
      fail_expected("function input " + std::to_string(i), to_string(wanted[i]),
                    inputs[i].defined() ? to_string(inputs[i].type()) : std::string("an empty tensor"));
  Tensors outputs;
  for (const Type& t : plan_->output_types()) outputs.emplace_back(t.dtype, t.shape, plan_->options().device);
  std::unique_ptr<Execution> execution;
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      execution = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (!execution) execution = std::make_unique<Execution>(plan_);
  auto arena = arenas_->take(plan_->options().device, plan_->arena_bytes());
  struct GiveBack {  // the arena returns to its pool on every way out
    ArenaPool& pool;
    std::shared_ptr<Storage>& arena;
    ~GiveBack() { pool.give(std::move(arena)); }
  } give_back{*arenas_, arena};
  for (const Variable& v : plan_->written()) v.mark_changed();  // before: a step that fails has changed some of them
  execution->run(arena, inputs, outputs, timer);
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(execution));
  return outputs;
}

namespace debugging {
namespace {
std::atomic<bool> check_numerics{false}, log_placement{false};
}
void enable_check_numerics(bool enabled) { check_numerics = enabled; }
bool check_numerics_enabled() { return check_numerics; }
void set_log_device_placement(bool enabled) { log_placement = enabled; }
bool log_device_placement() { return log_placement; }
}  // namespace debugging

}  // namespace strata
