// SPDX-License-Identifier: Apache-2.0
// Hands the newest immutable value from one thread to one other. There is one place: the sender
// keeps what it has not been able to hand over, so the receiver never sees an outdated value twice,
// and neither waits. (std::atomic<std::shared_ptr> of libstdc++ 12 is a data race to
// ThreadSanitizer.)
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace weft::swift {

template <class T>
class Mailbox {
 public:
  Mailbox() = default;
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;
  ~Mailbox() = default;

  // The sender's side. Replaces what has not been taken by a newer value, which is handed over now
  // or by a later retry().
  void post(std::shared_ptr<const T> value) {
    waiting_ = std::move(value);
    ++posted_;
    retry();
  }
  // True if something was put into the place: the receiver is to be woken.
  bool retry() {
    if (!waiting_ || full_.load(std::memory_order_acquire)) return false;
    place_ = std::move(waiting_);
    waiting_.reset();
    place_number_ = posted_;
    full_.store(true, std::memory_order_release);
    return true;
  }
  // Is the newest value in use by the receiver?
  bool acknowledged() const { return used_.load(std::memory_order_acquire) == posted_; }

  // The receiver's side. Null: nothing new. acknowledge() says that it is in use.
  std::shared_ptr<const T> take() {
    if (!full_.load(std::memory_order_acquire)) return nullptr;
    std::shared_ptr<const T> value = std::move(place_);
    place_.reset();
    taken_ = place_number_;
    full_.store(false, std::memory_order_release);
    return value;
  }
  void acknowledge() { used_.store(taken_, std::memory_order_release); }

 private:
  std::shared_ptr<const T> waiting_;  // the sender's
  std::uint64_t posted_ = 0;          // the sender's
  std::shared_ptr<const T> place_;    // whose it is, full_ says
  std::uint64_t place_number_ = 0;
  std::atomic<bool> full_{false};
  std::uint64_t taken_ = 0;  // the receiver's
  std::atomic<std::uint64_t> used_{0};
};

}  // namespace weft::swift
