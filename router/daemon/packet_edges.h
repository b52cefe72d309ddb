// SPDX-License-Identifier: Apache-2.0
// What packets come in and go out by, opened before anything is plumbed: whether there is a TAP
// device decides which port the bridge gets and which overlays we offer.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "router/daemon/options.h"
#include "router/io/udp.h"
#include "router/linux/tap.h"
#include "router/swift/udp_group.h"

namespace weft::daemon {

struct PacketEdges {
  std::unique_ptr<io::UdpSocket> udp;
  // Both or neither: a TAP device, and sockets for as many workers as it has queues.
  std::optional<linux_net::Tap> tap;
  std::vector<swift::WorkerSockets> sockets;
  std::string why_no_tap;  // empty: there is one, or none is wanted
};

// How many packet workers --workers means; 0 stands for what suits `cores`.
int worker_count(int wanted, int cores);

// Opens the UDP port and, unless --capture=pcap, the TAP device and the workers' sockets. With
// --capture=auto a missing TAP device is no failure.
std::variant<PacketEdges, Failure> open_packet_edges(io::EventLoop& loop, const Options& options,
                                                     Endpoint at);

// The ciphers of this machine that --ciphers allows, fastest first. Empty: it has none of them.
std::vector<crypto::AeadChoice> allowed_aeads(const Options& options);

// The names of the overlays that can be offered with these edges, most preferred first.
std::vector<std::string> offered_overlays(const Options& options, const PacketEdges& edges);

}  // namespace weft::daemon
