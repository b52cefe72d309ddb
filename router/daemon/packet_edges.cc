// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/packet_edges.h"

#include <algorithm>
#include <thread>

namespace weft::daemon {
namespace {

// More share what a pod sends into crumbs; --workers can ask for them.
constexpr int kWorkersByDefaultMax = 8;
// Super-frames that may wait for a worker. Each is up to 64 KiB and worth a tenth of a millisecond:
// a longer queue only adds delay, for TCP fills whatever there is.
constexpr int kTapQueueLength = 500;

// Empty: there is a TAP device now.
std::string open_tap(const Options& options, Endpoint at, PacketEdges& edges) {
  if (options.mtu > linux_net::kTapMtuMax) {
    return "an MTU above " + std::to_string(linux_net::kTapMtuMax) +
           " is more than a TAP device carries";
  }
  const int workers =
      worker_count(options.workers, static_cast<int>(std::thread::hardware_concurrency()));
  auto sockets = swift::open_udp_group(edges.udp->fd(), at, workers);
  if (!sockets) return to_string(sockets.error());
  auto tap = linux_net::Tap::open({.queues = workers, .queue_length = kTapQueueLength});
  if (!tap) return to_string(tap.error());
  edges.tap.emplace(std::move(*tap));
  edges.sockets = std::move(*sockets);
  return "";
}

}  // namespace

int worker_count(int wanted, int cores) {
  return wanted > 0 ? wanted : std::clamp(cores, 1, kWorkersByDefaultMax);
}

std::variant<PacketEdges, Failure> open_packet_edges(io::EventLoop& loop, const Options& options,
                                                     Endpoint at) {
  PacketEdges edges;
  auto udp = io::UdpSocket::open(loop, at);
  if (!udp) {
    return Failure{.error = udp.error(),
                   .subject = "UDP " + at.text(),
                   .hint = "is another weaver or Weave running? 'ss -ulpn' shows who has the port"};
  }
  edges.udp = std::move(*udp);
  if (options.capture == CaptureKind::pcap) return edges;
  edges.why_no_tap = open_tap(options, at, edges);
  if (edges.tap || options.capture == CaptureKind::automatic) return edges;
  return Failure{.error = {.code = Errc::unsupported, .what = "--capture=tap is not possible here"},
                 .subject = edges.why_no_tap,
                 .hint = "--capture=auto takes libpcap instead; 'modprobe tun' loads the driver"};
}

std::vector<crypto::AeadChoice> allowed_aeads(const Options& options) {
  std::vector<crypto::AeadChoice> all = crypto::usable_aeads();
  if (options.ciphers.empty()) return all;
  std::erase_if(all, [&](const crypto::AeadChoice& choice) {
    return std::find(options.ciphers.begin(), options.ciphers.end(), choice.cipher) ==
           options.ciphers.end();
  });
  return all;
}

std::vector<std::string> offered_overlays(const Options& options, const PacketEdges& edges) {
  std::vector<std::string> offered = options.overlays;
  if (!edges.tap || allowed_aeads(options).empty()) std::erase(offered, "swift");
  return offered;
}

}  // namespace weft::daemon
