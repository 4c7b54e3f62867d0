#include "core/cuda/crew_emulated.h"

#include <ucontext.h>

#include <cstddef>
#include <exception>
#include <memory>
#include <vector>

#include "core/base/error.h"

namespace strata::cuda {

namespace {
constexpr std::size_t stack_bytes = 256 * 1024;

struct Member {
  ucontext_t context;
  std::unique_ptr<std::byte[]> stack{new std::byte[stack_bytes]};
  bool ended = false;
};

/// The crew that runs on this thread.
struct Shift {
  const std::function<void(int)>* work = nullptr;
  ucontext_t scheduler;
  std::vector<Member> members;
  int current = 0;
  std::exception_ptr thrown;
};
thread_local Shift* shift = nullptr;

void work_as_member() {
  Shift& s = *shift;
  try {
    (*s.work)(s.current);
  } catch (...) {
    s.thrown = std::current_exception();
  }
  s.members[static_cast<std::size_t>(s.current)].ended = true;
}  // goes on in the scheduler

void start(Shift& s, Member& m) {
  getcontext(&m.context);
  m.context.uc_stack.ss_sp = m.stack.get();
  m.context.uc_stack.ss_size = stack_bytes;
  m.context.uc_link = &s.scheduler;
  makecontext(&m.context, work_as_member, 0);
}
}  // namespace

void Crew::run(int size, const std::function<void(int)>& member) {
  Shift s;
  s.work = &member;
  s.members = std::vector<Member>(static_cast<std::size_t>(size));
  for (Member& m : s.members) start(s, m);
  shift = &s;
  for (int ended = 0; ended == 0 && !s.thrown;) {
    for (s.current = 0; s.current < size && !s.thrown; ++s.current) {
      Member& m = s.members[static_cast<std::size_t>(s.current)];
      swapcontext(&s.scheduler, &m.context);
      ended += m.ended ? 1 : 0;
    }
    if (ended != 0 && ended != size && !s.thrown)
      s.thrown = std::make_exception_ptr(Error("gpu", "some threads of a team wait for others that have ended"));
  }
  shift = nullptr;
  if (s.thrown) std::rethrow_exception(s.thrown);
}

void Crew::meet() {
  Shift& s = *shift;
  swapcontext(&s.members[static_cast<std::size_t>(s.current)].context, &s.scheduler);
}

}  // namespace strata::cuda
