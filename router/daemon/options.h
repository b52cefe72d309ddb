// SPDX-License-Identifier: Apache-2.0
// weaver's command line: Weave's flags, names and defaults, checked before anything is touched.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ip.h"
#include "base/log.h"
#include "base/peer_name.h"
#include "crypto/packet_aead.h"
#include "crypto/secret.h"
#include "ipam-crdt/allocator.h"
#include "router/releases/release_queue.h"

namespace weft::daemon {

struct IpamOptions {
  Cidr range;
  Cidr default_subnet;
  ipam::InitMode init;
};

enum class CaptureKind { automatic, tap, pcap };

struct Options {
  std::string host;  // local address for TCP and UDP; empty: all
  std::uint16_t port = 6783;
  std::optional<PeerName> name;
  std::string nickname;
  std::optional<crypto::Password> password;
  std::size_t conn_limit = 200;
  bool discovery = true;
  int mtu = 0;  // of the bridge; 0: from the underlay
  std::string http_addr, status_addr, metrics_addr;
  std::optional<IpamOptions> ipam;
  std::vector<Cidr> trusted_subnets;
  std::string cni_state_dir{releases::kDefaultFolder};
  std::string db_prefix = "/weavedb/weave";
  std::string bridge = "weave";
  bool resume = false;
  LogLevel log_level = LogLevel::info;
  bool packet_debug = false;
  int capture_buffer_mb = 8;  // of libpcap's ring, or of all workers' queues to the control thread
  CaptureKind capture = CaptureKind::automatic;
  int workers = 0;                                       // 0: by the number of cores
  std::vector<std::string> overlays{"swift", "sleeve"};  // which, not in what order
  std::chrono::seconds rekey_interval{120};
  std::vector<crypto::Cipher> ciphers;  // of swift; empty: all that this machine has
  bool print_peer_name = false;
  bool no_masq_local = false;
  std::vector<std::string> peers;

  // Options as given, without secrets, for the first log line: "port=6783 ipalloc-range=…".
  std::string summary;
  std::vector<std::string> warnings;  // legacy flags and questionable choices
};

// What the command line asks for instead of running: text for stdout or stderr and an exit code.
struct EarlyExit {
  int code = 0;
  std::string text;
};

struct Environment {
  std::string host_name;
  std::optional<std::string> weave_password;  // WEAVE_PASSWORD
};

// The text of --help.
std::string usage();

// Either options that make sense, or why (or what) to exit with.
std::variant<Options, EarlyExit> parse_options(const std::vector<std::string>& arguments,
                                               const Environment& environment);

}  // namespace weft::daemon
