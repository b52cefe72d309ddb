// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/options.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>

#include <CLI/CLI.hpp>

#include "base/text.h"
#include "gossip/target.h"
#include "router/daemon/legacy_flags.h"
#include "router/swift/udp_group.h"

namespace weft::daemon {
namespace {

constexpr int kMtuMin = 576;    // what every IPv4 host must take
constexpr int kMtuMax = 65535;  // the largest an Ethernet device has
constexpr std::size_t kPasswordFileMax = 4096;
constexpr int kRekeyIntervalMax = 3600;  // an hour; what is lost with a key is bounded by it

// The command line before it is checked: text and numbers as CLI11 delivers them.
struct Raw {
  std::string host, name, nickname, password, password_file;
  std::string http_addr, status_addr, metrics_addr;
  std::string ipalloc_init, ipalloc_range, ipalloc_default_subnet, trusted_subnets;
  std::string cni_state_dir{releases::kDefaultFolder};
  std::string db_prefix = "/weavedb/weave", bridge = "weave", log_level = "info";
  std::string capture = "auto", overlays = "swift,sleeve", ciphers;
  int port = 6783, conn_limit = 200, mtu = 0, bufsz = 8, min_protocol_version = 2;
  int workers = 0, rekey_interval = 120;
  bool no_discovery = false, resume = false, packet_debug = false, print_peer_name = false;
  bool no_masq_local = false, version = false;
  std::vector<std::string> peers;
};

void declare_mesh(CLI::App& app, Raw& raw) {
  app.add_option("--host", raw.host, "local address for TCP and UDP (default: all)");
  app.add_option("--port", raw.port, "control port, TCP and UDP")->capture_default_str();
  app.add_option("--name", raw.name, "peer name (default: stored, else the bridge's, else random)");
  app.add_option("--nickname", raw.nickname, "name shown to people (default: host name)");
  app.add_option("--password", raw.password,
                 "mesh password; shows in ps: prefer --password-file or WEAVE_PASSWORD");
  app.add_option("--password-file", raw.password_file, "file whose first line is the password");
  app.add_option("--conn-limit", raw.conn_limit, "connections at most; 0: no limit")
      ->capture_default_str();
  app.add_flag("--no-discovery", raw.no_discovery, "connect to named peers only");
  app.add_option("--trusted-subnets", raw.trusted_subnets,
                 "CIDRs, comma separated, towards which traffic needs no encryption");
  app.add_flag("--resume", raw.resume, "use the stored peers; no peer arguments then");
  app.add_option("--min-protocol-version", raw.min_protocol_version, "2 is the only version spoken")
      ->capture_default_str();
  app.add_option("peers", raw.peers, "initial peers, host[:port]");
}

void declare_host(CLI::App& app, Raw& raw) {
  app.add_option("--mtu", raw.mtu, "MTU of the bridge and the pods; 0: from the underlay")
      ->capture_default_str();
  app.add_option("--weave-bridge", raw.bridge, "bridge name")->capture_default_str();
  app.add_option("--bufsz", raw.bufsz, "capture buffer, MB")->capture_default_str();
  app.add_option("--cni-state-dir", raw.cni_state_dir,
                 "where the CNI plugin leaves releases for us (its WEFT_CNI_STATE_DIR)");
  app.add_option("--db-prefix", raw.db_prefix, "state is kept in <prefix>weft.db")
      ->capture_default_str();
  app.add_option("--http-addr", raw.http_addr,
                 "control API: address:port or a unix socket path (default: none)");
  app.add_option("--status-addr", raw.status_addr, "read-only status and metrics: address:port");
  app.add_option("--metrics-addr", raw.metrics_addr, "metrics only: address:port");
  app.add_option("--ipalloc-range", raw.ipalloc_range, "range to allocate from; empty: IPAM off");
  app.add_option("--ipalloc-default-subnet", raw.ipalloc_default_subnet,
                 "subnet of requests that name none (default: the range)");
  app.add_option("--ipalloc-init", raw.ipalloc_init,
                 "consensus[=N], seed=NAME,NAME,… or observer (default: consensus)");
  app.add_flag("--no-masq-local", raw.no_masq_local,
               "keep the source address of traffic to addresses allocated here");
  app.add_option("--log-level", raw.log_level, "debug, info, warning or error")
      ->capture_default_str();
  app.set_config("--config", "", "file of options, a line name=value each; arguments win");
  app.allow_config_extras(CLI::config_extras_mode::error);
  app.add_flag("--pkt-debug", raw.packet_debug, "log every packet decision (slow)");
  app.add_flag("--print-peer-name", raw.print_peer_name, "print the peer name and exit");
  app.add_flag("--version", raw.version, "print the version and exit");
}

void declare_packets(CLI::App& app, Raw& raw) {
  app.add_option("--capture", raw.capture,
                 "where frames are taken: auto, tap (super-frames, swift) or pcap (libpcap)")
      ->capture_default_str();
  app.add_option("--workers", raw.workers, "packet workers; 0: one per core, 8 at most")
      ->capture_default_str();
  app.add_option("--overlays", raw.overlays,
                 "overlays to use; swift is taken where both ends have it")
      ->capture_default_str();
  app.add_option("--ciphers", raw.ciphers,
                 "what swift may seal with: aes-256-gcm, chacha20-poly1305 (default: both)");
  app.add_option("--rekey-interval", raw.rekey_interval, "seconds between swift's keys")
      ->capture_default_str();
}

void declare(CLI::App& app, Raw& raw) {
  app.description("weaver: one peer of a Weft network");
  app.allow_extras();
  declare_mesh(app, raw);
  declare_host(app, raw);
  declare_packets(app, raw);
  // As in Go's flags: of one that is given twice the last counts.
  for (CLI::Option* option : app.get_options()) {
    if (option->get_items_expected_max() == 1) {
      option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    }
  }
}

// Takes Weave's meaningless flags out of the line and says what replaces them.
std::vector<std::string> without_legacy(const std::vector<std::string>& arguments,
                                        std::vector<std::string>& warnings) {
  std::vector<std::string> kept;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    std::string_view name = std::string_view(argument).substr(0, argument.find('='));
    const auto* legacy = std::find_if(kLegacyFlags.begin(), kLegacyFlags.end(),
                                      [&](const LegacyFlag& flag) { return flag.name == name; });
    if (legacy == kLegacyFlags.end()) {
      kept.push_back(argument);
      continue;
    }
    warnings.push_back(std::string(name) + " has no effect here: " + std::string(legacy->instead));
    bool value_follows = legacy->takes_value && name.size() == argument.size();
    if (value_follows && i + 1 < arguments.size()) ++i;
  }
  return kept;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string unknown_flag(const CLI::App& app, const std::string& argument) {
  std::string name = argument.substr(0, argument.find('='));
  std::string best;
  std::size_t best_distance = name.size() / 3;  // further away, a guess misleads
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& known : option->get_lnames()) {
      std::size_t distance = edit_distance(name, "--" + known);
      if (distance < best_distance) {
        best_distance = distance;
        best = "--" + known;
      }
    }
  }
  std::string text = "unknown flag " + name;
  if (!best.empty()) text += "; did you mean " + best + "?";
  return text + " ('weaver --help' lists all)";
}

EarlyExit fault(const std::string& text) {
  return {.code = 2, .text = "weaver: " + text + "\n"};
}

using Fault = std::optional<std::string>;  // nothing: all is well

Fault check_numbers(const Raw& raw, Options& options) {
  if (raw.port < 1 || raw.port > 65534) {
    return "--port must be between 1 and 65534, not " + std::to_string(raw.port);
  }
  if (raw.conn_limit < 0) return "--conn-limit must be 0 (no limit) or more";
  if (raw.mtu != 0 && (raw.mtu < kMtuMin || raw.mtu > kMtuMax)) {
    return "--mtu must be 0 (from the underlay) or between " + std::to_string(kMtuMin) + " and " +
           std::to_string(kMtuMax) + ", not " + std::to_string(raw.mtu);
  }
  if (raw.bufsz < 1 || raw.bufsz > 1024) return "--bufsz must be between 1 and 1024 (MB)";
  if (raw.min_protocol_version < 1 || raw.min_protocol_version > 2) {
    return "--min-protocol-version must be 1 or 2";
  }
  if (raw.min_protocol_version == 1) {
    options.warnings.emplace_back(
        "--min-protocol-version 1 has no effect: no Weave 2.x needs it, version 2 is spoken");
  }
  options.port = static_cast<std::uint16_t>(raw.port);
  options.conn_limit = static_cast<std::size_t>(raw.conn_limit);
  options.mtu = raw.mtu;
  options.capture_buffer_mb = raw.bufsz;
  return std::nullopt;
}

Fault check_name(const Raw& raw, const Environment& environment, Options& options) {
  options.nickname = raw.nickname.empty() ? environment.host_name : raw.nickname;
  if (options.nickname.size() > 256) return "--nickname is longer than 256 characters";
  if (raw.name.empty()) return std::nullopt;
  options.name = PeerName::parse(raw.name);
  if (!options.name || !options.name->known()) {
    return "--name '" + raw.name + "' is not a peer name; it looks like 7a:9f:eb:b6:0c:6e";
  }
  if (options.name->group_bit()) {
    return "--name " + options.name->text() +
           " has the group bit set (odd first byte), by which datagrams are told apart; "
           "choose an even first byte";
  }
  return std::nullopt;
}

Fault check_host(const Raw& raw, Options& options) {
  if (!raw.host.empty() && !Ipv4Addr::parse(raw.host)) {
    return "--host '" + raw.host + "' is not an IPv4 address of this host";
  }
  if (raw.bridge.empty() || raw.bridge.size() > 15) {
    return "--weave-bridge must be 1 to 15 characters, as the kernel wants it";
  }
  if (raw.db_prefix.empty()) return "--db-prefix must not be empty";
  for (const auto& [flag, value] :
       {std::pair{"--http-addr", raw.http_addr}, std::pair{"--status-addr", raw.status_addr},
        std::pair{"--metrics-addr", raw.metrics_addr}}) {
    bool fits = value.empty() || value.front() == '/' || value.find(':') != std::string::npos;
    if (!fits) return std::string(flag) + " '" + value + "' is neither address:port nor a path";
  }
  options.host = raw.host;
  options.bridge = raw.bridge;
  options.db_prefix = raw.db_prefix;
  options.cni_state_dir = raw.cni_state_dir;
  options.http_addr = raw.http_addr;
  options.status_addr = raw.status_addr;
  options.metrics_addr = raw.metrics_addr;
  if (raw.http_addr.empty() && !raw.print_peer_name) {
    options.warnings.emplace_back(
        "no --http-addr: neither 'weave' nor the CNI plugin can reach this daemon; "
        "127.0.0.1:6784 is where they look");
  }
  return std::nullopt;
}

Fault check_password(const Raw& raw, const Environment& environment, Options& options) {
  std::string password = raw.password;
  if (!raw.password_file.empty()) {
    if (!raw.password.empty()) return "--password and --password-file exclude one another";
    std::ifstream file(raw.password_file);
    std::string line;
    if (!file || !std::getline(file, line) || line.empty()) {
      return "--password-file " + raw.password_file + " cannot be read or its first line is empty";
    }
    if (line.size() > kPasswordFileMax) return "the password is longer than 4096 bytes";
    password = line;
  }
  if (!raw.password.empty()) {
    options.warnings.emplace_back(
        "--password shows in ps: prefer --password-file or WEAVE_PASSWORD");
  }
  if (password.empty()) password = environment.weave_password.value_or("");
  if (!password.empty()) options.password.emplace(password);
  return std::nullopt;
}

Fault check_trusted(const Raw& raw, Options& options) {
  if (raw.trusted_subnets.empty()) return std::nullopt;
  for (std::string_view part : split(raw.trusted_subnets, ',')) {
    auto cidr = Cidr::parse(trim(part));
    if (!cidr) return "--trusted-subnets: '" + std::string(part) + "' is not a CIDR";
    options.trusted_subnets.push_back(*Cidr::make(cidr->first(), cidr->prefix_len()));
  }
  if (!options.password) {
    options.warnings.emplace_back("--trusted-subnets has no effect without a password");
  }
  return std::nullopt;
}

Fault check_ipam(const Raw& raw, Options& options) {
  if (raw.ipalloc_range.empty()) {
    if (raw.ipalloc_default_subnet.empty() && raw.ipalloc_init.empty()) return std::nullopt;
    return "--ipalloc-default-subnet and --ipalloc-init need --ipalloc-range";
  }
  auto range = Cidr::parse_subnet(raw.ipalloc_range);
  if (!range) return "--ipalloc-range " + raw.ipalloc_range + ": " + to_string(range.error());
  if (range->first().value + range->size() > 0xffffffffU) {
    return "--ipalloc-range " + raw.ipalloc_range + " reaches the end of the address space";
  }
  const std::string& text =
      raw.ipalloc_default_subnet.empty() ? raw.ipalloc_range : raw.ipalloc_default_subnet;
  auto subnet = Cidr::parse_subnet(text);
  if (!subnet) return "--ipalloc-default-subnet " + text + ": " + to_string(subnet.error());
  if (subnet->first().value + subnet->size() > 0xffffffffU) {
    return "--ipalloc-default-subnet " + text + " reaches the end of the address space";
  }
  if (!subnet->range().overlaps(range->range())) {
    return "--ipalloc-default-subnet " + text + " does not overlap --ipalloc-range " +
           range->text();
  }
  auto init = ipam::parse_init_mode(raw.ipalloc_init);
  if (!init) return "--ipalloc-init '" + raw.ipalloc_init + "': " + to_string(init.error());
  options.ipam = IpamOptions{.range = *range, .default_subnet = *subnet, .init = *init};
  return std::nullopt;
}

Fault check_overlays(const Raw& raw, Options& options) {
  options.overlays.clear();
  for (std::string_view part : split(raw.overlays, ',')) {
    const std::string name(trim(part));
    if (name != "swift" && name != "sleeve") {
      return "--overlays: '" + name + "' is neither swift nor sleeve";
    }
    if (std::find(options.overlays.begin(), options.overlays.end(), name) !=
        options.overlays.end()) {
      return "--overlays names " + name + " twice";
    }
    options.overlays.push_back(name);
  }
  if (std::find(options.overlays.begin(), options.overlays.end(), "sleeve") ==
      options.overlays.end()) {
    return "--overlays must name sleeve, which works where others fail";
  }
  return std::nullopt;
}

Fault check_ciphers(const Raw& raw, Options& options) {
  constexpr std::array kNames{
      std::pair{std::string_view("aes-256-gcm"), crypto::Cipher::aes_256_gcm},
      std::pair{std::string_view("chacha20-poly1305"), crypto::Cipher::chacha20_poly1305}};
  if (raw.ciphers.empty()) return std::nullopt;
  for (std::string_view part : split(raw.ciphers, ',')) {
    const auto* known = std::find_if(kNames.begin(), kNames.end(),
                                     [&](const auto& name) { return name.first == trim(part); });
    if (known == kNames.end()) {
      return "--ciphers: '" + std::string(part) + "' is neither aes-256-gcm nor chacha20-poly1305";
    }
    options.ciphers.push_back(known->second);
  }
  return std::nullopt;
}

Fault check_packets(const Raw& raw, Options& options) {
  constexpr std::array kKinds{std::pair{"auto", CaptureKind::automatic},
                              std::pair{"tap", CaptureKind::tap},
                              std::pair{"pcap", CaptureKind::pcap}};
  const auto* kind = std::find_if(kKinds.begin(), kKinds.end(),
                                  [&](const auto& k) { return raw.capture == k.first; });
  if (kind == kKinds.end()) return "--capture '" + raw.capture + "' is none of auto, tap, pcap";
  if (raw.workers < 0 || raw.workers > swift::kWorkersMax) {
    return "--workers must be between 0 (by the number of cores) and " +
           std::to_string(swift::kWorkersMax);
  }
  if (raw.rekey_interval < 1 || raw.rekey_interval > kRekeyIntervalMax) {
    return "--rekey-interval must be between 1 and " + std::to_string(kRekeyIntervalMax) +
           " seconds";
  }
  options.capture = kind->second;
  options.workers = raw.workers;
  options.rekey_interval = std::chrono::seconds(raw.rekey_interval);
  if (auto wrong = check_ciphers(raw, options)) return wrong;
  return check_overlays(raw, options);
}

Fault check_rest(const Raw& raw, Options& options) {
  constexpr std::array kLevels{
      std::pair{"debug", LogLevel::debug}, std::pair{"info", LogLevel::info},
      std::pair{"warning", LogLevel::warning}, std::pair{"error", LogLevel::error}};
  const auto* level = std::find_if(kLevels.begin(), kLevels.end(),
                                   [&](const auto& l) { return raw.log_level == l.first; });
  if (level == kLevels.end()) {
    return "--log-level '" + raw.log_level + "' is none of debug, info, warning, error";
  }
  options.log_level = level->second;
  if (raw.resume && !raw.peers.empty()) {
    return "--resume takes the stored peers; leave the peer arguments out";
  }
  for (const std::string& peer : raw.peers) {
    if (auto target = gossip::Target::parse(peer); !target) {
      return "peer '" + peer + "': " + to_string(target.error());
    }
  }
  options.discovery = !raw.no_discovery;
  options.resume = raw.resume;
  options.packet_debug = raw.packet_debug;
  options.print_peer_name = raw.print_peer_name;
  options.no_masq_local = raw.no_masq_local;
  options.peers = raw.peers;
  return std::nullopt;
}

std::string summarise(const CLI::App& app, const Options& options) {
  std::vector<std::string> parts;
  for (const CLI::Option* option : app.get_options()) {
    if (option->count() == 0 || option->get_lnames().empty()) continue;
    const std::string& name = option->get_lnames().front();
    bool secret = name == "password";
    parts.push_back(name + "=" + (secret ? "***" : option->results().back()));
  }
  if (options.ipam) {
    parts.push_back("ipalloc-default-subnet=" + options.ipam->default_subnet.text());
  }
  if (!options.peers.empty()) parts.push_back("peers=" + join(options.peers, ","));
  return join(parts, " ");
}

}  // namespace

std::string usage() {
  CLI::App app;
  Raw raw;
  declare(app, raw);
  std::string text = app.help("weaver");
  text += "\nFlags of Weave's that have no meaning here, accepted with a warning:\n ";
  for (const LegacyFlag& flag : kLegacyFlags)
    text += " " + std::string(flag.name);
  return text + "\n";
}

std::variant<Options, EarlyExit> parse_options(const std::vector<std::string>& arguments,
                                               const Environment& environment) {
  Options options;
  std::vector<std::string> line = without_legacy(arguments, options.warnings);
  CLI::App app;
  Raw raw;
  declare(app, raw);
  std::reverse(line.begin(), line.end());  // CLI11 wants a vector back to front
  try {
    app.parse(line);
  } catch (const CLI::CallForHelp&) {
    return EarlyExit{.code = 0, .text = usage()};
  } catch (const CLI::ParseError& error) {
    return fault(error.what());
  }
  for (const std::string& extra : app.remaining())
    return fault(unknown_flag(app, extra));
  if (raw.version) return EarlyExit{.code = 0, .text = "weaver " WEFT_VERSION "\n"};
  for (const Fault& wrong : {check_numbers(raw, options), check_name(raw, environment, options),
                             check_host(raw, options), check_password(raw, environment, options),
                             check_trusted(raw, options), check_ipam(raw, options),
                             check_packets(raw, options), check_rest(raw, options)}) {
    if (wrong) return fault(*wrong);
  }
  options.summary = summarise(app, options);
  return options;
}

}  // namespace weft::daemon
