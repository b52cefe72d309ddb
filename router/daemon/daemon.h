// SPDX-License-Identifier: Apache-2.0
// The running weaver: everything put together, and what the HTTP API may ask of it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "crypto/sodium_rng.h"
#include "router/daemon/api.h"
#include "router/daemon/control.h"
#include "router/daemon/engine.h"
#include "router/daemon/host_network.h"
#include "router/daemon/identity.h"
#include "router/daemon/ipam_inspector.h"
#include "router/daemon/options.h"
#include "router/daemon/owed_releases.h"
#include "router/daemon/packet_edges.h"
#include "router/daemon/rules_keeper.h"
#include "router/io/http_server.h"
#include "router/io/service_manager.h"

namespace weft::daemon {

class Daemon final : public Control {
 public:
  // `store` is open and `identity` adopted by it; `stored` is what it holds.
  Daemon(Options options, Identity identity, std::unique_ptr<Store> store, StoredState stored);
  ~Daemon() override;

  // Brings everything up; a Failure says what to do. Then run() until a signal.
  std::optional<Failure> start();
  int run();

  Snapshot snapshot() const override;
  std::optional<std::string> connect(const std::vector<std::string>& targets,
                                     bool replace) override;
  void forget(const std::vector<std::string>& targets) override;
  void set_notices(std::vector<Notice> notices) override {
    notices_.set(loop_.now(), std::move(notices));
  }
  std::optional<std::string> expose(Cidr address, bool skip_nat) override;
  std::optional<std::string> hide(Cidr address) override;
  bool ipam_enabled() const override { return options_.ipam.has_value(); }
  const ipam::AllocatorConfig& ipam_config() const override;
  ipam::RequestId allocate(std::string_view ident, Cidr subnet, bool is_container,
                           IpamCallback done) override;
  ipam::RequestId claim(std::string_view ident, Cidr address, ipam::Allocator::ClaimOptions options,
                        IpamCallback done) override;
  ipam::RequestId wait_for_ring(IpamCallback done) override;
  void cancel(ipam::RequestId request) override;
  void release(std::string_view ident, IpamCallback done) override;
  void release(std::string_view ident, Ipv4Addr address, IpamCallback done) override;
  std::vector<Cidr> lookup(std::string_view ident, Cidr subnet) const override;
  const ipam::OwnedMap& owned() const override;
  void shut_down_ipam(std::function<void()> done) override;
  void check_ipam(bool fix, std::function<void(const IpamCheckReport&)> done) override;
  std::optional<std::uint64_t> take_over(std::string_view peer, bool force) override;

 private:
  peer::PeerConfig peer_config();
  std::optional<Failure> open_packets();
  std::optional<Failure> open_mesh();
  std::optional<Failure> start_packets();
  std::optional<Failure> open_api();
  std::optional<Failure> listen_http(const std::string& at, std::string_view flag,
                                     io::HttpHandler handler);
  void remember_given();
  void claim_bridge_addresses();
  void on_ring_change();
  void on_upkeep();
  void look_at_routes();
  void finish_release(Result<> released, IpamCallback done);
  bool alive(std::string_view peer) const;
  ipam::RequestId next_request(IpamCallback done);

  Options options_;
  Identity identity_;
  std::unique_ptr<Store> store_;
  StoredState stored_;
  crypto::SodiumRng rng_;
  io::EventLoop loop_;
  io::ServiceManager service_{loop_, io::ServiceEnvironment::take()};
  HostNetwork network_;
  PacketEdges edges_;  // until start_packets() hands them over
  std::vector<std::string> overlays_;
  std::string why_no_tap_;
  std::unique_ptr<peer::Peer> peer_;
  std::unique_ptr<dataplane::Dataplane> dataplane_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<MeshDriver> mesh_;
  std::unique_ptr<PacketDriver> packets_;
  Api api_{*this, {.range_tracker = options_.no_masq_local ? "no-masq-local" : ""}};
  std::vector<std::unique_ptr<io::HttpServer>> servers_;
  std::unique_ptr<RulesKeeper> rules_;
  std::unique_ptr<io::Timer> upkeep_;
  TimePoint routes_at_;  // next look at the host's routes
  std::vector<std::string> range_overlaps_;
  std::unique_ptr<IpamInspector> inspector_;
  OwedReleases owed_{*this, options_.cni_state_dir};
  Notices notices_;
  std::uint64_t last_request_ = 0;
  bool ready_ = false;
  int exit_code_ = 0;
};

}  // namespace weft::daemon
