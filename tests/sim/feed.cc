// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/feed.h"

#include <cstring>
#include <utility>

namespace weft::sim {
namespace {

constexpr std::uint16_t kPort = 6783;
// News of a path's MTU make more probes, which may make news.
constexpr int kPathMtuRoundsMax = 8;

std::string reason_of(const Error& error) {
  return error.sys_errno != 0 ? std::strerror(error.sys_errno) : to_string(error);
}

}  // namespace

Feed::Feed(io::EventLoop& loop, ScaleWorld& world)
    : loop_(loop),
      world_(world),
      ahead_(world.now() - loop.now()),
      connector_(loop),
      timer_(loop, [this] { on_timer(); }) {
  world_.on_outside([this](std::size_t host, gossip::Effect& effect) { later(host, effect); });
  arm();
}

Feed::~Feed() {
  world_.on_outside(nullptr);
}

Result<> Feed::listen() {
  auto listener = io::TcpListener::open(
      loop_, {.ip = {}, .port = kPort},
      [this](std::unique_ptr<io::TcpStream> stream) { on_accepted(std::move(stream)); });
  if (!listener) return listener.error();
  listener_ = std::move(*listener);
  return {};
}

TimePoint Feed::catch_up() {
  auto now = loop_.now() + ahead_;
  if (now > world_.now()) world_.run_for(now - world_.now());
  return world_.now();
}

// Not at once: what one call of a peer brings about is carried out in order.
void Feed::later(std::size_t host, gossip::Effect& effect) {
  todo_.emplace_back(host, std::move(effect));
  if (!std::exchange(scheduled_, true)) loop_.post([this] { settle(); });
}

void Feed::settle() {
  scheduled_ = false;
  while (!todo_.empty()) {
    auto [host, effect] = std::move(todo_.front());
    todo_.pop_front();
    carry_out(host, effect);
  }
  arm();
}

void Feed::carry_out(std::size_t host, const gossip::Effect& effect) {
  auto& edge = edges_[host];
  if (const auto* to_dial = std::get_if<gossip::Dial>(&effect)) dial(host, *to_dial);
  if (const auto* to_send = std::get_if<gossip::Send>(&effect)) {
    auto stream = edge.streams.find(to_send->link);
    if (stream != edge.streams.end()) (void)stream->second->write(to_send->bytes);
  }
  if (const auto* to_close = std::get_if<gossip::Close>(&effect))
    edge.streams.erase(to_close->link);
  if (const auto* ready = std::get_if<gossip::LinkReady>(&effect)) {
    if (!edge.plane) open_plane(host);
    with_plane(host, [&](TimePoint now, auto& plane, auto& out) {
      plane.on_link_ready(now, *ready, out);
    });
  }
  if (!edge.plane) return;
  if (const auto* gone = std::get_if<gossip::LinkGone>(&effect)) {
    with_plane(host,
               [&](TimePoint now, auto& plane, auto&) { plane.on_link_gone(now, gone->link); });
  }
  if (const auto* control = std::get_if<gossip::OverlayControl>(&effect)) {
    with_plane(host, [&](TimePoint now, auto& plane, auto& out) {
      plane.on_control(now, control->link, control->payload, out);
    });
  }
}

void Feed::dial(std::size_t host, const gossip::Dial& dial) {
  io::TcpConnector::Attempt attempt{.to = dial.to,
                                    .from = {.ip = ScaleWorld::address(host), .port = 0}};
  connector_.connect(attempt, [this, host, link = dial.link](auto done) {
    auto now = catch_up();
    world_.call(host, [&](peer::Peer& peer, auto& out) {
      if (!done) return peer.on_dial_failed(now, link, reason_of(done.error()), out);
      Endpoint local = (*done)->local();
      adopt(host, link, std::move(*done));
      peer.on_dialled(now, link, local, out);
    });
    arm();
  });
}

void Feed::on_accepted(std::unique_ptr<io::TcpStream> stream) {
  auto now = catch_up();
  auto host = ScaleWorld::host_at(stream->local().ip);
  world_.call(host, [&](peer::Peer& peer, auto& out) {
    auto link = peer.on_accept(now, stream->local(), stream->remote(), out);
    if (link) adopt(host, *link, std::move(stream));
  });
  arm();
}

void Feed::adopt(std::size_t host, gossip::LinkId link, std::unique_ptr<io::TcpStream> stream) {
  auto& started = *stream;
  edges_[host].streams[link] = std::move(stream);
  auto tell = [this, host](auto what) {
    auto now = catch_up();
    world_.call(host, [&](peer::Peer& peer, auto& out) { what(now, peer, out); });
    arm();
  };
  started.start({.on_data =
                     [tell, link](ByteView bytes) {
                       tell([&](TimePoint now, peer::Peer& peer, auto& out) {
                         peer.on_bytes(now, link, bytes, out);
                       });
                     },
                 .on_closed =
                     [this, tell, host, link](const Error& error) {
                       auto reason = reason_of(error);
                       edges_[host].streams.erase(link);
                       tell([&](TimePoint now, peer::Peer& peer, auto& out) {
                         peer.on_closed(now, link, reason, out);
                       });
                     },
                 .on_drained =
                     [tell, link] {
                       tell([&](TimePoint now, peer::Peer& peer, auto& out) {
                         peer.on_drained(now, link, out);
                       });
                     }});
}

void Feed::open_plane(std::size_t host) {
  auto& edge = edges_[host];
  edge.plane = std::make_unique<dataplane::Dataplane>(
      dataplane::Config{.name = world_.node(host).name(), .port = kPort});
  auto udp = io::UdpSocket::open(loop_, {.ip = ScaleWorld::address(host), .port = kPort});
  if (!udp) return;  // its links will not be established, and say so
  edge.udp = std::move(*udp);
  edge.udp->start([this, host](std::span<const io::ReceivedDatagram> batch) {
    with_plane(host, [&](TimePoint now, auto& plane, auto& out) {
      for (const auto& datagram : batch)
        plane.on_datagram(now, datagram.from, datagram.bytes, out);
    });
  });
}

void Feed::with_plane(std::size_t host, const PlaneCall& call) {
  auto now = catch_up();
  auto& edge = edges_[host];
  call(now, *edge.plane, edge.output);
  for (int round = 0; round < kPathMtuRoundsMax; ++round) {
    edge.plane->flush(now, edge.output);
    auto too_big = send_out(host);
    if (too_big.empty()) break;
    for (const auto& [link, mtu] : too_big)
      edge.plane->on_path_mtu(now, link, mtu, edge.output);
  }
  arm();
}

Feed::PathMtus Feed::send_out(std::size_t host) {
  auto& edge = edges_[host];
  std::vector<io::OutgoingDatagram> datagrams;
  for (const auto& d : edge.output.datagrams) {
    datagrams.push_back({.to = d.to, .from = d.local, .df = d.df, .bytes = edge.output.bytes(d)});
  }
  PathMtus too_big;
  if (edge.udp) {
    edge.udp->send(datagrams, [&](std::size_t index, int mtu) {
      too_big.emplace_back(edge.output.datagrams[index].link, mtu);
    });
  }
  auto control = std::exchange(edge.output.control, {});
  auto established = std::exchange(edge.output.established, {});
  auto failed = std::exchange(edge.output.failed, {});
  edge.output.clear();
  world_.call(host, [&](peer::Peer& peer, auto& out) {
    auto now = world_.now();
    for (const auto& c : control)
      peer.send_overlay_control(now, c.link, c.payload, out);
    for (auto link : established)
      peer.on_overlay_established(now, link, out);
    for (const auto& f : failed)
      peer.on_overlay_failed(now, f.link, f.reason, out);
  });
  return too_big;
}

void Feed::on_timer() {
  auto now = catch_up();
  for (auto& [host, edge] : edges_) {
    if (!edge.plane || !edge.plane->next_deadline() || *edge.plane->next_deadline() > now) continue;
    with_plane(host, [](TimePoint t, auto& plane, auto& out) { plane.on_deadline(t, out); });
  }
  arm();
}

void Feed::arm() {
  auto next = world_.next_event();
  for (const auto& [host, edge] : edges_) {
    if (edge.plane) next = earliest(next, edge.plane->next_deadline());
  }
  timer_.arm(next ? std::optional(*next - ahead_) : std::nullopt);
}

}  // namespace weft::sim
