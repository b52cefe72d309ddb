// SPDX-License-Identifier: Apache-2.0
// Two data planes with a key between them, over a network that the fuzzer plays: it loses, delays,
// repeats, alters and refuses datagrams and lets time pass. Whatever it does, a frame that comes
// out is one that went in at the other end, and comes out once.
#include <set>

#include "base/ensure.h"
#include "tests/fuzz/input.h"
#include "tests/unit/dataplane/frames.h"
#include "tests/unit/dataplane/topology.h"
#include "tests/unit/dataplane/world.h"

using namespace weft;
using namespace weft::test;

namespace {

class Play {
 public:
  explicit Play(ByteView input) : choose_(input), world_(1) {
    for (int i = 0; i < 2; ++i)
      world_.add_host();
    set_routes(world_, 2, {{0, 1}});
    world_.record = true;
    link_ = world_.connect(0, 1, {.password = "secret"});
  }

  void run() {
    for (int steps = 0; steps < 400 && !choose_.empty(); ++steps) {
      step(choose_.byte());
      check();
    }
  }

 private:
  void step(std::uint8_t what) {
    const std::uint8_t how = choose_.byte();
    switch (what % 10) {
      case 0:
      case 1:
        return capture(what % 2, how);
      case 2:
        return world_.run_for(std::chrono::milliseconds(how));
      case 3:
        return world_.run_for(std::chrono::seconds(how % 32));
      case 4:
        world_.faults.loss = how / 256.0;
        return;
      case 5:
        world_.faults.jitter = std::chrono::milliseconds(how);
        return;
      case 6:
        world_.faults.path_mtu = 200 + how * 8;
        return;
      case 7:
        return replay(how, false);
      case 8:
        return replay(how, true);
      default:
        return settings(how);
    }
  }

  // A frame that is unlike any before it.
  void capture(std::size_t host, std::uint8_t how) {
    const std::size_t size = 60 + how * (what_is_large_ ? 16U : 5U);
    const MacAddr to = how % 7 == 0 ? kBroadcast : mac(2 - host);
    Bytes frame = sized_ipv4_frame(to, mac(1 + host), size, {.df = how % 3 != 0});
    store_u32(ByteSpan(frame).subspan(42), ++counter_);
    sent_[host].insert(frame);
    world_.capture(host, frame);
  }

  void replay(std::uint8_t which, bool alter) {
    if (world_.recorded.empty()) return;
    const std::size_t back = std::min<std::size_t>(which, world_.recorded.size() - 1);
    Bytes datagram = world_.recorded[world_.recorded.size() - 1 - back];
    if (alter) {
      datagram[choose_.byte() % datagram.size()] ^= static_cast<Byte>(1U << (which % 8));
      datagram.resize(datagram.size() - std::min<std::size_t>(datagram.size(), choose_.byte() % 3));
    }
    world_.deliver(which % 2, world_.host(1 - which % 2).address, datagram);
  }

  void settings(std::uint8_t how) {
    world_.faults.drop_fragments = (how & 1U) != 0;
    world_.faults.silent_mtu = (how & 2U) != 0 ? 900 : 65535;
    what_is_large_ = (how & 4U) != 0;
    if ((how & 8U) != 0) world_.nat[0] = {Ipv4Addr{0xc0000200U + how}, 31000};
  }

  // Fragments made inside are pieces of frames, so only whole frames are looked up; answers to
  // frames too big come from us to ourselves.
  void check() {
    for (std::size_t host = 0; host < 2; ++host) {
      for (const Bytes& frame : world_.host(host).injected) {
        const auto layers = packet::parse_layers(frame);
        ensure(layers && layers->network == packet::Network::ipv4, "a frame nobody sent");
        if (layers->fragment || layers->protocol == packet::ip_protocol::kIcmp) continue;
        ensure(sent_[1 - host].contains(frame), "a frame nobody sent");
        ensure(received_[host].insert(frame).second, "a frame that came twice");
      }
      world_.host(host).injected.clear();
    }
    if (world_.recorded.size() > 600) world_.recorded.erase(world_.recorded.begin());
  }

  fuzz::Choices choose_;
  World world_;
  gossip::LinkId link_;
  std::uint32_t counter_ = 0;
  bool what_is_large_ = false;
  std::set<Bytes> sent_[2];
  std::set<Bytes> received_[2];
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Play(fuzz::view(data, size)).run();
  return 0;
}
