// SPDX-License-Identifier: Apache-2.0
// Workers of two hosts under load on the loopback interface, while keys, routes and orders change.
// A pair of datagram sockets stands for each queue of the TAP device.
#include "router/swift/worker.h"

#include <list>
#include <map>

#include <doctest/doctest.h>

#include "tests/unit/swift/hosts.h"
#include "tests/unit/swift_edge/loopback.h"

namespace weft::swift {
namespace {

using linux_net::UniqueFd;
using test::ControlSocket;
using test::wait_readable;

constexpr std::size_t kWorkers = 2;
constexpr std::size_t kFrameSize = 600;

struct Reports final : ReportHandler {
  void on_event(const Event& event) override {
    if (const auto* learnt = std::get_if<Learnt>(&event)) learnts.push_back(*learnt);
    if (const auto* probe = std::get_if<ProbeReceived>(&event)) probes.push_back(*probe);
  }
  void on_frame(const FrameForControl& frame, std::span<const PeerName> hops) override {
    frames.emplace_back(to_bytes(frame.bytes), std::vector(hops.begin(), hops.end()));
  }
  void on_too_big(const TooBig& report) override { too_big.push_back(report); }
  void on_trains_refused(const TrainsRefused&) override { ++refusals; }
  void on_tap_lost(const TapLost&) override { ++taps_lost; }

  std::vector<Learnt> learnts;
  std::vector<ProbeReceived> probes;
  std::vector<std::pair<Bytes, std::vector<PeerName>>> frames;
  std::vector<TooBig> too_big;
  int refusals = 0;
  int taps_lost = 0;
};

class EdgeHost {
 public:
  explicit EdgeHost(std::uint64_t number) : name(test::peer_name(number)) {
    auto sockets = open_udp_group(control.fd(), control.at(), kWorkers).value();
    for (std::size_t i = 0; i < kWorkers; ++i) {
      int pair[2];
      REQUIRE(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
      taps.emplace_back(pair[0]);
      pods.emplace_back(pair[1]);
      links.emplace_back(std::size_t{1} << 16, bell);
      workers.push_back(std::make_unique<Worker>(Worker::Parts{
          .forwarder = {.us = name, .stream = static_cast<std::uint8_t>(i), .workers = kWorkers},
          .tap_fd = pair[0],
          .sockets = std::move(sockets[i]),
          .link = links.back()}));
    }
    for (const auto& worker : workers)
      worker->start();
  }
  ~EdgeHost() { workers.clear(); }

  void apply(const Spec& wanted) {
    const auto shared = std::make_shared<const Spec>(wanted);
    for (WorkerLink& link : links) {
      link.specs().post(shared);
      link.ring();
    }
    settle([this] {
      return std::all_of(links.begin(), links.end(),
                         [](WorkerLink& link) { return link.specs().acknowledged(); });
    });
  }
  template <class Done>
  void settle(const Done& done) {
    while (!done()) {
      REQUIRE(wait_readable(bell.fd()));
      bell.silence();
      for (WorkerLink& link : links) {
        link.take_reports(1000, reports);
        link.specs().retry();
      }
    }
  }
  // False: the queue is full.
  bool capture(std::size_t queue, ByteView frame) {
    Bytes bytes(VnetHeader::kSize);
    append(bytes, frame);
    return ::send(pods[queue].value(), bytes.data(), bytes.size(), MSG_DONTWAIT) > 0;
  }
  std::optional<Bytes> injected(std::size_t queue, int milliseconds) {
    if (!wait_readable(pods[queue].value(), milliseconds)) return std::nullopt;
    Bytes bytes(70'000);
    const ssize_t n = ::recv(pods[queue].value(), bytes.data(), bytes.size(), 0);
    REQUIRE(n > static_cast<ssize_t>(VnetHeader::kSize));
    return Bytes(bytes.begin() + VnetHeader::kSize, bytes.begin() + n);
  }

  PeerName name;
  ControlSocket control;
  Doorbell bell;
  std::vector<UniqueFd> taps, pods;
  std::list<WorkerLink> links;
  std::vector<std::unique_ptr<Worker>> workers;
  Reports reports;
  Spec spec;
};

// A tunnel between two hosts, as yet without keys.
void join(EdgeHost& a, EdgeHost& b) {
  const auto add = [](EdgeHost& host, EdgeHost& other, std::uint32_t ours, std::uint32_t theirs) {
    host.spec.tunnels = {{.peer = other.name,
                          .index = ours,
                          .peer_index = theirs,
                          .remote = other.control.at(),
                          .local = host.control.at().ip,
                          .carries_frames = true}};
    host.spec.unicast = {{other.name, other.name}};
    host.spec.broadcast_hops = {{host.name, {other.name}}, {other.name, {}}};
  };
  add(a, b, 11, 22);
  add(b, a, 22, 11);
}

// Installs keys of one more epoch at both ends, and sends by it; the one before stays accepted.
void rekey(EdgeHost& a, EdgeHost& b, std::uint32_t epoch, Rng& rng) {
  const auto keys = test::make_keys(epoch, rng);
  const auto add = [](TunnelSpec& tunnel, const std::shared_ptr<const EpochKeys>& more) {
    if (tunnel.epochs.size() == 2) tunnel.epochs.erase(tunnel.epochs.begin());
    tunnel.epochs.push_back(more);
  };
  add(a.spec.tunnels[0], keys.first);
  add(b.spec.tunnels[0], keys.second);
  a.apply(a.spec);
  b.apply(b.spec);
  a.spec.tunnels[0].send_epoch = b.spec.tunnels[0].send_epoch = epoch;
  a.apply(a.spec);
  b.apply(b.spec);
}

// From a MAC of its own for each host and queue, so that neither is learnt elsewhere.
Bytes frame_of(std::size_t host, std::size_t queue, std::uint32_t number) {
  Bytes frame;
  Writer(frame)
      .u48(0x020000000000 + 0x100 * (1 - host) + queue)
      .u48(0x020000000000 + 0x100 * host + queue)
      .u16(0x9999)
      .u32(number)
      .zeros(kFrameSize - 18);
  return frame;
}

std::uint32_t number_of(const Bytes& frame) {
  Reader reader(ByteView(frame).subspan(14));
  return reader.u32();
}

TEST_CASE("swift worker: load: frames pass in order and unharmed while keys and orders change") {
  SeededRng rng(1);
  EdgeHost a(1), b(2);
  join(a, b);
  rekey(a, b, 1, rng);
  constexpr std::uint32_t kRounds = 20;
  constexpr std::uint32_t kFrames = 40;
  std::uint32_t number = 0;
  std::array<std::uint32_t, kWorkers> next{};
  std::size_t returned = 0;
  for (std::uint32_t round = 1; round <= kRounds; ++round) {
    for (std::uint32_t i = 0; i < kFrames; ++i, ++number) {
      for (std::size_t queue = 0; queue < kWorkers; ++queue) {
        while (!a.capture(queue, frame_of(0, queue, number)))
          std::this_thread::yield();
        static_cast<void>(b.capture(queue, frame_of(1, queue, number)));
      }
    }
    // In the middle of it: new keys, things learnt, peers that go.
    rekey(a, b, round + 1, rng);
    for (WorkerLink& link : a.links) {
      CHECK(link.learn({.mac = MacAddr{0x020000ff0000ULL + round}, .peer = b.name}));
      CHECK(link.forget(test::peer_name(99)));
      CHECK(link.probe(11, {.kind = ProbeKind::heartbeat, .number = round}));
      link.ring();
    }
    for (std::size_t queue = 0; queue < kWorkers; ++queue) {
      while (next[queue] < number) {
        const auto frame = b.injected(queue, 5000);
        REQUIRE(frame);
        CHECK(*frame == frame_of(0, queue, next[queue]));
        next[queue] = number_of(*frame) + 1;
      }
      while (a.injected(queue, 0))
        ++returned;
    }
  }
  b.settle([&] { return b.reports.probes.size() >= kRounds * kWorkers; });
  CHECK(b.reports.frames.empty());
  CHECK(returned > 0);
}

// A third host, which comes and goes: its tunnel with the first, under keys of its own each time.
class Visitor {
 public:
  explicit Visitor(EdgeHost& host) : host_(host) {}

  void join_to(EdgeHost& a, std::uint32_t visit, Rng& rng) {
    const auto keys = test::make_keys(1, rng);
    const std::uint32_t ours = 1000 + visit, theirs = 2000 + visit;
    host_.spec.tunnels = {tunnel(a, ours, theirs, keys.second)};
    host_.spec.unicast = {{a.name, a.name}};
    host_.spec.broadcast_hops = {{host_.name, {a.name}}, {a.name, {}}};
    host_.apply(host_.spec);
    a.spec.tunnels.push_back(tunnel(host_, theirs, ours, keys.first));
    a.spec.unicast[host_.name] = host_.name;
    a.apply(a.spec);
  }
  void leave(EdgeHost& a) {
    a.spec.tunnels.pop_back();
    a.spec.unicast.erase(host_.name);
    a.apply(a.spec);
    host_.spec.tunnels.clear();
    host_.apply(host_.spec);
  }

 private:
  static TunnelSpec tunnel(const EdgeHost& to, std::uint32_t ours, std::uint32_t theirs,
                           const std::shared_ptr<const EpochKeys>& keys) {
    return {.peer = to.name,
            .index = ours,
            .peer_index = theirs,
            .remote = to.control.at(),
            .local = to.control.at().ip,
            .epochs = {keys},
            .send_epoch = 1,
            .carries_frames = true};
  }
  EdgeHost& host_;
};

TEST_CASE("swift worker: peers: one that joins and leaves under load disturbs no other's frames") {
  SeededRng rng(4);
  EdgeHost a(1), b(2), c(3);
  join(a, b);
  rekey(a, b, 1, rng);
  Visitor visitor(c);
  const MacAddr of_c{0x020000000c00ULL};
  Bytes for_c;
  Writer(for_c).u48(of_c.value).u48(0x020000000000).u16(0x9999).zeros(kFrameSize - 14);
  std::array<std::uint32_t, kWorkers> next{};
  std::uint32_t number = 0;
  for (std::uint32_t visit = 0; visit < 15; ++visit) {
    // Frames wait at every queue while the tunnels change.
    const auto offer = [&](std::uint32_t frames) {
      for (std::uint32_t i = 0; i < frames; ++i, ++number) {
        for (std::size_t queue = 0; queue < kWorkers; ++queue) {
          while (!a.capture(queue, frame_of(0, queue, number)))
            std::this_thread::yield();
        }
        static_cast<void>(a.capture(0, for_c));
      }
    };
    offer(20);
    visitor.join_to(a, visit, rng);
    for (WorkerLink& link : a.links) {
      CHECK(link.learn({.mac = of_c, .peer = c.name}));
      link.ring();
    }
    offer(20);
    // Frames that a worker had begun to read are flooded: it learns between two turns.
    bool arrived = false;
    for (int tries = 0; !arrived && tries < 50; ++tries) {
      while (!a.capture(0, for_c))
        std::this_thread::yield();
      arrived = c.injected(0, 100).has_value();
    }
    CHECK(arrived);
    while (c.injected(0, 0)) {
    }
    visitor.leave(a);
    for (WorkerLink& link : a.links)
      CHECK(link.forget(c.name));
    for (std::size_t queue = 0; queue < kWorkers; ++queue) {
      while (next[queue] < number) {
        const auto frame = b.injected(queue, 5000);
        REQUIRE(frame);
        if (*frame == for_c) continue;  // flooded: nobody knew yet where it belongs
        CHECK(*frame == frame_of(0, queue, next[queue]));
        next[queue] = number_of(*frame) + 1;
      }
    }
  }
}

TEST_CASE("swift worker: ways: a frame for others goes to control, one from control by swift") {
  SeededRng rng(2);
  EdgeHost a(1), b(2);
  join(a, b);
  rekey(a, b, 1, rng);
  const PeerName third = test::peer_name(3);
  a.spec.broadcast_hops[a.name] = {b.name, third};
  a.apply(a.spec);
  b.spec.unicast[third] = a.name;
  b.spec.broadcast_hops[third] = {};
  b.apply(b.spec);
  REQUIRE(a.capture(0, frame_of(0, 0, 1)));
  REQUIRE(b.injected(0, 5000));
  a.settle([&] { return !a.reports.frames.empty(); });
  CHECK(a.reports.frames[0].first == frame_of(0, 0, 1));
  CHECK(a.reports.frames[0].second == std::vector{third});
  CHECK(a.reports.learnts.size() == 1);
  CHECK(a.links.front().transmit({.hop = b.name, .source = third, .destination = b.name},
                                 frame_of(0, 7, 9)));
  a.links.front().ring();
  const auto frame = b.injected(0, 5000);
  REQUIRE(frame);
  CHECK(*frame == frame_of(0, 7, 9));
}

TEST_CASE("swift worker: hostile: what is no datagram of a tunnel is counted and moves nothing") {
  SeededRng rng(3);
  EdgeHost a(1), b(2);
  join(a, b);
  rekey(a, b, 1, rng);
  ControlSocket stranger;
  for (int i = 0; i < 50; ++i)
    stranger.send(b.control.at(), test::bytes_starting(1, i % 2, 30 + static_cast<std::size_t>(i)));
  REQUIRE(a.capture(1, frame_of(0, 1, 5)));
  REQUIRE(b.injected(1, 5000));
  std::uint64_t dropped = 0;
  while (dropped < 50) {
    dropped = 0;
    for (WorkerLink& link : b.links) {
      const Counters path = link.counters().path;
      dropped += path.dropped_foreign_index + path.dropped_truncated + path.dropped_malformed;
    }
    std::this_thread::yield();
  }
  CHECK(b.reports.learnts.empty());
}

TEST_CASE("swift worker: queue: a frame that control has no room for is dropped and counted") {
  EdgeHost a(1);
  const PeerName third = test::peer_name(3);
  a.spec.broadcast_hops = {{a.name, {third}}};
  a.spec.unicast = {{third, third}};
  a.apply(a.spec);
  // Nobody takes reports meanwhile; the queue holds 64 KiB.
  for (std::uint32_t i = 0; i < 300; ++i) {
    while (!a.capture(0, frame_of(0, 0, i)))
      std::this_thread::yield();
  }
  while (a.links.front().counters().path.to_control_frames < 300)
    std::this_thread::yield();
  while (a.links.front().counters().reports_dropped == 0)
    std::this_thread::yield();
  a.settle([&] { return a.reports.frames.size() > 50; });
  CHECK(a.reports.frames.size() < 300);
  CHECK(a.reports.frames[0].first == frame_of(0, 0, 0));
}

}  // namespace
}  // namespace weft::swift
