// SPDX-License-Identifier: Apache-2.0
#include "router/swift/worker_link.h"

#include <bit>
#include <cstring>

#include "base/ensure.h"

namespace weft::swift {
namespace {

enum class Order : int { learn, forget, transmit, probe };
enum class Report : int { event, frame, too_big, trains_refused, tap_lost };

struct ProbeOrder {
  std::uint32_t tunnel = 0;
  Probe probe;
};
// The frame's hops and then its bytes follow.
struct FrameReport {
  PeerName source;
  PeerName destination;
  bool flood = false;
  std::size_t hop_count = 0;
};

// A record is its kind, a value as it lies in memory, and bytes: both ends are this program.
struct Record {
  int kind = 0;
  ByteView rest;

  explicit Record(ByteView record) : rest(record) { kind = take<int>(); }
  template <class T>
  T take() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value;
    ensure(rest.size() >= sizeof value, "swift: a record that is too short");
    std::memcpy(static_cast<void*>(&value), rest.data(), sizeof value);
    rest = rest.subspan(sizeof value);
    return value;
  }
};

template <class T>
bool push(ByteRing& ring, int kind, const T& value, ByteView more = {}, ByteView end = {}) {
  static_assert(std::is_trivially_copyable_v<T>);
  Byte* room = ring.claim(sizeof kind + sizeof value + more.size() + end.size());
  if (room == nullptr) return false;
  std::memcpy(room, &kind, sizeof kind);
  room += sizeof kind;
  std::memcpy(room, static_cast<const void*>(&value), sizeof value);
  room += sizeof value;
  if (!more.empty()) std::memcpy(room, more.data(), more.size());
  if (!end.empty()) std::memcpy(room + more.size(), end.data(), end.size());
  ring.publish();
  return true;
}

void hand_over_order(Record record, OrderHandler& handler) {
  switch (static_cast<Order>(record.kind)) {
    case Order::learn:
      return handler.on_learn(record.take<Learnt>());
    case Order::forget:
      return handler.on_forget(record.take<PeerName>());
    case Order::transmit: {
      const auto where = record.take<Forwarder::Transmit>();
      return handler.on_transmit(where, record.rest);
    }
    case Order::probe: {
      const auto order = record.take<ProbeOrder>();
      return handler.on_probe(order.tunnel, order.probe);
    }
  }
}

void hand_over_frame(Record record, ReportHandler& handler) {
  const auto report = record.take<FrameReport>();
  std::vector<PeerName> hops;
  for (std::size_t i = 0; i < report.hop_count; ++i)
    hops.push_back(record.take<PeerName>());
  handler.on_frame({.bytes = record.rest,
                    .source = report.source,
                    .destination = report.destination,
                    .flood = report.flood,
                    .first_hop = 0,
                    .hop_count = report.hop_count},
                   hops);
}

void hand_over_report(Record record, ReportHandler& handler) {
  switch (static_cast<Report>(record.kind)) {
    case Report::event:
      return handler.on_event(record.take<Event>());
    case Report::frame:
      return hand_over_frame(record, handler);
    case Report::too_big:
      return handler.on_too_big(record.take<TooBig>());
    case Report::trains_refused:
      return handler.on_trains_refused(record.take<TrainsRefused>());
    case Report::tap_lost:
      return handler.on_tap_lost(record.take<TapLost>());
  }
}

}  // namespace

WorkerLink::WorkerLink(std::size_t ring_bytes, const Doorbell& control)
    : orders_(ring_bytes), reports_(ring_bytes), control_(control) {}

bool WorkerLink::learn(const Learnt& learnt) {
  return push(orders_, static_cast<int>(Order::learn), learnt);
}
bool WorkerLink::forget(PeerName peer) {
  return push(orders_, static_cast<int>(Order::forget), peer);
}
bool WorkerLink::transmit(const Forwarder::Transmit& where, ByteView frame) {
  return push(orders_, static_cast<int>(Order::transmit), where, frame);
}
bool WorkerLink::probe(std::uint32_t tunnel, const Probe& probe) {
  return push(orders_, static_cast<int>(Order::probe),
              ProbeOrder{.tunnel = tunnel, .probe = probe});
}

void WorkerLink::stop() {
  stopped_.store(true, std::memory_order_release);
  bell_.ring();
}

std::size_t WorkerLink::take_reports(std::size_t max, ReportHandler& handler) {
  std::size_t count = 0;
  std::size_t size = 0;
  for (; count < max; ++count) {
    const Byte* record = reports_.front(size);
    if (record == nullptr) break;
    hand_over_report(Record({record, size}), handler);
    reports_.pop();
  }
  return count;
}

std::size_t WorkerLink::take_orders(std::size_t max, OrderHandler& handler,
                                    const std::function<void()>& look_for_spec) {
  std::size_t count = 0;
  std::size_t size = 0;
  for (; count < max; ++count) {
    const Byte* record = orders_.front(size);
    // Whoever sees an order sees the Spec that was posted before it.
    look_for_spec();
    if (record == nullptr) break;
    hand_over_order(Record({record, size}), handler);
    orders_.pop();
  }
  return count;
}

template <class T>
void WorkerLink::report_value(int kind, const T& value) {
  reported_ = true;
  if (!push(reports_, kind, value)) ++reports_dropped_;
}

void WorkerLink::report(const Event& event) {
  report_value(static_cast<int>(Report::event), event);
}
void WorkerLink::report(const TooBig& report) {
  report_value(static_cast<int>(Report::too_big), report);
}
void WorkerLink::report(const TrainsRefused& report) {
  report_value(static_cast<int>(Report::trains_refused), report);
}
void WorkerLink::report(const TapLost& report) {
  report_value(static_cast<int>(Report::tap_lost), report);
}

void WorkerLink::report(const FrameForControl& frame, std::span<const PeerName> hops) {
  reported_ = true;
  const FrameReport head{.source = frame.source,
                         .destination = frame.destination,
                         .flood = frame.flood,
                         .hop_count = hops.size()};
  if (!push(reports_, static_cast<int>(Report::frame), head, std::as_bytes(hops), frame.bytes)) {
    ++reports_dropped_;
  }
}

void WorkerLink::announce() {
  if (!reported_) return;
  reported_ = false;
  control_.ring();
}

void WorkerLink::publish(WorkerCounters counters) {
  counters.reports_dropped = reports_dropped_;
  const auto values = std::bit_cast<std::array<std::uint64_t, kCounters>>(counters);
  for (std::size_t i = 0; i < kCounters; ++i)
    published_[i].store(values[i], std::memory_order_relaxed);
}

WorkerCounters WorkerLink::counters() const {
  std::array<std::uint64_t, kCounters> values{};
  for (std::size_t i = 0; i < kCounters; ++i)
    values[i] = published_[i].load(std::memory_order_relaxed);
  return std::bit_cast<WorkerCounters>(values);
}

}  // namespace weft::swift
