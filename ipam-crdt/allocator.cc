// SPDX-License-Identifier: Apache-2.0
#include "ipam-crdt/allocator.h"

#include "base/ensure.h"
#include "base/text.h"
#include "ipam-crdt/internal/core.h"

namespace weft::ipam {
namespace {

Error bad(std::string_view what) {
  return {.code = Errc::bad_value, .what = what};
}

// Nothing if it is not a list of peer names.
std::optional<InitSeed> parse_seed(std::string_view list) {
  InitSeed seed;
  for (std::string_view part : split(list, ',')) {
    auto peer = PeerName::parse(trim(part));
    if (!peer || !peer->known()) return std::nullopt;
    seed.peers.push_back(*peer);
  }
  return seed;
}

}  // namespace

Result<InitMode> parse_init_mode(std::string_view text) {
  std::size_t equals = text.find('=');
  std::string_view name = text.substr(0, equals);
  bool has_value = equals != std::string_view::npos;
  std::string_view value = has_value ? text.substr(equals + 1) : "";
  InitMode mode = InitConsensus{};
  if (name == "consensus" && has_value) {
    auto count = parse_u64(value);
    if (!count || *count == 0) return bad("--ipalloc-init consensus: not a number of peers");
    mode = InitConsensus{.peer_count = static_cast<std::size_t>(*count)};
  } else if (name == "seed") {
    auto seed = parse_seed(value);
    if (!seed) return bad("--ipalloc-init seed: not a list of peer names");
    mode = std::move(*seed);
  } else if (name == "observer") {
    if (has_value) return bad("--ipalloc-init observer: takes no value");
    mode = InitObserver{};
  } else if (!text.empty() && text != "consensus") {
    return bad("--ipalloc-init: none of consensus, seed and observer");
  }
  return mode;
}

Result<> check_ranges(Cidr universe, Cidr default_subnet) {
  for (Cidr cidr : {universe, default_subnet}) {
    if (!cidr.is_subnet())
      return bad("invalid subnet - bits after network prefix are not all zero");
    if (cidr.size() < 4) return bad("invalid subnet - smaller than minimum size 4");
    if (std::uint64_t{cidr.first().value} + cidr.size() > 0xffffffffU) {
      return bad("IP allocation range reaches the end of the address space");
    }
  }
  if (!universe.range().overlaps(default_subnet.range())) {
    return bad("IP allocation default subnet does not overlap the allocation range");
  }
  return {};
}

Allocator::Allocator(AllocatorConfig config, Rng& rng, const MeshView& mesh) {
  ensure(check_ranges(config.universe, config.default_subnet).has_value(),
         "ipam: the ranges were not checked");
  core_ = std::make_unique<Core>(std::move(config), rng, mesh);
}

Allocator::~Allocator() = default;

void Allocator::start(TimePoint now, const StoredAllocator& stored, Effects& out) {
  core_->begin(now);
  core_->start(stored);
  core_->finish(out);
}

Result<> Allocator::on_gossip(TimePoint now, ByteView payload, Effects& out) {
  core_->begin(now);
  auto result = core_->receive_gossip(payload);
  core_->finish(out);
  return result;
}

Result<> Allocator::on_broadcast(TimePoint now, PeerName origin, ByteView payload, Effects& out) {
  core_->begin(now);
  auto result = core_->receive_broadcast(origin, payload);
  core_->finish(out);
  return result;
}

Result<> Allocator::on_unicast(TimePoint now, PeerName source, ByteView payload, Effects& out) {
  core_->begin(now);
  auto result = core_->receive_unicast(source, payload);
  core_->finish(out);
  return result;
}

const std::string& Allocator::last_refusal() const {
  return core_->last_refusal();
}

Bytes Allocator::state(TimePoint now) const {
  return core_->state(now);
}

Bytes Allocator::common_state() const {
  return core_->common_state();
}

void Allocator::on_peer_gone(TimePoint now, PeerName peer) {
  core_->begin(now);
  core_->peer_gone(peer);
}

void Allocator::on_deadline(TimePoint now, Effects& out) {
  core_->begin(now);
  core_->tick();
  core_->finish(out);
}

std::optional<TimePoint> Allocator::next_deadline() const {
  return core_->next_tick();
}

void Allocator::allocate(TimePoint now, RequestId id, std::string_view ident, Cidr subnet,
                         bool is_container, Effects& out) {
  core_->begin(now);
  core_->allocate(
      {.id = id, .ident = std::string(ident), .subnet = subnet, .is_container = is_container});
  core_->finish(out);
}

void Allocator::claim(TimePoint now, RequestId id, std::string_view ident, Cidr address,
                      ClaimOptions options, Effects& out) {
  core_->begin(now);
  core_->claim({.id = id, .ident = std::string(ident), .address = address, .options = options});
  core_->finish(out);
}

void Allocator::wait_for_ring(TimePoint now, RequestId id, Effects& out) {
  core_->begin(now);
  core_->prime(id);
  core_->finish(out);
}

void Allocator::cancel(TimePoint now, RequestId id, Effects& out) {
  core_->begin(now);
  core_->cancel(id);
  core_->finish(out);
}

Result<> Allocator::release(TimePoint now, std::string_view ident, Effects& out) {
  core_->begin(now);
  auto result = core_->release(ident);
  core_->finish(out);
  return result;
}

Result<> Allocator::release(TimePoint now, std::string_view ident, Ipv4Addr address, Effects& out) {
  core_->begin(now);
  auto result = core_->release(ident, address);
  core_->finish(out);
  return result;
}

void Allocator::shut_down(TimePoint now, Effects& out) {
  core_->begin(now);
  core_->shut_down();
  core_->finish(out);
}

std::uint64_t Allocator::take_over(TimePoint now, std::string_view peer, Effects& out) {
  core_->begin(now);
  std::uint64_t gained = core_->take_over(peer);
  core_->finish(out);
  return gained;
}

std::vector<Cidr> Allocator::lookup(std::string_view ident, Cidr subnet) const {
  return core_->lookup(ident, subnet);
}

const OwnedMap& Allocator::owned() const {
  return core_->owned();
}

const AllocatorConfig& Allocator::config() const {
  return core_->config();
}

AllocatorStatus Allocator::status() const {
  return core_->status();
}

AllocatorLoad Allocator::load() const {
  return core_->load();
}

std::optional<PeerName> Allocator::find_peer(std::string_view peer) const {
  return core_->find_peer(peer);
}

}  // namespace weft::ipam
