#include "core/compile/gpu_run.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/compile/finite.h"

namespace strata {

namespace {
constexpr std::size_t alignment = 256;
std::size_t aligned(std::size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

/// Offsets of arrays laid side by side from `end` on, which moves behind them.
std::vector<std::size_t> laid_out(const Types& types, std::size_t& end) {
  std::vector<std::size_t> offsets;
  for (const Type& t : types) {
    offsets.push_back(end);
    end += aligned(t.bytes());
  }
  return offsets;
}
}  // namespace

struct GpuRun::Lane {
  Lane(Device device, std::size_t bytes)
      : pinned(cuda::allocate_pinned(bytes)),
        staging(Storage::allocate(device, bytes)),
        arrived(device.index),
        taken(device.index) {}
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;
  ~Lane() { cuda::release_pinned(pinned); }
  std::byte* pinned;
  std::shared_ptr<Storage> staging;
  cuda::Event arrived, taken;  // the copy from pinned memory is over; the copy out of staging is
};

struct GpuRun::Section {
  std::size_t begin, end;
  bool on_processor = false;
  std::unique_ptr<cuda::Graph> graph = {};
};

struct GpuRun::Fork {
  explicit Fork(int device) : begins(device), ends(device) {}
  cuda::Event begins, ends;
  bool open = false;  // while a section is recorded
};

GpuRun::GpuRun(std::shared_ptr<const Plan> plan)
    : plan_(std::move(plan)), gpu_(Cuda::of(plan_->options().device.index)) {
  std::size_t bytes = 0;
  inputs_ = laid_out(plan_->input_types(), bytes);
  input_bytes_ = bytes;
  outputs_ = laid_out(plan_->output_types(), bytes);
  fixed_ = Storage::allocate(plan_->options().device, bytes);
  make_sections();
}

GpuRun::~GpuRun() {
  try {
    const Cuda::Use use(gpu_);
    gpu_.stream().synchronize();       // first: it may wait for another replica in vain, and says so
    gpu_.copy_stream().synchronize();  // a lane's memory may still be read
  } catch (const Error&) {  // the device failed; whoever used it was told
  }
}

void GpuRun::make_sections() {
  const auto& steps = plan_->steps();
  std::size_t host_bytes = 0;
  for (std::size_t s = 0; s < steps.size(); ++s) {
    if (steps[s].ends_at) forks_[s] = std::make_unique<Fork>(gpu_.device());
    const bool on_processor = !steps[s].kernel.launch && !steps[s].waits_for;
    if (on_processor || sections_.empty() || sections_.back().on_processor)
      sections_.push_back({s, s + 1, on_processor});
    else
      sections_.back().end = s + 1;
    if (!on_processor) continue;
    std::size_t bytes = aligned(steps[s].kernel.scratch_bytes) + alignment;
    laid_out(steps[s].signature.inputs, bytes);
    laid_out(steps[s].signature.outputs, bytes);
    host_bytes = std::max(host_bytes, bytes);
  }
  host_memory_.resize(host_bytes);
}

void GpuRun::bring(const Tensors& inputs) {
  const Device device = plan_->options().device;
  const auto on_device = [&](const Tensor& t) { return t.device() == device; };
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (on_device(inputs[i])) cuda::copy(input(i), inputs[i].raw(), inputs[i].bytes(), gpu_.stream());
  if (std::all_of(inputs.begin(), inputs.end(), on_device)) return;
  if (lanes_.size() < 2) {
    lanes_.push_back(std::make_unique<Lane>(device, input_bytes_));
    lanes_.back()->taken.record(gpu_.stream());  // its memory is given in this stream's order, and used first in the other
  }
  Lane& lane = *lanes_[turn_++ % lanes_.size()];
  if (plan_->options().gpu_communicator)
    gpu_.copy_stream().synchronize();  // this wait ends when another replica does not come on, an event's would not
  else
    lane.arrived.synchronize();
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (!on_device(inputs[i]) && inputs[i].bytes() > 0)
      std::memcpy(lane.pinned + inputs_[i], inputs[i].raw(), inputs[i].bytes());
  lane.taken.hold_back(gpu_.copy_stream());
  cuda::copy(lane.staging->data(), lane.pinned, input_bytes_, gpu_.copy_stream());
  lane.arrived.record(gpu_.copy_stream());
  lane.arrived.hold_back(gpu_.stream());
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (!on_device(inputs[i]))
      cuda::copy(input(i), lane.staging->data() + inputs_[i], inputs[i].bytes(), gpu_.stream());
  lane.taken.record(gpu_.stream());
}

void GpuRun::run(const std::vector<void*>& addresses, const std::vector<std::size_t>& first_address, std::byte* arena,
                 StepTimer* timer) {
  addresses_ = &addresses;
  first_address_ = &first_address;
  arena_ = arena;
  timer_ = timer;
  if (timer != nullptr) timer->mark();
  const Way way = way_to_run();
  if (way == Way::record) record();
  for (Section& section : sections_) {
    if (section.on_processor) {
      run_on_processor(section.begin);
      if (timer != nullptr) timer->mark();
    } else if (way == Way::kernel_by_kernel) {
      launch(section.begin, section.end);
    } else {
      section.graph->launch(gpu_.stream());
    }
  }
  warm_ = true;
}

GpuRun::Way GpuRun::way_to_run() {
  const PlanOptions& options = plan_->options();
  const auto& others = options.gpu_communicator;
  if (others && generation_ != others->generation()) {
    generation_ = others->generation();
    warm_ = false;
    forget_recording();
  }
  const bool recorded = options.record && !options.check_numerics && warm_ && timer_ == nullptr;
  const Way own = !recorded ? Way::kernel_by_kernel : recorded_arena_ == arena_ ? Way::replay : Way::record;
  return others ? others->agree(own) : own;
}

/// All of it, and on all replicas, before any of it runs: CUDA may wait for the device while it records, and a device
/// that runs a step waits for the replicas that do not.
void GpuRun::record() {
  for (const auto& [exchange, f] : forks_) f->open = false;  // an error may have ended the recording before
  for (Section& section : sections_)
    if (!section.on_processor)
      section.graph = std::make_unique<cuda::Graph>(gpu_.stream(), [&] { record_section(section); });
  if (const auto& others = plan_->options().gpu_communicator) others->meet();
  recorded_arena_ = arena_;
}

/// Exchanges run on a stream of their own where they are recorded; otherwise all replicas wait for each of them.
void GpuRun::record_section(const Section& section) {
  const auto& steps = plan_->steps();
  for (std::size_t s = section.begin; s < section.end; ++s)
    if (steps[s].waits_for)
      join(*steps[s].waits_for);
    else if (steps[s].ends_at)
      fork(s);
    else
      launch_step(s);
  for (const auto& [exchange, unused] : forks_) join(exchange);  // no recording ends before what it has begun
}

void GpuRun::fork(std::size_t exchange) {
  Fork& f = *forks_.at(exchange);
  f.begins.record(gpu_.stream());
  const Cuda::Aside aside(gpu_);
  f.begins.hold_back(gpu_.stream());
  launch_step(exchange);
  f.ends.record(gpu_.stream());
  f.open = true;
}

void GpuRun::join(std::size_t exchange) {
  Fork& f = *forks_.at(exchange);
  if (std::exchange(f.open, false)) f.ends.hold_back(gpu_.stream());
}

void GpuRun::launch(std::size_t begin, std::size_t end) {
  for (std::size_t s = begin; s < end; ++s) {
    if (!plan_->steps()[s].waits_for) launch_step(s);
    if (plan_->options().check_numerics) check_numerics(s);
    if (timer_ != nullptr) timer_->mark();
  }
}

void GpuRun::launch_step(std::size_t s) {
  const PlanStep& step = plan_->steps()[s];
  void* const* in = addresses_->data() + (*first_address_)[s];
  step.kernel.launch(gpu_, Buffers(step.signature, in, in + step.in.size(), arena_ + step.scratch_offset));
}

void GpuRun::run_on_processor(std::size_t s) {
  const PlanStep& step = plan_->steps()[s];
  void* const* there = addresses_->data() + (*first_address_)[s];
  auto* base = reinterpret_cast<std::byte*>(aligned(reinterpret_cast<std::size_t>(host_memory_.data())));
  std::size_t end = aligned(step.kernel.scratch_bytes);
  std::vector<void*> here;
  for (const Types* types : {&step.signature.inputs, &step.signature.outputs})
    for (std::size_t offset : laid_out(*types, end)) here.push_back(base + offset);
  cuda::Stream& stream = gpu_.stream();
  for (std::size_t i = 0; i < step.in.size(); ++i)
    cuda::copy(here[i], there[i], step.signature.inputs[i].bytes(), stream);
  stream.synchronize();
  Cpu cpu(*plan_->threads());
  const FlushDenormals flush;
  step.kernel.run(cpu, Buffers(step.signature, here.data(), here.data() + step.in.size(), base));
  for (std::size_t i = 0; i < step.out.size(); ++i)
    cuda::copy(there[step.in.size() + i], here[step.in.size() + i], step.signature.outputs[i].bytes(), stream);
  stream.synchronize();  // the next step of this kind uses the same memory
  if (plan_->options().check_numerics) check_numerics(s);
}

void GpuRun::check_numerics(std::size_t s) {
  const PlanStep& step = plan_->steps()[s];
  void* const* out = addresses_->data() + (*first_address_)[s] + step.in.size();
  for (std::size_t j = 0; j < step.out.size(); ++j) {
    const Type& type = step.signature.outputs[j];
    if (!is_floating(type.dtype)) continue;
    std::vector<std::byte> copied(type.bytes());
    copy_memory(copied.data(), Device{}, out[j], plan_->options().device, copied.size());
    check_finite(type, copied.data(), label(step));
  }
}

void GpuRun::deliver(Tensors& outputs) {
  for (std::size_t i = 0; i < outputs.size(); ++i)
    cuda::copy(outputs[i].mutable_raw(), output(i), outputs[i].bytes(), gpu_.stream());
}

}  // namespace strata
