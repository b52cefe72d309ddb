// SPDX-License-Identifier: Apache-2.0
// Joins the packet workers with the data plane on the control thread: what it wants of them goes
// down, what they report goes up. Decides nothing.
#pragma once

#include <optional>
#include <vector>

#include "router/dataplane/dataplane.h"
#include "router/io/readable_fd.h"
#include "router/swift/worker_pool.h"

namespace weft::daemon {

class Engine;

class SwiftDriver final : private swift::ReportHandler {
 public:
  SwiftDriver(io::EventLoop& loop, Engine& engine, dataplane::Dataplane& dataplane,
              const swift::WorkerPool::Config& config, linux_net::Tap tap,
              std::vector<swift::WorkerSockets> sockets);
  ~SwiftDriver() override;

  // Frames for the bridge, and all that concerns the workers.
  void carry_out(const dataplane::Output& out);
  void forget(PeerName peer);
  const swift::WorkerPool& pool() const { return pool_; }
  // Why no frame is taken any more; empty: they are.
  const std::string& tap_lost() const { return tap_lost_; }

 private:
  void on_readable();
  void on_event(const swift::Event& event) override;
  void on_frame(const swift::FrameForControl& frame, std::span<const PeerName> hops) override;
  void on_too_big(const swift::TooBig& report) override;
  void on_trains_refused(const swift::TrainsRefused& report) override;
  void on_tap_lost(const swift::TapLost& report) override;

  Engine& engine_;
  dataplane::Dataplane& dataplane_;
  swift::WorkerPool pool_;
  io::ReadableFd readable_;
  // Of the newest Spec; none once the data plane has been told that it is in use.
  std::optional<std::uint64_t> spec_version_;
  bool told_refused_ = false;
  std::string tap_lost_;
  // During take_reports():
  TimePoint now_;
  dataplane::Output* out_ = nullptr;
};

}  // namespace weft::daemon
