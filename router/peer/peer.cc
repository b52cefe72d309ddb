// SPDX-License-Identifier: Apache-2.0
#include "router/peer/peer.h"

#include <utility>

#include "base/ensure.h"
#include "ipam-crdt/gossip_state_wire.h"

namespace weft::peer {
namespace {

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

}  // namespace

// Node and allocator see one another only through the two read-only views; what they ask of each
// other travels as effects through settle().
class Peer::Core final : public gossip::ChannelStates, public ipam::MeshView {
 public:
  Core(PeerConfig config, Rng& rng) : node_(std::move(config.node), rng, *this) {
    if (config.allocator) allocator_.emplace(std::move(*config.allocator), rng, *this);
  }

  // gossip::ChannelStates
  bool owns(gossip::Channel channel) const override {
    return channel == gossip::Channel::ipam && allocator_.has_value();
  }
  std::optional<Bytes> state(TimePoint now, gossip::Channel channel) const override {
    if (!owns(channel)) return std::nullopt;
    return allocator_->state(now);
  }

  std::optional<std::uint64_t> hash(TimePoint, gossip::Channel channel) const override;

  // ipam::MeshView
  bool known(PeerName peer) const override { return node_.knows(peer); }
  bool reachable(PeerName peer) const override { return node_.reachable(peer); }
  std::size_t active_target_count() const override { return node_.active_target_count(); }

  gossip::Node& node() { return node_; }
  const gossip::Node& node() const { return node_; }
  ipam::Allocator& allocator() {
    ensure(allocator_.has_value(), "an IPAM call while IPAM is off");
    return *allocator_;
  }
  const ipam::Allocator* allocator_or_null() const { return allocator_ ? &*allocator_ : nullptr; }

  // Carries effects between node and allocator until what is left concerns the outside only.
  void settle(TimePoint now, gossip::Effects& raised, PeerEffects& out);
  void settle(TimePoint now, ipam::Effects& asked, PeerEffects& out);

 private:
  void handle(TimePoint now, gossip::ChannelMessage& message, gossip::Effects& raised,
              PeerEffects& out);
  void carry(TimePoint now, ipam::Effects& asked, gossip::Effects& raised, PeerEffects& out);

  gossip::Node node_;
  std::optional<ipam::Allocator> allocator_;
  // The allocator's state that was last hashed: it is asked for far more often than it changes.
  mutable Bytes hashed_;
  mutable std::uint64_t hash_ = 0;
};

std::optional<std::uint64_t> Peer::Core::hash(TimePoint, gossip::Channel channel) const {
  if (!owns(channel)) return std::nullopt;
  auto bytes = allocator_->state(TimePoint());
  if (bytes == hashed_) return hash_;
  auto common = allocator_->common_state();
  // FNV-1a: it need not withstand malice, whose worst is that a difference waits for a change.
  hash_ = 0xcbf29ce484222325;
  for (auto byte : common)
    hash_ = (hash_ ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001b3;
  hashed_ = std::move(bytes);
  return hash_;
}

void Peer::Core::settle(TimePoint now, gossip::Effects& raised, PeerEffects& out) {
  // `raised` grows while it is worked off: handling a message may make the node send.
  for (std::size_t i = 0; i < raised.size(); ++i) {
    gossip::Effect effect = std::move(raised[i]);
    if (auto* message = std::get_if<gossip::ChannelMessage>(&effect)) {
      handle(now, *message, raised, out);
      continue;
    }
    if (std::holds_alternative<gossip::TargetsChanged>(effect)) {
      out.store.emplace_back(StoreTargets{node_.targets()});
      continue;
    }
    if (auto* gone = std::get_if<gossip::PeerGone>(&effect); gone != nullptr && allocator_) {
      allocator_->on_peer_gone(now, gone->peer);
    }
    out.mesh.push_back(std::move(effect));
  }
}

void Peer::Core::settle(TimePoint now, ipam::Effects& asked, PeerEffects& out) {
  gossip::Effects raised;
  carry(now, asked, raised, out);
  settle(now, raised, out);
}

void Peer::Core::handle(TimePoint now, gossip::ChannelMessage& message, gossip::Effects& raised,
                        PeerEffects& out) {
  ensure(owns(message.channel), "the node hands up messages of owned channels only");
  ipam::Effects asked;
  auto deliver = [&]() -> Result<> {
    switch (message.delivery) {
      case gossip::Delivery::gossip:
        return allocator_->on_gossip(now, message.payload, asked);
      case gossip::Delivery::broadcast:
        return allocator_->on_broadcast(now, message.source, message.payload, asked);
      case gossip::Delivery::unicast:
        return allocator_->on_unicast(now, message.source, message.payload, asked);
    }
    return {};
  };
  Result<> accepted = deliver();
  carry(now, asked, raised, out);
  if (accepted.has_error()) {
    const std::string& refusal = allocator_->last_refusal();
    node_.on_channel_error(now, message.link,
                           refusal.empty() ? to_string(accepted.error()) : refusal, raised);
  }
}

void Peer::Core::carry(TimePoint now, ipam::Effects& asked, gossip::Effects& raised,
                       PeerEffects& out) {
  constexpr auto kIpam = gossip::Channel::ipam;
  for (ipam::Effect& effect : asked) {
    std::visit(
        Overloaded{
            [&](ipam::effect::Broadcast&) { node_.broadcast(now, kIpam, raised); },
            [&](ipam::effect::RelayBroadcast& relay) {
              node_.relay_broadcast(now, kIpam, relay.origin, raised);
            },
            [&](ipam::effect::Unicast& unicast) {
              // Without a route the message is lost, like any other: the allocator asks again.
              (void)node_.unicast(now, kIpam, unicast.destination, unicast.payload, raised);
            },
            [&](ipam::effect::StoreRing& ring) { out.store.emplace_back(std::move(ring)); },
            [&](ipam::effect::StoreOwned& owned) { out.store.emplace_back(std::move(owned)); },
            [&](ipam::effect::Reply& reply) { out.replies.push_back(std::move(reply)); },
            [&](LogLine& line) { out.mesh.emplace_back(std::move(line)); },
        },
        effect);
  }
  asked.clear();
}

Peer::Peer(PeerConfig config, Rng& rng) : core_(std::make_unique<Core>(std::move(config), rng)) {}
Peer::~Peer() = default;

void Peer::start(TimePoint now, const ipam::StoredAllocator& stored,
                 const std::vector<std::string>& targets, PeerEffects& out) {
  if (core_->allocator_or_null() != nullptr) {
    ipam::Effects asked;
    core_->allocator().start(now, stored, asked);
    core_->settle(now, asked, out);
  }
  // Bad targets were refused when the options were read; stored ones were good once.
  (void)connect(now, targets, true, out);
}

std::optional<gossip::LinkId> Peer::on_accept(TimePoint now, Endpoint local, Endpoint remote,
                                              PeerEffects& out) {
  gossip::Effects raised;
  auto link = core_->node().on_accept(now, local, remote, raised);
  core_->settle(now, raised, out);
  return link;
}

void Peer::on_dialled(TimePoint now, gossip::LinkId link, Endpoint local, PeerEffects& out) {
  gossip::Effects raised;
  core_->node().on_dialled(now, link, local, raised);
  core_->settle(now, raised, out);
}

void Peer::on_dial_failed(TimePoint now, gossip::LinkId link, std::string_view reason,
                          PeerEffects& out) {
  gossip::Effects raised;
  core_->node().on_dial_failed(now, link, reason, raised);
  core_->settle(now, raised, out);
}

void Peer::on_bytes(TimePoint now, gossip::LinkId link, ByteView bytes, PeerEffects& out) {
  gossip::Effects raised;
  core_->node().on_bytes(now, link, bytes, raised);
  core_->settle(now, raised, out);
}

void Peer::on_drained(TimePoint now, gossip::LinkId link, PeerEffects& out) {
  gossip::Effects raised;
  core_->node().on_drained(now, link, raised);
  core_->settle(now, raised, out);
}

void Peer::on_closed(TimePoint now, gossip::LinkId link, std::string_view reason,
                     PeerEffects& out) {
  gossip::Effects raised;
  core_->node().on_closed(now, link, reason, raised);
  core_->settle(now, raised, out);
}

void Peer::on_resolved(TimePoint now, std::string_view host, std::vector<Ipv4Addr> addresses,
                       std::string_view error, PeerEffects& out) {
  gossip::Effects raised;
  core_->node().on_resolved(now, host, std::move(addresses), error, raised);
  core_->settle(now, raised, out);
}

void Peer::on_deadline(TimePoint now, PeerEffects& out) {
  gossip::Effects raised;
  core_->node().on_deadline(now, raised);
  core_->settle(now, raised, out);
  if (core_->allocator_or_null() != nullptr) {
    ipam::Effects asked;
    core_->allocator().on_deadline(now, asked);
    core_->settle(now, asked, out);
  }
}

std::optional<TimePoint> Peer::next_deadline() const {
  auto mesh = core_->node().next_deadline();
  const ipam::Allocator* ipam = allocator();
  return ipam == nullptr ? mesh : earliest(mesh, ipam->next_deadline());
}

void Peer::on_overlay_established(TimePoint now, gossip::LinkId link, PeerEffects& out) {
  gossip::Effects raised;
  core_->node().on_overlay_established(now, link, raised);
  core_->settle(now, raised, out);
}

void Peer::on_overlay_failed(TimePoint now, gossip::LinkId link, std::string_view reason,
                             PeerEffects& out) {
  gossip::Effects raised;
  core_->node().on_overlay_failed(now, link, reason, raised);
  core_->settle(now, raised, out);
}

void Peer::send_overlay_control(TimePoint now, gossip::LinkId link, ByteView payload,
                                PeerEffects& out) {
  gossip::Effects raised;
  core_->node().send_overlay_control(now, link, payload, raised);
  core_->settle(now, raised, out);
}

Result<> Peer::connect(TimePoint now, const std::vector<std::string>& targets, bool replace,
                       PeerEffects& out) {
  gossip::Effects raised;
  Result<> result = core_->node().connect(now, targets, replace, raised);
  core_->settle(now, raised, out);
  return result;
}

void Peer::forget(TimePoint now, const std::vector<std::string>& targets, PeerEffects& out) {
  gossip::Effects raised;
  core_->node().forget(now, targets, raised);
  core_->settle(now, raised, out);
}

void Peer::allocate(TimePoint now, ipam::RequestId id, std::string_view ident, Cidr subnet,
                    bool is_container, PeerEffects& out) {
  ipam::Effects asked;
  core_->allocator().allocate(now, id, ident, subnet, is_container, asked);
  core_->settle(now, asked, out);
}

void Peer::claim(TimePoint now, ipam::RequestId id, std::string_view ident, Cidr address,
                 ipam::Allocator::ClaimOptions options, PeerEffects& out) {
  ipam::Effects asked;
  core_->allocator().claim(now, id, ident, address, options, asked);
  core_->settle(now, asked, out);
}

void Peer::wait_for_ring(TimePoint now, ipam::RequestId id, PeerEffects& out) {
  ipam::Effects asked;
  core_->allocator().wait_for_ring(now, id, asked);
  core_->settle(now, asked, out);
}

void Peer::cancel(TimePoint now, ipam::RequestId id, PeerEffects& out) {
  ipam::Effects asked;
  core_->allocator().cancel(now, id, asked);
  core_->settle(now, asked, out);
}

Result<> Peer::release(TimePoint now, std::string_view ident, PeerEffects& out) {
  ipam::Effects asked;
  Result<> result = core_->allocator().release(now, ident, asked);
  core_->settle(now, asked, out);
  return result;
}

Result<> Peer::release(TimePoint now, std::string_view ident, Ipv4Addr address, PeerEffects& out) {
  ipam::Effects asked;
  Result<> result = core_->allocator().release(now, ident, address, asked);
  core_->settle(now, asked, out);
  return result;
}

void Peer::shut_down_ipam(TimePoint now, PeerEffects& out) {
  ipam::Effects asked;
  core_->allocator().shut_down(now, asked);
  core_->settle(now, asked, out);
}

std::uint64_t Peer::take_over(TimePoint now, std::string_view peer, PeerEffects& out) {
  ipam::Effects asked;
  std::uint64_t gained = core_->allocator().take_over(now, peer, asked);
  core_->settle(now, asked, out);
  return gained;
}

const gossip::Node& Peer::node() const {
  return core_->node();
}
const ipam::Allocator* Peer::allocator() const {
  return core_->allocator_or_null();
}

}  // namespace weft::peer
