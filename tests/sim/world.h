// SPDX-License-Identifier: Apache-2.0
// Whole peers, unchanged, in one process under virtual time, and all that happens to them: hosts
// that crash and come back with their disk, without it or with an old one, clients that take and
// free addresses, operators. After every event what must hold is checked; the first breach stays.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "base/rng.h"
#include "router/peer/peer.h"
#include "tests/sim/go_reader.h"
#include "tests/sim/ledger.h"
#include "tests/sim/network.h"
#include "tests/sim/timeline.h"

namespace weft::sim {

struct WorldOptions {
  std::uint64_t seed = 1;
  std::size_t hosts = 3;
  std::string range = "10.32.0.0/16";
  bool password = true;
  Duration latency_max = std::chrono::milliseconds(40);
  std::uint64_t bytes_per_second = 12'500'000;
  // How hosts agree on the ring; consensus among so many as there are unless seeds are given.
  std::size_t seeds = 0;
  std::size_t observers = 0;     // the last hosts take no part in that
  std::size_t targets = 0;       // every host is told of the first so many; 0: of all
  std::size_t late = 0;          // the last hosts are not started
  std::size_t plain_gossip = 0;  // so many of the first hosts tell whole topologies, as Weave does
  std::size_t conn_limit = 200;
  std::ostream* story = nullptr;
};

class World final : private Endpoints {
 public:
  explicit World(const WorldOptions& options);
  ~World() override;

  // Time. Every event is followed by the checks of invariants.
  void run_for(Duration span);
  TimePoint now() const { return timeline_.now(); }
  std::uint64_t events() const { return events_; }
  const std::string& breach() const { return breach_.empty() ? ledger_.breach() : breach_; }

  // Hosts.
  bool up(HostId host) const { return hosts_[host].peer != nullptr; }
  void crash(HostId id, bool peers_are_told = true);  // what was stored stays
  void restart(HostId id);
  void back_up(HostId id);
  // Of hosts that are down. Who has lost the disk comes back under another name, unless it is
  // given.
  bool rewind(HostId id);
  void lose_disk(HostId id, bool keeps_name = false);
  void take_name(HostId id, HostId of);  // with an empty disk
  bool has_taken_name(HostId host) const { return hosts_[host].is_double; }
  bool names_shared() const;  // by hosts that run
  bool has_stored(HostId host) const;
  Network& network() { return network_; }

  // Clients.
  void allocate(HostId id, std::optional<Cidr> subnet = {});
  void claim(HostId id, bool lenient);
  void free_one(HostId id);
  bool cancel_one(HostId id);  // false: nobody waits
  void wait_for_ring(HostId id);
  std::size_t held() const;
  std::size_t held(HostId host) const { return hosts_[host].held.size(); }
  std::size_t waiting() const;

  // Operators.
  void connect(HostId id, const std::vector<HostId>& to, bool replace);
  void forget(HostId id, HostId which);
  void remove_peer(HostId id, PeerName gone);
  void reset(HostId id);  // hands over, forgets, goes down

  // Views.
  Rng& rng() { return rng_; }
  Ledger& ledger() { return ledger_; }
  std::size_t size() const { return hosts_.size(); }
  const peer::Peer& peer(HostId host) const { return *hosts_[host].peer; }
  PeerName name(HostId host) const { return hosts_[host].name; }
  // Names that no host has any more.
  const std::set<PeerName>& gone() const { return gone_; }
  // Addresses that are taken on the host, in ranges it owns.
  ipam::IntervalSet used(HostId id) const;
  // Empty if all hosts run, know and reach one another by right routes and have the same ring, in
  // which they own the whole range; else what is not so.
  enum class Owners { are_here, may_be_gone };
  std::string disagreement(Owners owners = Owners::are_here) const;
  void tell(const std::string& line) { timeline_.tell(line); }

 private:
  struct Disk {
    ipam::StoredAllocator allocator;
    std::vector<std::string> targets;
  };
  struct Request {
    std::string ident;
    std::optional<Cidr> claimed;
    bool lenient = false;
  };
  struct Host {
    PeerName name;
    std::string nickname;
    std::unique_ptr<SeededRng> rng{};
    std::unique_ptr<peer::Peer> peer{};
    std::uint64_t runs = 0;
    Disk disk{};
    std::map<std::string, Cidr> held{};             // what clients were told
    std::map<ipam::RequestId, Request> requests{};  // what clients wait for
    std::size_t lenient_claims = 0;                 // of this run: they go on after their answer
    std::optional<Disk> backup{};
    std::map<std::string, Cidr> backup_held{};
    PeerName backup_name{};
    std::optional<TimePoint> deadline{};
    bool is_double = false;
  };
  using PeerCall = std::function<void(peer::Peer&, peer::PeerEffects&)>;

  // Endpoints, for the network.
  std::uint64_t run_of(HostId host) const override { return up(host) ? hosts_[host].runs : 0; }
  void accept(HostId host, Endpoint local, Endpoint remote,
              const std::function<void(gossip::LinkId)>& accepted) override;
  void dialled(const LinkEnd& end, Endpoint local) override;
  void dial_failed(const LinkEnd& end, const std::string& why) override;
  void bytes(const LinkEnd& end, ByteView bytes) override;
  void drained(const LinkEnd& end) override;
  void closed(const LinkEnd& end, const std::string& why) override;
  void overlay(const LinkEnd& end, bool works) override;

  peer::PeerConfig config_of(HostId id);
  void start(HostId id);
  void new_name(HostId id);
  void call(HostId id, const PeerCall& what);
  void deadline(HostId id);
  void arm(HostId id);
  void store(HostId id, const std::vector<peer::StoreOp>& ops);
  void carry_out(HostId id, const gossip::Effect& effect);
  void read_as_weave(HostId id, const gossip::Send& send);
  void answer(HostId id, const ipam::effect::Reply& reply);
  void grant(HostId id, const std::string& ident, Cidr address);
  void breach(const std::string& what);
  void check_restored(HostId id);
  void check_books(HostId id);
  void check_bounds(HostId id);
  std::size_t runs() const;  // of all hosts so far
  std::string disagreement_of(HostId id, const std::string& ring, Owners owners) const;
  std::string ring_text(HostId id) const;
  Cidr range() const { return *Cidr::parse(options_.range); }

  WorldOptions options_;
  SeededRng rng_;
  Timeline timeline_;
  Ledger ledger_;
  std::vector<Host> hosts_;
  Network network_;
  std::set<std::pair<TimePoint, HostId>> deadlines_;
  std::set<PeerName> gone_;
  std::vector<PeerName> first_names_;
  std::uint64_t events_ = 0;
  std::uint64_t last_id_ = 0;
  std::uint64_t last_name_ = 0;
  bool routes_changed_ = false;  // in the call under way
  std::size_t turns_at_once_ = 0;
  std::string breach_;
  std::map<std::pair<HostId, gossip::LinkId>, GoReader> readers_;  // of streams without password
};

}  // namespace weft::sim
