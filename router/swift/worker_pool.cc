// SPDX-License-Identifier: Apache-2.0
#include "router/swift/worker_pool.h"

#include <algorithm>
#include <utility>

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/ensure.h"

namespace weft::swift {
namespace {

// Reports taken from one worker before the event loop looks at anything else.
constexpr std::size_t kReportsPerTurn = 1024;
// Destination and source, at the start of an Ethernet frame.
constexpr std::size_t kMacAddresses = 12;

// Frames between the same two addresses keep their order.
std::size_t spread(ByteView frame, std::size_t over) {
  std::size_t sum = 0;
  for (const Byte byte : frame.first(std::min(frame.size(), kMacAddresses)))
    sum = sum * 31 + std::to_integer<std::size_t>(byte);
  return sum % over;
}

std::uint16_t port_of(const WorkerSockets& sockets) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ensure(::getsockname(sockets.own.value(), reinterpret_cast<sockaddr*>(&address), &size) == 0,
         "a bound socket has an address");
  return ntohs(address.sin_port);
}

}  // namespace

WorkerPool::WorkerPool(const Config& config, linux_net::Tap tap, std::vector<WorkerSockets> sockets)
    : tap_(std::move(tap)), tap_queue_(tap_.fd(0)) {
  ensure(static_cast<int>(sockets.size()) == tap_.queues() && !sockets.empty(),
         "swift: as many sockets as queues");
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    ports_.push_back(port_of(sockets[i]));
    auto link = std::make_unique<WorkerLink>(config.ring_bytes, bell_);
    auto worker = std::make_unique<Worker>(
        Worker::Parts{.forwarder = {.us = config.us,
                                    .stream = static_cast<std::uint8_t>(i),
                                    .workers = static_cast<std::uint8_t>(sockets.size()),
                                    .bridge_mtu = config.bridge_mtu,
                                    .joins_udp = tap_.offloads().udp_segments,
                                    .traces = config.traces,
                                    .counter_high = config.counter_high},
                      .tap_fd = tap_.fd(static_cast<int>(i)),
                      .sockets = std::move(sockets[i]),
                      .link = *link});
    members_.push_back({.link = std::move(link), .worker = std::move(worker)});
  }
  for (Member& member : members_)
    member.worker->start();
}

WorkerPool::~WorkerPool() = default;

void WorkerPool::note(Member& member, bool queued) {
  if (!queued) ++orders_dropped_;
  member.woken = false;
}

void WorkerPool::apply(const std::shared_ptr<const Spec>& spec) {
  for (Member& member : members_) {
    member.link->specs().post(spec);
    member.woken = false;
  }
}

void WorkerPool::learn(const Learnt& learnt) {
  for (Member& member : members_)
    note(member, member.link->learn(learnt));
}

void WorkerPool::forget(PeerName peer) {
  for (Member& member : members_)
    note(member, member.link->forget(peer));
}

void WorkerPool::transmit(const Forwarder::Transmit& where, ByteView frame) {
  Member& chosen = members_[spread(frame, members_.size())];
  note(chosen, chosen.link->transmit(where, frame));
}

void WorkerPool::probe(std::uint8_t stream, std::uint32_t tunnel, const Probe& probe) {
  if (stream >= members_.size()) return;
  note(members_[stream], members_[stream].link->probe(tunnel, probe));
}

void WorkerPool::wake() {
  for (Member& member : members_) {
    if (std::exchange(member.woken, true)) continue;
    member.link->ring();
  }
}

void WorkerPool::take_reports(ReportHandler& handler) {
  bell_.silence();
  bool more = false;
  for (Member& member : members_) {
    more |= member.link->take_reports(kReportsPerTurn, handler) == kReportsPerTurn;
    // A newer Spec may have waited for the place of the one that is now in use.
    if (member.link->specs().retry()) member.woken = false;
  }
  if (more) bell_.ring();
  wake();
}

bool WorkerPool::spec_in_use() const {
  for (const Member& member : members_) {
    if (!member.link->specs().acknowledged()) return false;
  }
  return true;
}

std::vector<WorkerCounters> WorkerPool::counters() const {
  std::vector<WorkerCounters> all;
  for (const Member& member : members_)
    all.push_back(member.link->counters());
  return all;
}

}  // namespace weft::swift
