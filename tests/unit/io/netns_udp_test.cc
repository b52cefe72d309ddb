// SPDX-License-Identifier: Apache-2.0
// "Don't fragment" and the path MTU over a real path: two hosts and a router in namespaces, the
// second hop narrower than the first.
#include <vector>

#include "router/io/udp.h"
#include "tests/unit/linux/test_netns.h"

using namespace weft;
using namespace weft::io;
using namespace weft::linux_net;

namespace {

constexpr Endpoint kFar{.ip = {(10U << 24) | (97U << 16) | 2}, .port = 7000};

// host a (10.98.0.1) -- 1500 -- router -- 1300 -- host b (10.97.0.2)
struct Path {
  TestNs a{"a"}, router{"r"}, b{"b"};

  Path() {
    shell("ip link add wfa netns " + a.name() + " type veth peer name ra netns " + router.name());
    shell("ip link add wfb netns " + b.name() + " type veth peer name rb netns " + router.name());
    in(a,
       "ip addr add 10.98.0.1/24 dev wfa; ip link set wfa up; ip link set lo up;"
       "ip route add default via 10.98.0.254");
    in(router,
       "ip addr add 10.98.0.254/24 dev ra; ip addr add 10.97.0.254/24 dev rb; ip link set ra up;"
       "ip link set rb mtu 1300 up; echo 1 > /proc/sys/net/ipv4/ip_forward");
    in(b,
       "ip addr add 10.97.0.2/24 dev wfb; ip link set wfb up; ip route add default via "
       "10.97.0.254");
  }
  static void in(const TestNs& ns, const std::string& commands) {
    const auto said = run_in(ns.open(), [&] { return Result<std::string>(shell(commands)); });
    INFO(*said);
    CHECK(said->empty());
  }
};

}  // namespace

TEST_CASE("udp: path MTU: too big with DF is told with the path's MTU, without it is fragmented") {
  if (!can_make_namespaces()) return;
  Path path;
  EventLoop loop;
  auto at_b = run_in(path.b.open(), [&] {
                return UdpSocket::open(loop, {.ip = {}, .port = 7000});
              }).value();
  std::size_t arrived = 0;
  at_b->start([&](std::span<const ReceivedDatagram> batch) { arrived += batch.size(); });
  const auto done = run_in(path.a.open(), [&]() -> Result<> {
    auto socket = UdpSocket::open(loop, {.ip = {}, .port = 7000}).value();
    const Bytes big(1400);
    const Bytes small(1200);
    const OutgoingDatagram whole{.to = kFar, .from = {}, .df = true, .bytes = big};
    const OutgoingDatagram fits{.to = kFar, .from = {}, .df = true, .bytes = small};
    const OutgoingDatagram in_pieces{.to = kFar, .from = {}, .df = false, .bytes = big};
    CHECK(path_mtu({}, kFar) == 1500);
    int mtu = 0;
    std::size_t index = 99;
    // The first one goes out; the router's answer makes the kernel refuse a later one.
    for (int i = 0; i < 500 && mtu == 0; ++i) {
      socket->send(std::vector{fits, whole}, [&](std::size_t at, int told) {
        index = at;
        mtu = told;
      });
      loop.run_for(std::chrono::milliseconds(5));
    }
    CHECK(mtu == 1300);
    CHECK(index == 1);
    CHECK(socket->counters().too_big == 1);
    CHECK(arrived > 0);
    const std::size_t before = arrived;
    socket->send(std::vector{in_pieces}, {});
    for (int i = 0; i < 500 && arrived == before; ++i)
      loop.run_for(std::chrono::milliseconds(5));
    CHECK(arrived == before + 1);
    // Larger than our own link: refused at once with its MTU.
    const Bytes huge(2000);
    socket->send(
        std::vector{OutgoingDatagram{.to = {.ip = {(10U << 24) | (98U << 16) | 254}, .port = 1},
                                     .from = {},
                                     .df = true,
                                     .bytes = huge}},
        [&](std::size_t, int told) { mtu = told; });
    CHECK(mtu == 1500);
    return {};
  });
  CHECK(done);
}
