// SPDX-License-Identifier: Apache-2.0
#include "router/io/udp.h"

#include <vector>

#include <netinet/udp.h>
#include <sys/socket.h>

#include "io_test.h"

using namespace weft;
using namespace weft::io;

namespace {

struct Receiver {
  std::unique_ptr<UdpSocket> socket;
  std::vector<std::pair<Endpoint, Bytes>> got;

  explicit Receiver(EventLoop& loop) : socket(UdpSocket::open(loop, kAnyPort).value()) {
    socket->start([this](std::span<const ReceivedDatagram> batch) {
      for (const ReceivedDatagram& d : batch)
        got.emplace_back(d.from, to_bytes(d.bytes));
    });
  }
};

}  // namespace

TEST_CASE("udp: batch: many datagrams of all sizes and both kinds arrive whole and in order") {
  EventLoop loop;
  Receiver to(loop);
  auto from = UdpSocket::open(loop, kAnyPort).value();
  std::vector<Bytes> data;
  for (std::size_t i = 0; i < 300; ++i)
    data.push_back(pattern(i * 7 % 1400));
  data.push_back(pattern(60'000));
  std::vector<OutgoingDatagram> batch;
  for (std::size_t i = 0; i < data.size(); ++i) {
    batch.push_back({.to = to.socket->endpoint(), .from = {}, .df = i % 50 < 40, .bytes = data[i]});
  }
  from->send(batch, [](std::size_t, int) { FAIL("nothing is too big"); });
  CHECK(run_until(loop, [&] { return to.got.size() == data.size(); }));
  for (std::size_t i = 0; i < data.size(); ++i)
    CHECK(to.got[i].second == data[i]);
  CHECK(to.got[0].first == from->endpoint());
  CHECK(from->counters().sent == data.size());
  CHECK(to.socket->counters().received == data.size());
  CHECK(to.socket->counters().received_bytes == from->counters().sent_bytes);
}

TEST_CASE("udp: train: datagrams that come joined are handed out singly, the last one shorter") {
  EventLoop loop;
  Receiver to(loop);
  auto from = UdpSocket::open(loop, kAnyPort).value();
  const int each = 1000;
  REQUIRE(::setsockopt(from->fd(), SOL_UDP, UDP_SEGMENT, &each, sizeof each) == 0);
  const Bytes train = pattern(10'300);
  const std::vector<OutgoingDatagram> batch{
      {.to = to.socket->endpoint(), .from = {}, .df = false, .bytes = train}};
  from->send(batch, {});
  CHECK(run_until(loop, [&] { return to.got.size() == 11; }));
  for (std::size_t i = 0; i < to.got.size(); ++i) {
    const ByteView expected = ByteView(train).subspan(i * 1000, i < 10 ? 1000 : 300);
    CHECK(to.got[i].second == to_bytes(expected));
  }
  CHECK(to.socket->counters().received == 11);
  CHECK(to.socket->counters().received_bytes == train.size());
}

TEST_CASE("udp: source: a datagram leaves from the address asked for") {
  EventLoop loop;
  Receiver to(loop);
  auto from = UdpSocket::open(loop, {.ip = {}, .port = 0}).value();
  const Bytes data = pattern(10);
  const std::vector<OutgoingDatagram> batch{
      {.to = to.socket->endpoint(), .from = {0x7f000009}, .df = true, .bytes = data}};
  from->send(batch, {});
  CHECK(run_until(loop, [&] { return to.got.size() == 1; }));
  CHECK(to.got[0].first.ip.text() == "127.0.0.9");
  CHECK(to.got[0].first.port == from->endpoint().port);
}

TEST_CASE("udp: errors: an impossible datagram is counted and the others are sent") {
  EventLoop loop;
  Receiver to(loop);
  auto from = UdpSocket::open(loop, kAnyPort).value();
  const Bytes small = pattern(10);
  const Bytes impossible = pattern(65'600);
  const Endpoint there = to.socket->endpoint();
  const std::vector<OutgoingDatagram> batch{
      {.to = there, .from = {}, .df = true, .bytes = small},
      {.to = there, .from = {}, .df = true, .bytes = impossible},
      {.to = there, .from = *Ipv4Addr::parse("192.0.2.1"), .df = false, .bytes = small},
      {.to = there, .from = {}, .df = false, .bytes = small}};
  std::vector<std::size_t> too_big;
  from->send(batch, [&](std::size_t index, int) { too_big.push_back(index); });
  CHECK(run_until(loop, [&] { return to.got.size() == 2; }));
  CHECK(too_big == std::vector<std::size_t>{1});
  CHECK(from->counters().too_big == 1);
  CHECK(from->counters().send_errors == 1);
  CHECK(from->counters().sent == 2);
}

TEST_CASE("udp: listen: a port in use is a conflict") {
  EventLoop loop;
  auto first = UdpSocket::open(loop, kAnyPort).value();
  CHECK(UdpSocket::open(loop, first->endpoint()).error().code == Errc::conflict);
}

TEST_CASE("udp: path MTU: of loopback it is what the kernel says") {
  CHECK(path_mtu({}, {.ip = {0x7f000001}, .port = 9}) == 65536 - 1);
}
