#pragma once

#include <string>
#include <string_view>

#include "core/graph/node.h"

/// Products of an array and a weight, described by letters for axes. Internal.
namespace strata::layers {

/// "abc,cd->abd", "...x,xy->...y" or "ab...,bc->ac...": the axes of an input, of a weight and of the result. The three
/// dots stand for any number of axes of the input that the result keeps.
struct EinsumEquation {
  std::string input, weight, output;  ///< one letter for each axis, without the dots
  bool dots_left = false, dots_right = false;

  /// Error naming the layer unless the equation has this form, no letter stands twice in one part, each letter of the
  /// result stands in the input or the weight, and each of the weight in the input or the result.
  static EinsumEquation parse(std::string_view where, const std::string& text);
  /// How many axes the dots stand for. Error when the input has too few axes, or others than the letters and no dots.
  int elided(std::string_view where, int input_rank) const;
};

/// The product: sums over letters that are missing in the result.
Value einsum(std::string_view where, const EinsumEquation& equation, const Value& input, const Value& weight);

}  // namespace strata::layers
