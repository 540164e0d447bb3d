#pragma once

#include <memory>
#include <type_traits>
#include <utility>

#include "base/check.h"

namespace hadron::base {

template <typename Signature>
class UniqueFunction;

/// A callable that is moved, not copied (C++23's std::move_only_function, which g++ 12 lacks in
/// C++20 mode). Calling an empty one aborts.
template <typename R, typename... Args>
class UniqueFunction<R(Args...)> {
 public:
  UniqueFunction() = default;
  template <typename F>
  requires(!std::is_same_v<std::decay_t<F>, UniqueFunction> &&
           std::is_invocable_r_v<R, std::decay_t<F>&, Args...>)
      UniqueFunction(F&& f)  // NOLINT: implicit by design
      : impl_(std::make_unique<Holder<std::decay_t<F>>>(std::forward<F>(f))) {}

  explicit operator bool() const { return impl_ != nullptr; }
  R operator()(Args... args) {
    HADRON_CHECK(impl_ != nullptr);
    return impl_->Call(std::forward<Args>(args)...);
  }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual R Call(Args... args) = 0;
  };
  template <typename F>
  struct Holder final : Base {
    explicit Holder(F&& callable) : f(std::move(callable)) {}
    explicit Holder(const F& callable) : f(callable) {}
    R Call(Args... args) override { return f(std::forward<Args>(args)...); }
    F f;
  };
  std::unique_ptr<Base> impl_;
};

}  // namespace hadron::base
