// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/mesh_driver.h"

#include <cstring>

#include "router/daemon/engine.h"
#include "router/peer/peer.h"

namespace weft::daemon {
namespace {

std::string reason_of(const Error& error) {
  return error.sys_errno != 0 ? std::strerror(error.sys_errno) : to_string(error);
}

}  // namespace

MeshDriver::MeshDriver(io::EventLoop& loop, Engine& engine, peer::Peer& peer, Ipv4Addr host)
    : loop_(loop), engine_(engine), peer_(peer), host_(host), connector_(loop), resolver_(loop) {}
MeshDriver::~MeshDriver() = default;

Result<> MeshDriver::listen(Endpoint at) {
  auto listener = io::TcpListener::open(
      loop_, at, [this](std::unique_ptr<io::TcpStream> stream) { on_accepted(std::move(stream)); });
  if (!listener) return listener.error();
  listener_ = std::move(*listener);
  return {};
}

void MeshDriver::carry_out(const gossip::Effect& effect) {
  if (const auto* to_dial = std::get_if<gossip::Dial>(&effect)) dial(*to_dial);
  if (const auto* to_resolve = std::get_if<gossip::Resolve>(&effect)) resolve(to_resolve->host);
  if (const auto* to_send = std::get_if<gossip::Send>(&effect)) send(*to_send);
  if (const auto* to_close = std::get_if<gossip::Close>(&effect)) {
    streams_.erase(to_close->link);  // flushes briefly, then resets
    dialling_.erase(to_close->link);
  }
}

void MeshDriver::close_all() {
  listener_.reset();
  streams_.clear();
  dialling_.clear();
}

void MeshDriver::dial(const gossip::Dial& dial) {
  gossip::LinkId link = dial.link;
  dialling_[link] = dial.to;
  connector_.connect({.to = dial.to, .from = {.ip = host_, .port = 0}},
                     [this, link](Result<std::unique_ptr<io::TcpStream>> done) {
                       if (dialling_.erase(link) == 0) return;  // closed meanwhile
                       engine_.with_peer([&](TimePoint now, auto& out) {
                         if (!done) {
                           peer_.on_dial_failed(now, link, reason_of(done.error()), out);
                           return;
                         }
                         Endpoint local = (*done)->local();
                         adopt(link, std::move(*done));
                         peer_.on_dialled(now, link, local, out);
                       });
                     });
}

void MeshDriver::resolve(const std::string& host) {
  resolver_.resolve(host, [this, host](Result<std::vector<Ipv4Addr>> found) {
    engine_.with_peer([&](TimePoint now, auto& out) {
      if (found) {
        peer_.on_resolved(now, host, std::move(*found), "", out);
      } else {
        peer_.on_resolved(now, host, {}, reason_of(found.error()), out);
      }
    });
  });
}

void MeshDriver::send(const gossip::Send& send) {
  auto stream = streams_.find(send.link);
  if (stream == streams_.end()) return;  // broke meanwhile; the peer hears of it
  if (Result<> queued = stream->second->write(send.bytes); queued) return;
  stream->second->abort();
  streams_.erase(stream);
  engine_.with_peer([&](TimePoint now, auto& out) {
    peer_.on_closed(now, send.link, "it reads too slowly: the send queue is full", out);
  });
}

void MeshDriver::on_accepted(std::unique_ptr<io::TcpStream> stream) {
  engine_.with_peer([&](TimePoint now, auto& out) {
    auto link = peer_.on_accept(now, stream->local(), stream->remote(), out);
    if (link) adopt(*link, std::move(stream));
  });
}

void MeshDriver::adopt(gossip::LinkId link, std::unique_ptr<io::TcpStream> stream) {
  io::TcpStream& started = *stream;
  streams_[link] = std::move(stream);
  started.start({
      .on_data =
          [this, link](ByteView bytes) {
            engine_.with_peer(
                [&](TimePoint now, auto& out) { peer_.on_bytes(now, link, bytes, out); });
          },
      .on_closed =
          [this, link](const Error& error) {
            streams_.erase(link);
            engine_.with_peer([&](TimePoint now, auto& out) {
              peer_.on_closed(now, link, reason_of(error), out);
            });
          },
      .on_drained =
          [this, link] {
            engine_.with_peer([&](TimePoint now, auto& out) { peer_.on_drained(now, link, out); });
          },
  });
}

}  // namespace weft::daemon
