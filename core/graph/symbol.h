#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/graph/context.h"

namespace strata {

/// What can stand between symbols: a layer, a model, an op.
class STRATA_API Callable {
 public:
  virtual ~Callable();
  /// Name within a model, unique there.
  virtual std::string name() const = 0;
  /// Class name in Keras's spelling.
  virtual std::string class_name() const = 0;
  /// Makes the weights for these input shapes (open dimensions are open_dim), once.
  virtual void ensure_built(const Shapes& inputs) = 0;
  /// Emits the graph of one call, inside a CallScope of its own.
  virtual Values call_on(const Values& inputs, Mode mode) = 0;
};

class Symbol;
using Symbols = std::vector<Symbol>;

/// One call of a layer on symbols.
struct STRATA_API SymbolNode {
  std::shared_ptr<Callable> callee;  ///< null for an input
  Symbols inputs;
  Types types;                        ///< of the outputs; open dimensions are open_dim
  std::string input_name;             ///< of an input
  std::int64_t input_batch = open_dim;  ///< of an input: the batch size it was declared with, which binds nobody
  Symbols masks;  ///< given with the call: none, or one for each input (undefined where the input's own mask holds)
};

/// A place in a model under construction: an output of a layer's call. Its batch size, and any other dimension that the
/// Input left open, is open.
class STRATA_API Symbol {
 public:
  Symbol() = default;
  Symbol(std::shared_ptr<const SymbolNode> node, int index) : node_(std::move(node)), index_(index) {}

  bool defined() const { return node_ != nullptr; }
  const std::shared_ptr<const SymbolNode>& node() const { return node_; }
  int index() const { return index_; }
  const Type& type() const;
  const Shape& shape() const { return type().shape; }
  DType dtype() const { return type().dtype; }
  friend bool operator==(const Symbol& a, const Symbol& b) { return a.node_ == b.node_ && a.index_ == b.index_; }

 private:
  std::shared_ptr<const SymbolNode> node_;
  int index_ = 0;
};

/// A model input; `shape` with the batch dimension, open dimensions as open_dim. Symbols have an open batch dimension
/// whatever it says.
STRATA_API Symbol input_symbol(std::string name, Shape shape, DType dtype);

/// Calls `callee` on symbols. Output shapes come from running it on placeholders at two sizes of every open dimension:
/// sizes that differ are open. Error when an output's first dimension depends on the batch in any other way. `masks`, if
/// any, are as in SymbolNode.
STRATA_API Symbols call_symbols(const std::shared_ptr<Callable>& callee, const Symbols& inputs, const Symbols& masks = {});

}  // namespace strata
