// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/swift_driver.h"

#include <cstring>
#include <utility>

#include "router/daemon/engine.h"
#include "router/daemon/log.h"

namespace weft::daemon {

SwiftDriver::SwiftDriver(io::EventLoop& loop, Engine& engine, dataplane::Dataplane& dataplane,
                         const swift::WorkerPool::Config& config, linux_net::Tap tap,
                         std::vector<swift::WorkerSockets> sockets)
    : engine_(engine),
      dataplane_(dataplane),
      pool_(config, std::move(tap), std::move(sockets)),
      readable_(loop, pool_.fd(), [this] { on_readable(); }) {}
SwiftDriver::~SwiftDriver() = default;

void SwiftDriver::carry_out(const dataplane::Output& out) {
  for (const dataplane::InjectedFrame& frame : out.frames)
    pool_.inject(out.bytes(frame));
  if (out.spec) {
    spec_version_ = out.spec->version;
    pool_.apply(out.spec);
  }
  for (const swift::Learnt& learnt : out.learnt)
    pool_.learn(learnt);
  for (const auto& transmit : out.transmits)
    pool_.transmit(transmit.where, out.bytes(transmit));
  for (const auto& probe : out.probes)
    pool_.probe(probe.stream, probe.tunnel, probe.probe);
  pool_.wake();
}

void SwiftDriver::forget(PeerName peer) {
  pool_.forget(peer);
  pool_.wake();
}

void SwiftDriver::on_readable() {
  engine_.with_packets([this](TimePoint now, dataplane::Output& out) {
    now_ = now;
    out_ = &out;
    pool_.take_reports(*this);
    if (spec_version_ && pool_.spec_in_use()) {
      dataplane_.on_spec_applied(now, *std::exchange(spec_version_, std::nullopt), out);
    }
    out_ = nullptr;
  });
}

void SwiftDriver::on_event(const swift::Event& event) {
  dataplane_.on_swift_event(now_, event, *out_);
}

void SwiftDriver::on_frame(const swift::FrameForControl& frame, std::span<const PeerName> hops) {
  dataplane_.on_frame_for_control(now_, frame, hops, *out_);
}

void SwiftDriver::on_too_big(const swift::TooBig& report) {
  const int mtu = io::path_mtu(report.local, report.to);
  if (mtu > 0) dataplane_.on_swift_path_mtu(now_, report.tunnel, mtu, *out_);
}

void SwiftDriver::on_trains_refused(const swift::TrainsRefused& report) {
  if (std::exchange(told_refused_, true)) return;
  log(LogLevel::warning, "swift",
      "datagrams to " + report.refusal.to.text() +
          " are sent singly, which costs throughput: the kernel does not take trains of them "
          "(UDP_SEGMENT: " +
          std::strerror(report.refusal.sys_errno) + "); it is asked again each minute");
}

void SwiftDriver::on_tap_lost(const swift::TapLost& report) {
  if (!tap_lost_.empty()) return;
  tap_lost_ = pool_.tap().name() + ": " + std::strerror(report.sys_errno);
  log(LogLevel::error, "capture",
      "frames can no longer be read from " + tap_lost_ +
          "; pods are cut off until weaver is restarted");
}

}  // namespace weft::daemon
