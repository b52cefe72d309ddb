// SPDX-License-Identifier: Apache-2.0
// All that the control thread and one worker share: a mailbox for the Spec, a queue of orders down,
// a queue of reports up, a doorbell each way, and the worker's counters. No locks; every queue is
// bounded, and what does not fit is counted.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <type_traits>

#include "router/swift/byte_ring.h"
#include "router/swift/core/forwarder.h"
#include "router/swift/doorbell.h"
#include "router/swift/mailbox.h"
#include "router/swift/tap_queue.h"
#include "router/swift/train_sender.h"

namespace weft::swift {

// Since the start of the worker.
struct WorkerCounters {
  Counters path;
  TapCounters tap;
  SendCounters sending;
  std::uint64_t receive_calls = 0;
  std::uint64_t waits = 0;            // times it went to sleep
  std::uint64_t reports_dropped = 0;  // the control thread did not keep up
};

// A datagram was too long for the link it was to leave by.
struct TooBig {
  std::uint32_t tunnel = 0;
  Endpoint to;
  Ipv4Addr local;
};
// The kernel refused what the worker wants, with this errno; it goes on as well as it can.
struct TrainsRefused {
  TrainRefusal refusal;
};
struct TapLost {
  int sys_errno = 0;
};

// What a worker reports, besides frames. Frames and `hops` are valid during the call.
class ReportHandler {
 public:
  ReportHandler() = default;
  ReportHandler(const ReportHandler&) = delete;
  ReportHandler& operator=(const ReportHandler&) = delete;
  virtual ~ReportHandler() = default;
  virtual void on_event(const Event& event) = 0;
  virtual void on_frame(const FrameForControl& frame, std::span<const PeerName> hops) = 0;
  virtual void on_too_big(const TooBig& report) = 0;
  virtual void on_trains_refused(const TrainsRefused& report) = 0;
  virtual void on_tap_lost(const TapLost& report) = 0;
};

// What the control thread orders, besides the Spec.
class OrderHandler {
 public:
  OrderHandler() = default;
  OrderHandler(const OrderHandler&) = delete;
  OrderHandler& operator=(const OrderHandler&) = delete;
  virtual ~OrderHandler() = default;
  virtual void on_learn(const Learnt& learnt) = 0;
  virtual void on_forget(PeerName peer) = 0;
  virtual void on_transmit(const Forwarder::Transmit& where, ByteView frame) = 0;
  virtual void on_probe(std::uint32_t tunnel, const Probe& probe) = 0;
};

class WorkerLink {
 public:
  // `ring_bytes` of each queue. `control` rings when reports wait; it is shared by all workers and
  // outlives them.
  WorkerLink(std::size_t ring_bytes, const Doorbell& control);

  // The control thread's side. False: the queue of orders is full, the order is dropped. ring()
  // when all that is to be said has been said.
  Mailbox<Spec>& specs() { return specs_; }
  bool learn(const Learnt& learnt);
  bool forget(PeerName peer);
  bool transmit(const Forwarder::Transmit& where, ByteView frame);
  bool probe(std::uint32_t tunnel, const Probe& probe);
  void stop();
  void ring() const { bell_.ring(); }
  // Hands over at most `max` reports; how many there were.
  std::size_t take_reports(std::size_t max, ReportHandler& handler);
  WorkerCounters counters() const;

  // The worker's side.
  bool stopped() const { return stopped_.load(std::memory_order_acquire); }
  const Doorbell& bell() const { return bell_; }
  // Hands over orders, at most `max`, each after the Spec that was posted before it.
  std::size_t take_orders(std::size_t max, OrderHandler& handler,
                          const std::function<void()>& look_for_spec);
  void report(const Event& event);
  void report(const FrameForControl& frame, std::span<const PeerName> hops);
  void report(const TooBig& report);
  void report(const TrainsRefused& report);
  void report(const TapLost& report);
  // Rings the control thread if there were reports since the last time.
  void announce();
  void announce_spec() const { control_.ring(); }
  void publish(WorkerCounters counters);

 private:
  static_assert(std::is_trivially_copyable_v<WorkerCounters>);
  static constexpr std::size_t kCounters = sizeof(WorkerCounters) / sizeof(std::uint64_t);

  template <class T>
  void report_value(int kind, const T& value);

  Mailbox<Spec> specs_;
  ByteRing orders_;
  ByteRing reports_;
  Doorbell bell_;
  const Doorbell& control_;
  std::atomic<bool> stopped_{false};
  std::array<std::atomic<std::uint64_t>, kCounters> published_{};
  // The worker's.
  bool reported_ = false;
  std::uint64_t reports_dropped_ = 0;
};

}  // namespace weft::swift
