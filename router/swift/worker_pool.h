// SPDX-License-Identifier: Apache-2.0
// The packet workers as the control thread sees them. Every member is called on that thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "router/linux/tap.h"
#include "router/swift/worker.h"

namespace weft::swift {

class WorkerPool {
 public:
  struct Config {
    PeerName us;
    int workers = 1;
    std::size_t bridge_mtu = 65535;
    // Of each worker's two queues, in bytes.
    std::size_t ring_bytes = std::size_t{1} << 20;
    std::uint64_t counter_high = std::uint64_t{1} << 30;
    bool traces = false;  // every decision is an event
  };
  // Starts one worker for each queue of `tap` and each element of `sockets`.
  WorkerPool(const Config& config, linux_net::Tap tap, std::vector<WorkerSockets> sockets);
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;
  ~WorkerPool();

  int workers() const { return static_cast<int>(members_.size()); }
  const linux_net::Tap& tap() const { return tap_; }
  // The ports that the workers send from, in order.
  const std::vector<std::uint16_t>& ports() const { return ports_; }

  // Orders. What finds a full queue is dropped and counted. wake() ends a series of them.
  void apply(const std::shared_ptr<const Spec>& spec);
  void learn(const Learnt& learnt);
  void forget(PeerName peer);
  // By the worker that the frame's MAC addresses choose, so that a flow keeps its order.
  void transmit(const Forwarder::Transmit& where, ByteView frame);
  void probe(std::uint8_t stream, std::uint32_t tunnel, const Probe& probe);
  void wake();
  // Writes a whole frame with complete checksums to the TAP device.
  void inject(ByteView frame) { tap_queue_.write_plain(frame); }

  // Readable when reports wait, or a Spec came into use.
  int fd() const { return bell_.fd(); }
  // Hands over what waits, a bounded number; afterwards fd() is readable if some is left.
  void take_reports(ReportHandler& handler);
  // Do all workers do what the newest Spec says?
  bool spec_in_use() const;

  std::uint64_t orders_dropped() const { return orders_dropped_; }
  std::vector<WorkerCounters> counters() const;
  const TapCounters& control_counters() const { return tap_queue_.counters(); }

 private:
  struct Member {
    std::unique_ptr<WorkerLink> link;
    std::unique_ptr<Worker> worker;  // after its link: it goes first
    bool woken = true;
  };
  void note(Member& member, bool queued);

  linux_net::Tap tap_;
  TapQueue tap_queue_;
  Doorbell bell_;
  std::vector<std::uint16_t> ports_;
  std::vector<Member> members_;
  std::uint64_t orders_dropped_ = 0;
};

}  // namespace weft::swift
