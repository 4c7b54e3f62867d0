#include <cmath>
#include <cstdio>

#include "core/base/error.h"
#include "models/callbacks.h"

namespace strata::callbacks {

namespace {
class TerminateOnNaNCallback final : public Definition {
 public:
  explicit TerminateOnNaNCallback(bool raise) : raise_(raise) {}
  void on_train_batch_end(std::int64_t batch, const Logs& logs) override {
    if (!logs.contains("loss") || std::isfinite(logs["loss"])) return;
    const std::string what = "Batch " + std::to_string(batch) + ": Invalid loss, terminating training";
    if (raise_)
      throw Error("TerminateOnNaN", what + ". debugging::enable_check_numerics() finds the layer that produced it");
    std::printf("%s\n", what.c_str());
    stop_training();
  }

 private:
  bool raise_;
};
}  // namespace

Callback TerminateOnNaN(const TerminateOnNaNOptions& o) { return make<TerminateOnNaNCallback>(o.raise_error); }

}  // namespace strata::callbacks
