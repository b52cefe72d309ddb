// SPDX-License-Identifier: Apache-2.0
// Handing over immutable values: the newest arrives, and the sender knows when it is in use.
#include "router/swift/mailbox.h"

#include <thread>

#include <doctest/doctest.h>

namespace weft::swift {
namespace {

TEST_CASE("mailbox: order: what has not been taken is replaced by what is newer") {
  Mailbox<int> box;
  CHECK(box.take() == nullptr);
  CHECK(box.acknowledged());
  box.post(std::make_shared<const int>(1));
  box.post(std::make_shared<const int>(2));
  box.post(std::make_shared<const int>(3));
  CHECK_FALSE(box.acknowledged());
  CHECK(*box.take() == 1);
  box.acknowledge();
  CHECK_FALSE(box.acknowledged());
  CHECK(box.take() == nullptr);
  CHECK(box.retry());
  CHECK_FALSE(box.retry());
  CHECK(*box.take() == 3);
  CHECK_FALSE(box.acknowledged());
  box.acknowledge();
  CHECK(box.acknowledged());
}

TEST_CASE("mailbox: threads: values only grow, and the last one is used in the end") {
  constexpr int kLast = 20'000;
  Mailbox<int> box;
  int steps_back = 0;
  std::thread receiver([&] {
    int seen = 0;
    while (seen < kLast) {
      const auto value = box.take();
      if (!value) {
        std::this_thread::yield();
        continue;
      }
      if (*value <= seen) ++steps_back;
      seen = *value;
      box.acknowledge();
    }
  });
  for (int i = 1; i <= kLast; ++i)
    box.post(std::make_shared<const int>(i));
  while (!box.acknowledged()) {
    box.retry();
    std::this_thread::yield();
  }
  receiver.join();
  CHECK(steps_back == 0);
}

}  // namespace
}  // namespace weft::swift
