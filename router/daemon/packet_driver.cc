// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/packet_driver.h"

#include "router/daemon/engine.h"
#include "router/daemon/log.h"

namespace weft::daemon {
namespace {

// Frames taken from the bridge before the loop looks at anything else.
constexpr std::size_t kFrameBatchMax = 256;

}  // namespace

PacketDriver::PacketDriver(io::EventLoop& loop, Engine& engine, dataplane::Dataplane& dataplane,
                           bool packet_debug)
    : loop_(loop), engine_(engine), dataplane_(dataplane), packet_debug_(packet_debug) {}
PacketDriver::~PacketDriver() = default;

void PacketDriver::start_udp(std::unique_ptr<io::UdpSocket> udp) {
  udp_ = std::move(udp);
  udp_->start([this](std::span<const io::ReceivedDatagram> batch) { on_datagrams(batch); });
}

void PacketDriver::start_workers(const swift::WorkerPool::Config& config, linux_net::Tap tap,
                                 std::vector<swift::WorkerSockets> sockets) {
  swift_ = std::make_unique<SwiftDriver>(loop_, engine_, dataplane_, config, std::move(tap),
                                         std::move(sockets));
}

void PacketDriver::forget(PeerName peer) {
  if (swift_) swift_->forget(peer);
}

Result<> PacketDriver::open_capture(const std::string& interface, int buffer_mb) {
  auto opened = capture::Capture::open(interface, {.buffer_mb = buffer_mb});
  if (!opened) return opened.error();
  capture_.emplace(std::move(*opened));
  readable_.emplace(loop_, capture_->fd(), [this] { on_frames(); });
  return {};
}

CaptureStatus PacketDriver::tap_status() const {
  const swift::WorkerPool& pool = swift_->pool();
  CaptureStatus status{.interface = pool.tap().name() + " (via tap, " +
                                    std::to_string(pool.workers()) +
                                    " workers, offloads: " + pool.tap().offloads().text() + ")",
                       .ours = true};
  status.lost = swift_->tap_lost();
  for (const swift::WorkerCounters& worker : pool.counters()) {
    status.packets_received += worker.tap.reads;
    status.packets_dropped += worker.reports_dropped;
  }
  return status;
}

CaptureStatus PacketDriver::capture_status() {
  if (swift_) return tap_status();
  if (!capture_) return {.interface = "no overlay bridge", .ours = true};
  capture::Counters counters = capture_->counters();
  return {.interface = capture_->interface() + " (via pcap)",
          .lost = lost_,
          .ours = true,
          .packets_received = counters.received,
          .packets_dropped = counters.dropped,
          .packets_if_dropped = counters.if_dropped};
}

void PacketDriver::on_frames() {
  engine_.with_packets([this](TimePoint now, dataplane::Output& out) {
    auto taken = capture_->read_batch(
        kFrameBatchMax, [&](ByteView frame) { dataplane_.on_captured(now, frame, out); });
    if (taken) return;
    lost_ = capture_->interface() + ": " + to_string(taken.error());
    log(LogLevel::error, "capture",
        "frames can no longer be read from " + lost_ +
            "; pods are cut off until weaver is restarted");
    readable_.reset();
  });
}

void PacketDriver::on_datagrams(std::span<const io::ReceivedDatagram> batch) {
  engine_.with_packets([&](TimePoint now, dataplane::Output& out) {
    for (const io::ReceivedDatagram& datagram : batch) {
      dataplane_.on_datagram(now, datagram.from, datagram.bytes, out);
    }
  });
}

void PacketDriver::send(const dataplane::Output& out, std::vector<PathMtu>& news) {
  if (packet_debug_) debug(out);
  if (swift_) swift_->carry_out(out);
  if (!out.frames.empty() && capture_) {
    frames_.clear();
    for (const dataplane::InjectedFrame& frame : out.frames)
      frames_.push_back(out.bytes(frame));
    capture_->inject(frames_);
  }
  if (out.datagrams.empty() || !udp_) return;
  datagrams_.clear();
  for (const dataplane::Datagram& d : out.datagrams) {
    datagrams_.push_back({.to = d.to, .from = d.local, .df = d.df, .bytes = out.bytes(d)});
  }
  udp_->send(datagrams_, [&](std::size_t index, int path_mtu) {
    news.push_back({.link = out.datagrams[index].link, .mtu = path_mtu});
  });
}

void PacketDriver::debug(const dataplane::Output& out) const {
  for (const dataplane::Datagram& d : out.datagrams) {
    log({.level = LogLevel::info,
         .component = "packet",
         .peer = {},
         .address = d.to.text(),
         .text = "send datagram, " + std::to_string(d.size) + (d.df ? " bytes, DF" : " bytes")});
  }
}

}  // namespace weft::daemon
