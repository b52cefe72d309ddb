// SPDX-License-Identifier: Apache-2.0
// Moves packets: frames between the bridge and the data plane, datagrams between it and UDP, in
// batches. Where there are packet workers, they take the frames and swift's datagrams, and sleeve's
// datagrams are left. Decides nothing; the data plane does.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "router/capture/capture.h"
#include "router/daemon/snapshot.h"
#include "router/daemon/swift_driver.h"
#include "router/dataplane/dataplane.h"
#include "router/io/readable_fd.h"
#include "router/io/udp.h"

namespace weft::daemon {

class Engine;

struct PathMtu {  // a datagram of `link` was too big; its path carries IP packets of `mtu`
  gossip::LinkId link;
  int mtu = 0;
};

class PacketDriver {
 public:
  PacketDriver(io::EventLoop& loop, Engine& engine, dataplane::Dataplane& dataplane,
               bool packet_debug);
  PacketDriver(const PacketDriver&) = delete;
  PacketDriver& operator=(const PacketDriver&) = delete;
  ~PacketDriver();

  // Sleeve's socket.
  void start_udp(std::unique_ptr<io::UdpSocket> udp);
  // Frames come through one of these two.
  Result<> open_capture(const std::string& interface, int buffer_mb);
  void start_workers(const swift::WorkerPool::Config& config, linux_net::Tap tap,
                     std::vector<swift::WorkerSockets> sockets);
  // None without workers.
  const swift::WorkerPool* workers() const { return swift_ ? &swift_->pool() : nullptr; }
  // The peer has left the mesh.
  void forget(PeerName peer);
  // Sends what the data plane put out; what did not fit its path is appended to `news`.
  void send(const dataplane::Output& out, std::vector<PathMtu>& news);
  CaptureStatus capture_status();

 private:
  CaptureStatus tap_status() const;
  void on_frames();
  void on_datagrams(std::span<const io::ReceivedDatagram> batch);
  void debug(const dataplane::Output& out) const;

  io::EventLoop& loop_;
  Engine& engine_;
  dataplane::Dataplane& dataplane_;
  bool packet_debug_;
  std::unique_ptr<io::UdpSocket> udp_;
  std::optional<capture::Capture> capture_;
  std::optional<io::ReadableFd> readable_;
  std::string lost_;  // why libpcap reads no more
  std::unique_ptr<SwiftDriver> swift_;
  // Reused between batches, so that a packet costs no allocation.
  std::vector<io::OutgoingDatagram> datagrams_;
  std::vector<ByteView> frames_;
};

}  // namespace weft::daemon
