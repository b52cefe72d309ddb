// SPDX-License-Identifier: Apache-2.0
// The group of sockets on one port: who gets which datagram, in which pieces, from which port.
#include "router/swift/udp_group.h"

#include <cerrno>

#include <doctest/doctest.h>
#include <poll.h>

#include "router/swift/datagram_source.h"
#include "router/swift/train_sender.h"
#include "tests/unit/swift_edge/loopback.h"

namespace weft::swift {
namespace {

using test::bytes_starting;
using test::ControlSocket;
using test::wait_readable;

constexpr TimePoint kNow{std::chrono::hours(1)};

Train train_to(Endpoint to, ByteView bytes, std::uint16_t segment_size, std::uint16_t segments) {
  return {.bytes = bytes, .segment_size = segment_size, .segments = segments, .to = to};
}

// The first byte and stream of each datagram that waits.
std::vector<std::pair<int, int>> drain(DatagramSource& source) {
  std::vector<std::pair<int, int>> got;
  for (;;) {
    const auto& batch = source.fetch();
    if (batch.empty()) return got;
    for (const auto& datagram : batch) {
      got.emplace_back(std::to_integer<int>(datagram.bytes[0]),
                       std::to_integer<int>(datagram.bytes[1]));
    }
  }
}

TEST_CASE("udp group: steering: even first bytes go to control, others by stream, from any port") {
  ControlSocket control;
  constexpr int kWorkers = 3;
  auto group = open_udp_group(control.fd(), control.at(), kWorkers);
  REQUIRE(group.has_value());
  DatagramSource at_control(control.fd());
  std::vector<std::unique_ptr<DatagramSource>> at_worker;
  for (const WorkerSockets& sockets : *group)
    at_worker.push_back(std::make_unique<DatagramSource>(sockets.common.value()));
  for (int sender = 0; sender < 8; ++sender) {
    // A new source port each time.
    ControlSocket from;
    for (int stream = 0; stream < 9; ++stream) {
      for (const int first : {0, 1, 2, 3, 0x7a})
        from.send(control.at(), bytes_starting(first, stream, 100));
    }
    const auto sleeve = drain(at_control);
    CHECK(sleeve.size() == 27);
    for (const auto& [first, stream] : sleeve)
      CHECK(first % 2 == 0);
    for (std::size_t worker = 0; worker < at_worker.size(); ++worker) {
      const auto swift = drain(*at_worker[worker]);
      CHECK(swift.size() == 6);
      for (const auto& [first, stream] : swift) {
        CHECK(first % 2 == 1);
        CHECK(stream % kWorkers == static_cast<int>(worker));
      }
    }
  }
  // One that is too short to tell is control's.
  ControlSocket from;
  from.send(control.at(), bytes_starting(1, 0, 1));
  CHECK(at_control.fetch().size() == 1);
}

TEST_CASE(
    "udp group: trains: arrive in one piece at the stream's worker, from the port asked for") {
  ControlSocket control;
  ControlSocket sender_control;
  auto group = open_udp_group(control.fd(), control.at(), 2).value();
  auto from = open_udp_group(sender_control.fd(), sender_control.at(), 2).value();
  TrainSender sender(from[1]);
  Bytes bytes;
  for (int i = 0; i < 40; ++i)
    append(bytes, bytes_starting(1, 1, i < 39 ? 1200 : 700));
  DatagramSource source(group[1].common.value());
  for (const bool common : {false, true}) {
    Train train = train_to(control.at(), bytes, 1200, 40);
    train.one_source_port = common;
    CHECK(sender.send(kNow, train) == Sent::done);
    REQUIRE(wait_readable(group[1].common.value()));
    const auto& batch = source.fetch();
    REQUIRE(batch.size() == 40);
    CHECK(to_bytes(batch.front().bytes) == bytes_starting(1, 1, 1200));
    CHECK(to_bytes(batch.back().bytes) == bytes_starting(1, 1, 700));
    CHECK((batch[0].from.port == sender_control.at().port) == common);
  }
  CHECK_FALSE(sender.refusal());
  CHECK(sender.counters().calls == 2);
}

TEST_CASE("udp group: trains: what the kernel refuses as a train goes singly, whole and in order") {
  ControlSocket control;
  ControlSocket sender_control;
  auto group = open_udp_group(control.fd(), control.at(), 1).value();
  auto from = open_udp_group(sender_control.fd(), sender_control.at(), 1).value();
  // The kernel cuts no train without checksums: EINVAL.
  const int on = 1;
  REQUIRE(::setsockopt(from[0].own.value(), SOL_SOCKET, SO_NO_CHECK, &on, sizeof on) == 0);
  TrainSender sender(from[0]);
  Bytes bytes;
  for (int i = 0; i < 10; ++i)
    append(bytes, bytes_starting(1 + 2 * i, 0, i < 9 ? 1200 : 700));
  DatagramSource source(group[0].common.value());
  for (int round = 0; round < 2; ++round) {
    CHECK(sender.send(kNow, train_to(control.at(), bytes, 1200, 10)) == Sent::done);
    REQUIRE(wait_readable(group[0].common.value()));
    const auto got = drain(source);
    REQUIRE(got.size() == 10);
    for (int i = 0; i < 10; ++i)
      CHECK(got[static_cast<std::size_t>(i)].first == 1 + 2 * i);
  }
  CHECK(sender.refusal() == TrainRefusal{.to = control.at().ip, .sys_errno = EINVAL});
  // It is tried once: a call for each train, and the one that was refused.
  CHECK(sender.counters().calls == 3);
  CHECK(sender.counters().failed == 0);
}

TEST_CASE("udp group: trains: refused to one host, they go to others, and are tried again") {
  ControlSocket refusing;
  ControlSocket other(INADDR_LOOPBACK + 1);
  ControlSocket sender_control;
  auto from = open_udp_group(sender_control.fd(), sender_control.at(), 1).value();
  const auto set_refused = [&](int on) {
    REQUIRE(::setsockopt(from[0].own.value(), SOL_SOCKET, SO_NO_CHECK, &on, sizeof on) == 0);
  };
  TrainSender sender(from[0]);
  const Bytes bytes(6000);
  // How much comes at once, and how much in all.
  const auto arrives = [&](const ControlSocket& at, TimePoint now) {
    CHECK(sender.send(now, train_to(at.at(), bytes, 1200, 5)) == Sent::done);
    REQUIRE(wait_readable(at.fd()));
    Bytes room(65'536);
    const ssize_t first = ::recv(at.fd(), room.data(), room.size(), MSG_DONTWAIT);
    ssize_t all = first;
    for (ssize_t n = 0; (n = ::recv(at.fd(), room.data(), room.size(), MSG_DONTWAIT)) > 0;)
      all += n;
    CHECK(all == 6000);
    return first;
  };
  set_refused(1);
  CHECK(arrives(refusing, kNow) == 1200);
  set_refused(0);
  CHECK(arrives(refusing, kNow) == 1200);
  CHECK(arrives(other, kNow) == 6000);
  const TimePoint later = kNow + TrainSender::kTryAgain;
  CHECK(arrives(refusing, later - std::chrono::milliseconds(1)) == 1200);
  CHECK(arrives(refusing, later) == 6000);
  // It had been refused again, had it still been: remembered anew.
  set_refused(1);
  CHECK(arrives(refusing, later) == 1200);
  set_refused(0);
  CHECK(arrives(refusing, later + std::chrono::seconds(1)) == 1200);
}

TEST_CASE("udp group: too big: a datagram that the link cannot carry is told as that") {
  ControlSocket control;
  auto group = open_udp_group(control.fd(), control.at(), 1).value();
  TrainSender sender(group[0]);
  // Loopback carries 65,536 bytes; no IPv4 packet is larger.
  const Bytes huge = bytes_starting(1, 0, 65'508);
  CHECK(sender.send(kNow, train_to(control.at(), huge, 65'508, 1)) == Sent::too_big);
  CHECK(sender.counters().too_big == 1);
  CHECK_FALSE(sender.refusal());
}

TEST_CASE("udp group: errors: a port that others hold is refused, as is a senseless number") {
  ControlSocket control;
  CHECK(open_udp_group(control.fd(), control.at(), 0).error().code == Errc::bad_value);
  CHECK(open_udp_group(control.fd(), control.at(), 65).error().code == Errc::bad_value);
  ControlSocket other;
  CHECK(open_udp_group(control.fd(), other.at(), 1).error().code == Errc::conflict);
}

}  // namespace
}  // namespace weft::swift
