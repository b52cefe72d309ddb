// SPDX-License-Identifier: Apache-2.0
// The queue of byte strings: alone against a model, and between two threads.
#include "router/swift/byte_ring.h"

#include <cstring>
#include <deque>
#include <thread>

#include <doctest/doctest.h>

#include "base/rng.h"

namespace weft::swift {
namespace {

Bytes record_of(Rng& rng, std::size_t size) {
  Bytes bytes(size);
  rng.fill(bytes);
  return bytes;
}

bool push(ByteRing& ring, ByteView bytes) {
  Byte* room = ring.claim(bytes.size());
  if (room == nullptr) return false;
  if (!bytes.empty()) std::memcpy(room, bytes.data(), bytes.size());
  ring.publish();
  return true;
}

TEST_CASE("byte ring: model: records come out whole, in order, and no more than fit") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SeededRng rng(seed);
    ByteRing ring(1024);
    std::deque<Bytes> model;
    std::size_t used = 0;
    for (int step = 0; step < 5000; ++step) {
      if (rng.below(2) == 0) {
        const Bytes record = record_of(rng, rng.below(ring.record_max() + 1));
        const bool taken = push(ring, record);
        // An empty ring takes every record that is not too long.
        if (model.empty()) CHECK(taken);
        if (!taken) continue;
        model.push_back(record);
        used += record.size() + 8;
        CHECK(used <= 1024);
      } else {
        std::size_t size = 0;
        const Byte* front = ring.front(size);
        REQUIRE((front == nullptr) == model.empty());
        if (front == nullptr) continue;
        CHECK(ByteView(front, size).size() == model.front().size());
        CHECK(to_bytes({front, size}) == model.front());
        used -= size + 8;
        ring.pop();
        model.pop_front();
      }
    }
  }
}

TEST_CASE(
    "byte ring: size: a record that no ring could take is refused, and an unpublished one "
    "forgotten") {
  ByteRing ring(1000);
  CHECK(ring.claim(ring.record_max() + 1) == nullptr);
  CHECK(ring.claim(8) != nullptr);
  std::size_t size = 0;
  CHECK(ring.front(size) == nullptr);
  CHECK(push(ring, {}));
  CHECK(ring.front(size) != nullptr);
  CHECK(size == 0);
}

TEST_CASE("byte ring: threads: a million bytes pass between two threads unharmed") {
  ByteRing ring(4096);
  constexpr int kRecords = 20'000;
  std::thread producer([&ring] {
    SeededRng rng(7);
    for (int i = 0; i < kRecords; ++i) {
      const Bytes record = record_of(rng, rng.below(200));
      while (!push(ring, record))
        std::this_thread::yield();
    }
  });
  SeededRng rng(7);
  int wrong = 0;
  for (int i = 0; i < kRecords; ++i) {
    const Bytes expected = record_of(rng, rng.below(200));
    std::size_t size = 0;
    const Byte* front = nullptr;
    while ((front = ring.front(size)) == nullptr)
      std::this_thread::yield();
    if (to_bytes({front, size}) != expected) ++wrong;
    ring.pop();
  }
  producer.join();
  CHECK(wrong == 0);
}

}  // namespace
}  // namespace weft::swift
