// SPDX-License-Identifier: Apache-2.0
// Counts what the packet path takes from the heap: once warm, nothing per packet.
#include <cstdlib>
#include <new>

#include "tests/unit/dataplane/pair.h"

namespace {

std::size_t taken = 0;

}  // namespace

void* operator new(std::size_t size) {
  ++taken;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

using namespace weft;
using namespace weft::test;

TEST_CASE("dataplane: memory: a warm packet path takes nothing from the heap") {
  for (bool encrypted : {false, true}) {
    CAPTURE(encrypted);
    Pair pair(encrypted ? std::optional<std::string>("secret") : std::nullopt);
    pair.settle();
    pair.greet();
    const Bytes frame = sized_ipv4_frame(mac(2), mac(1), 1300);
    const Bytes ack = sized_ipv4_frame(mac(2), mac(1), 66);
    const TimePoint now = pair.world.now();
    const Endpoint from = pair.world.host(0).address;
    dataplane::Output sent, received;
    Bytes wire(65536);
    std::size_t taken_warm = 0;
    for (int batch = 0; batch < 200; ++batch) {
      const std::size_t before = taken;
      for (int i = 0; i < 16; ++i) {
        pair.world.plane(0).on_captured(now, i % 3 == 0 ? frame : ack, sent);
      }
      pair.world.plane(0).flush(now, sent);
      for (const auto& d : sent.datagrams) {
        const ByteView bytes = sent.bytes(d);
        std::ranges::copy(bytes, wire.begin());
        pair.world.plane(1).on_datagram(now, from, ByteSpan(wire).first(bytes.size()), received);
      }
      pair.world.plane(1).flush(now, received);
      REQUIRE(received.frames.size() == 16);
      sent.clear();
      received.clear();
      if (batch >= 20) taken_warm += taken - before;
    }
    CHECK(taken_warm == 0);
  }
}
