#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace strata {

/// While it lives, the tensors and variables that this thread makes may take so many bytes in all, whether they still
/// live or not: a bound on what a file can make a program allocate. Beyond it Storage::allocate is a MemoryError that
/// names `where`. Of nested ones the innermost counts.
class AllocationBudget {
 public:
  AllocationBudget(std::string where, std::uint64_t bytes);
  AllocationBudget(const AllocationBudget&) = delete;
  AllocationBudget& operator=(const AllocationBudget&) = delete;
  ~AllocationBudget();

  /// Takes bytes from the innermost budget of this thread, if there is one.
  static void take(std::uint64_t bytes);
  /// The same for what is no tensor, but as long as a file says: so many entries, none if negative.
  static void take_table(std::int64_t entries, std::size_t bytes_each);

 private:
  std::string where_;
  std::uint64_t granted_;
  mutable std::uint64_t left_;
  const AllocationBudget* outer_;
};

}  // namespace strata
