// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/daemon.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include "base/text.h"
#include "router/daemon/degraded.h"
#include "router/daemon/footprint.h"
#include "router/daemon/ipam_words.h"
#include "router/daemon/log.h"
#include "router/daemon/worker_words.h"

namespace weft::daemon {
namespace {

// How often owed releases are looked for, and routes that came over our range.
constexpr Duration kUpkeepInterval = std::chrono::seconds(10);
constexpr Duration kRoutesInterval = std::chrono::seconds(60);
// The owner under which the bridge's own addresses are filed, as in Weave.
constexpr std::string_view kExposeIdent = "weave:expose";

Endpoint listening_at(const Options& options) {
  return {.ip = Ipv4Addr::parse(options.host).value_or(Ipv4Addr{}), .port = options.port};
}

// What the kernel cannot do, and we do without.
void tell_lacks(const PacketEdges& edges) {
  const linux_net::TapOffloads& offloads = edges.tap->offloads();
  if (!offloads.udp_segments) {
    log(LogLevel::info, "capture",
        edges.tap->name() + " has offloads: " + offloads.text() +
            "; the kernel cuts what else pods send in trains, which costs throughput");
  }
  if (!edges.sockets.front().receives_trains) {
    log(LogLevel::info, "swift",
        "datagrams are received singly, which costs throughput: the kernel joins none (UDP_GRO)");
  }
}

}  // namespace

Daemon::Daemon(Options options, Identity identity, std::unique_ptr<Store> store, StoredState stored)
    : options_(std::move(options)),
      identity_(identity),
      store_(std::move(store)),
      stored_(std::move(stored)),
      network_(options_, *store_) {}

Daemon::~Daemon() = default;

std::optional<Failure> Daemon::start() {
  if (options_.ipam) {
    if (auto failure = network_.check_range(options_.ipam->range)) return failure;
    look_at_routes();
  }
  if (auto failure = open_packets()) return failure;
  peer_ = std::make_unique<peer::Peer>(peer_config(), rng_);
  engine_ = std::make_unique<Engine>(Engine::Parts{.loop = loop_,
                                                   .peer = *peer_,
                                                   .dataplane = *dataplane_,
                                                   .store = *store_,
                                                   .on_fatal = [this](const std::string& why) {
                                                     log(LogLevel::error, "store", why);
                                                     exit_code_ = 1;
                                                     loop_.stop();
                                                   }});
  if (auto failure = start_packets()) return failure;
  if (auto failure = open_mesh()) return failure;
  engine_->attach(*mesh_, *packets_);
  engine_->on_ring_change([this] { on_ring_change(); });
  // Arguments are those of the first start: what `connect` and `forget` changed since is stored.
  const bool resume =
      options_.resume || options_.peers.empty() || stored_.given == join(options_.peers, " ");
  engine_->with_peer([&](TimePoint now, auto& out) {
    peer_->start(now, stored_.allocator, resume ? stored_.targets : options_.peers, out);
  });
  if (!resume) engine_->after_commit([this] { remember_given(); });
  claim_bridge_addresses();
  if (options_.ipam) {
    inspector_ = std::make_unique<IpamInspector>(*this, *peer_, *store_, loop_, options_.bridge);
    inspector_->claim_living();
  }
  if (auto failure = open_api()) return failure;
  rules_ = std::make_unique<RulesKeeper>(loop_, network_);
  upkeep_ = std::make_unique<io::Timer>(loop_, [this] { on_upkeep(); });
  on_upkeep();
  release_startup_pages();
  ready_ = true;
  service_.ready("serving as " + display_name(identity_.name, options_.nickname));
  return std::nullopt;
}

int Daemon::run() {
  Result<> watched = loop_.on_signals({SIGTERM, SIGINT}, [this](int signal) {
    log(LogLevel::info, "main",
        "stopping on signal " + std::to_string(signal) +
            "; bridge and pods stay connected to one another");
    ready_ = false;
    service_.stopping();
    mesh_->close_all();
    loop_.post([this] { loop_.stop(); });
  });
  if (!watched) log(LogLevel::error, "main", to_string(watched.error()));
  loop_.run();
  return exit_code_;
}

peer::PeerConfig Daemon::peer_config() {
  PeerUid uid{rng_.next() | 1};  // 0 would mean "unknown"
  peer::PeerConfig config{.node = {.name = identity_.name,
                                   .nickname = options_.nickname,
                                   .uid = uid,
                                   .password = options_.password,
                                   .port = options_.port,
                                   .conn_limit = options_.conn_limit,
                                   .discovery = options_.discovery,
                                   .trusted_subnets = options_.trusted_subnets,
                                   .overlays = overlays_},
                          .allocator = std::nullopt};
  if (options_.ipam) {
    config.allocator = ipam::AllocatorConfig{.name = identity_.name,
                                             .uid = uid,
                                             .nickname = options_.nickname,
                                             .universe = options_.ipam->range,
                                             .default_subnet = options_.ipam->default_subnet,
                                             .init = options_.ipam->init,
                                             .wall = loop_.wall_offset()};
  }
  return config;
}

std::optional<Failure> Daemon::open_packets() {
  auto opened = open_packet_edges(loop_, options_, listening_at(options_));
  if (auto* failure = std::get_if<Failure>(&opened)) return *failure;
  edges_ = std::move(std::get<PacketEdges>(opened));
  overlays_ = offered_overlays(options_, edges_);
  why_no_tap_ = edges_.why_no_tap;
  const auto port = edges_.tap ? linux_net::CapturePort::tap : linux_net::CapturePort::pair;
  if (auto failure = network_.prepare(identity_.name, stored_.exposed, port)) return failure;
  dataplane_ = std::make_unique<dataplane::Dataplane>(
      dataplane::Config{.name = identity_.name,
                        .port = options_.port,
                        .overlays = overlays_,
                        .bridge_mtu = static_cast<std::size_t>(network_.mtu()),
                        .traces = options_.packet_debug});
  return std::nullopt;
}

std::optional<Failure> Daemon::start_packets() {
  packets_ = std::make_unique<PacketDriver>(loop_, *engine_, *dataplane_, options_.packet_debug);
  packets_->start_udp(std::move(edges_.udp));
  if (!edges_.tap) {
    if (!why_no_tap_.empty()) {
      log(LogLevel::warning, "capture", "no TAP device, so libpcap and no swift: " + why_no_tap_);
    }
    std::string capture_end(linux_net::kCaptureEnd);
    auto opened = packets_->open_capture(capture_end, options_.capture_buffer_mb);
    if (opened) return std::nullopt;
    return Failure{.error = opened.error(),
                   .subject = capture_end,
                   .hint = "weaver needs CAP_NET_RAW: run it as root"};
  }
  tell_lacks(edges_);
  const auto workers = edges_.sockets.size();
  packets_->start_workers(
      {.us = identity_.name,
       .bridge_mtu = static_cast<std::size_t>(network_.mtu()),
       .ring_bytes = static_cast<std::size_t>(options_.capture_buffer_mb) * 1'000'000 / workers,
       .traces = options_.packet_debug},
      std::move(*edges_.tap), std::move(edges_.sockets));
  // The workers take all frames, whether or not swift is among the overlays.
  dataplane_->enable_swift({.aeads = allowed_aeads(options_),
                            .stream_ports = packets_->workers()->ports(),
                            .mtu_ceiling = network_.underlay_mtu(),
                            .rekey_interval = options_.rekey_interval},
                           rng_);
  return std::nullopt;
}

std::optional<Failure> Daemon::open_mesh() {
  const Endpoint at = listening_at(options_);
  mesh_ = std::make_unique<MeshDriver>(loop_, *engine_, *peer_, at.ip);
  if (auto opened = mesh_->listen(at); !opened) {
    return Failure{.error = opened.error(),
                   .subject = "TCP " + at.text(),
                   .hint = "is another weaver or Weave running? 'ss -tlpn' shows who has the port"};
  }
  log(LogLevel::info, "main", "listening on TCP and UDP " + at.text());
  return std::nullopt;
}

std::optional<Failure> Daemon::open_api() {
  if (auto failure = listen_http(options_.http_addr, "--http-addr", api_.control_handler())) {
    return failure;
  }
  if (auto failure = listen_http(options_.status_addr, "--status-addr", api_.status_handler())) {
    return failure;
  }
  return listen_http(options_.metrics_addr, "--metrics-addr", api_.metrics_handler());
}

std::optional<Failure> Daemon::listen_http(const std::string& at, std::string_view flag,
                                           io::HttpHandler handler) {
  if (at.empty()) return std::nullopt;
  auto address = io::HttpAddress::parse(at);
  if (!address) {
    return Failure{.error = address.error(),
                   .subject = std::string(flag) + " " + at,
                   .hint = "write 127.0.0.1:6784 or the path of a unix socket"};
  }
  auto server = io::HttpServer::listen(loop_, *address, std::move(handler));
  if (!server) {
    return Failure{.error = server.error(),
                   .subject = std::string(flag) + " " + at,
                   .hint = "is another weaver or Weave running there?"};
  }
  servers_.push_back(std::move(*server));
  log(LogLevel::info, "main", "HTTP for " + std::string(flag.substr(2)) + " on " + at);
  return std::nullopt;
}

void Daemon::claim_bridge_addresses() {
  if (!options_.ipam) return;
  for (const Exposed& e : network_.exposed()) {
    if (!options_.ipam->range.contains(e.address.addr())) continue;
    (void)claim(kExposeIdent, e.address, {.is_container = false, .no_error_on_unknown = true},
                [address = e.address](const IpamOutcome& outcome) {
                  const auto* refused = std::get_if<ipam::effect::Refused>(&outcome);
                  if (refused == nullptr) return;
                  log(LogLevel::warning, "ipam",
                      "the bridge's address " + address.text() + " is not ours: " +
                          refused->reason + "; 'weave hide' and 'weave expose' choose another");
                });
  }
}

void Daemon::remember_given() {
  if (auto stored = store_->set_given(join(options_.peers, " ")); !stored) {
    log(LogLevel::error, "store", store_->path() + ": " + to_string(stored.error()));
  }
}

void Daemon::on_ring_change() {
  if (!options_.no_masq_local) return;
  std::vector<IpRange> ranges;
  for (const ipam::RingEntryStatus& entry : peer_->allocator()->status().entries) {
    if (entry.peer != identity_.name) continue;
    ranges.push_back({.start = entry.token, .end = entry.token + entry.size});
  }
  network_.set_local_ranges(std::move(ranges));
}

void Daemon::on_upkeep() {
  owed_.work();
  if (loop_.now() >= routes_at_) {
    look_at_routes();
    routes_at_ = loop_.now() + kRoutesInterval;
  }
  upkeep_->arm(loop_.now() + kUpkeepInterval);
}

// A VPN may come up at any time.
void Daemon::look_at_routes() {
  if (!options_.ipam) return;
  std::vector<std::string> found = network_.range_overlaps(options_.ipam->range);
  for (const std::string& overlap : found) {
    bool known =
        std::find(range_overlaps_.begin(), range_overlaps_.end(), overlap) != range_overlaps_.end();
    if (!known) log(LogLevel::warning, "ipam", overlap);
  }
  range_overlaps_ = std::move(found);
}

Snapshot Daemon::snapshot() const {
  Snapshot s;
  s.version = WEFT_VERSION;
  s.ready = ready_;
  s.now = loop_.now();
  s.wall = loop_.wall_offset();
  s.mesh = peer_->node().status(s.now);
  for (const gossip::LinkStatus& link : s.mesh.links) {
    if (link.link) s.overlays[*link.link] = dataplane_->link_status(*link.link);
  }
  s.unicast_routes = peer_->node().unicast_routes();
  s.broadcast_routes = peer_->node().broadcast_hops_of_all();
  s.macs = dataplane_->macs();
  s.counters = dataplane_->counters();
  s.capture = packets_->capture_status();
  s.capture.why_no_tap = why_no_tap_;
  if (const swift::WorkerPool* pool = packets_->workers()) {
    s.workers = pool->counters();
    add_workers(s.workers, s.counters);
    s.orders_dropped = pool->orders_dropped();
    s.control_tap = pool->control_counters();
  }
  if (peer_->allocator() != nullptr) {
    s.ipam = peer_->allocator()->status();
    add_nicknames(s.mesh.peers, *s.ipam);
  }
  s.bridge_mtu = network_.mtu();
  s.forwarding_accepted_in = network_.forwarding().accepted_in;
  s.forwarding_problems = network_.forwarding().problems;
  s.forwarding_off = network_.forwarding_off();
  s.range_overlaps = range_overlaps_;
  s.notices = notices_.texts(s.now);
  s.degraded = degraded(s);
  return s;
}

std::optional<std::string> Daemon::connect(const std::vector<std::string>& targets, bool replace) {
  std::optional<std::string> wrong;
  engine_->with_peer([&](TimePoint now, auto& out) {
    if (auto done = peer_->connect(now, targets, replace, out); !done) {
      wrong = to_string(done.error());
    }
  });
  return wrong;
}

void Daemon::forget(const std::vector<std::string>& targets) {
  engine_->with_peer([&](TimePoint now, auto& out) { peer_->forget(now, targets, out); });
}

std::optional<std::string> Daemon::expose(Cidr address, bool skip_nat) {
  return network_.expose(address, skip_nat);
}

std::optional<std::string> Daemon::hide(Cidr address) {
  return network_.hide(address);
}

const ipam::AllocatorConfig& Daemon::ipam_config() const {
  return peer_->allocator()->config();
}

ipam::RequestId Daemon::next_request(IpamCallback done) {
  ipam::RequestId id{++last_request_};
  engine_->expect_reply(id, std::move(done));
  return id;
}

ipam::RequestId Daemon::allocate(std::string_view ident, Cidr subnet, bool is_container,
                                 IpamCallback done) {
  ipam::RequestId id = next_request(std::move(done));
  engine_->with_peer([&](TimePoint now, auto& out) {
    peer_->allocate(now, id, ident, subnet, is_container, out);
  });
  return id;
}

ipam::RequestId Daemon::claim(std::string_view ident, Cidr address,
                              ipam::Allocator::ClaimOptions options, IpamCallback done) {
  ipam::RequestId id = next_request(std::move(done));
  engine_->with_peer(
      [&](TimePoint now, auto& out) { peer_->claim(now, id, ident, address, options, out); });
  return id;
}

ipam::RequestId Daemon::wait_for_ring(IpamCallback done) {
  ipam::RequestId id = next_request(std::move(done));
  engine_->with_peer([&](TimePoint now, auto& out) { peer_->wait_for_ring(now, id, out); });
  return id;
}

void Daemon::cancel(ipam::RequestId request) {
  engine_->drop_reply(request);
  engine_->with_peer([&](TimePoint now, auto& out) { peer_->cancel(now, request, out); });
}

void Daemon::release(std::string_view ident, IpamCallback done) {
  Result<> released;
  engine_->with_peer([&](TimePoint now, auto& out) { released = peer_->release(now, ident, out); });
  if (!released && released.error().code == Errc::not_found) {
    done(ipam::effect::Refused{"Delete: no addresses for " + std::string(ident)});
    return;
  }
  finish_release(released, std::move(done));
}

void Daemon::release(std::string_view ident, Ipv4Addr address, IpamCallback done) {
  Result<> released;
  engine_->with_peer(
      [&](TimePoint now, auto& out) { released = peer_->release(now, ident, address, out); });
  if (!released && released.error().code == Errc::not_found) {
    done(ipam::effect::Refused{"Free: address " + address.text() + " not found for " +
                               std::string(ident)});
    return;
  }
  finish_release(released, std::move(done));
}

void Daemon::finish_release(Result<> released, IpamCallback done) {
  engine_->after_commit([released, done = std::move(done)] {
    if (released) {
      done(ipam::effect::Done{});
    } else {
      done(ipam::effect::Refused{to_string(released.error())});
    }
  });
}

std::vector<Cidr> Daemon::lookup(std::string_view ident, Cidr subnet) const {
  return peer_->allocator()->lookup(ident, subnet);
}

const ipam::OwnedMap& Daemon::owned() const {
  return peer_->allocator()->owned();
}

void Daemon::shut_down_ipam(std::function<void()> done) {
  engine_->with_peer([&](TimePoint now, auto& out) { peer_->shut_down_ipam(now, out); });
  engine_->after_commit(std::move(done));
}

void Daemon::check_ipam(bool fix, std::function<void(const IpamCheckReport&)> done) {
  // What was asked for before is on disk when the two are compared.
  engine_->after_commit(
      [this, fix, done = std::move(done)]() mutable { inspector_->check(fix, std::move(done)); });
}

bool Daemon::alive(std::string_view peer) const {
  auto meant = peer_->allocator()->find_peer(peer);
  return meant && peer_->node().reachable(*meant);
}

std::optional<std::uint64_t> Daemon::take_over(std::string_view peer, bool force) {
  if (!force && alive(peer)) return std::nullopt;
  std::uint64_t gained = 0;
  engine_->with_peer([&](TimePoint now, auto& out) { gained = peer_->take_over(now, peer, out); });
  return gained;
}

}  // namespace weft::daemon
