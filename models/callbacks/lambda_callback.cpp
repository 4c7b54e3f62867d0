#include "models/callbacks.h"

namespace strata::callbacks {

namespace {
class Lambda final : public Definition {
 public:
  explicit Lambda(const LambdaCallbackOptions& o) : o_(o) {}
  void on_epoch_begin(int epoch) override { call(o_.on_epoch_begin, epoch); }
  void on_epoch_end(int epoch, const Logs& logs) override { call(o_.on_epoch_end, epoch, logs); }
  void on_train_begin() override { call(o_.on_train_begin); }
  void on_train_end(const Logs& logs) override { call(o_.on_train_end, logs); }
  void on_train_batch_begin(std::int64_t batch) override { call(o_.on_train_batch_begin, batch); }
  void on_train_batch_end(std::int64_t batch, const Logs& logs) override { call(o_.on_train_batch_end, batch, logs); }

 private:
  template <class F, class... A>
  static void call(const F& f, const A&... a) {
    if (f) f(a...);
  }
  LambdaCallbackOptions o_;
};
}  // namespace

Callback LambdaCallback(const LambdaCallbackOptions& o) { return make<Lambda>(o); }

}  // namespace strata::callbacks
