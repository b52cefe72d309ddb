// SPDX-License-Identifier: Apache-2.0
// Counts what the packet path takes from the heap: once warm, nothing per packet.
#include <cstdlib>
#include <new>

#include <doctest/doctest.h>

#include "tests/unit/swift/hosts.h"

namespace {

std::size_t taken = 0;

}  // namespace

void* operator new(std::size_t size) {
  ++taken;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++taken;
  return std::malloc(size == 0 ? 1 : size);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace weft::test {
namespace {

struct Sample {
  explicit Sample(const Shape& shape)
      : frame(partial_frame(shape)), header(gso_header(shape, frame, 1300)) {
    room.resize(swift::Forwarder::kHeadroom + frame.size());
  }
  void send(Host& from) {
    std::copy(frame.begin(), frame.end(), room.begin() + swift::Forwarder::kHeadroom);
    from.forwarder.on_super_frame(kStart, header, room, from.out);
  }

  Bytes frame;
  swift::VnetHeader header;
  Bytes room;
};

// A batch of `a` goes to `b` without the helpers, which allocate.
void pass(Host& a, Host& b, Bytes& memory) {
  a.forwarder.flush(kStart, a.out);
  std::size_t at = 0;
  for (const swift::Train& train : a.out.trains) {
    for (ByteView rest = train.bytes; !rest.empty();) {
      const std::size_t size = std::min<std::size_t>(train.segment_size, rest.size());
      const ByteSpan datagram = ByteSpan(memory).subspan(at, size);
      std::copy_n(rest.begin(), size, datagram.begin());
      b.forwarder.on_datagram(kStart, a.address, datagram, b.out);
      rest = rest.subspan(size);
      at += size;
    }
  }
  b.forwarder.flush(kStart, b.out);
}

TEST_CASE("swift: memory: a warm packet path takes nothing from the heap") {
  for (const bool encrypted : {true, false}) {
    CAPTURE(encrypted);
    SeededRng rng(1);
    Host a(1), b(2);
    join(a, b, rng, {.encrypted = encrypted});
    for (Host* host : {&a, &b}) {
      host->forwarder.learn(kStart, MacAddr{0x020000000001}, a.name);
      host->forwarder.learn(kStart, MacAddr{0x020000000002}, b.name);
    }
    Sample super({.payload = 50000}), ack({.payload = 0}), small({.tcp = false, .payload = 64}),
        v6({.v6 = true, .payload = 9000});
    Bytes memory(1 << 20);
    std::size_t taken_warm = 0;
    for (int batch = 0; batch < 100; ++batch) {
      const std::size_t before = taken;
      for (int i = 0; i < 8; ++i) {
        super.send(a);
        ack.send(a);
        small.send(a);
        v6.send(a);
      }
      pass(a, b, memory);
      // The small datagrams are joined, all others stand for themselves.
      REQUIRE(b.out.injections.size() == 25);
      a.out.clear();
      b.out.clear();
      if (batch >= 10) taken_warm += taken - before;
    }
    CHECK(taken_warm == 0);
  }
}

}  // namespace
}  // namespace weft::test
