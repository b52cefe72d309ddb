// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/ipam/solo.h"

#include <algorithm>

#include "ipam-crdt/gossip_state_wire.h"
#include "ipam-crdt/range_wire.h"

namespace weft::ipam::test {
namespace {

std::string words(const effect::Reply& reply) {
  if (const auto* got = std::get_if<effect::Allocated>(&reply.outcome)) return got->address.text();
  if (std::holds_alternative<effect::Done>(reply.outcome)) return "done";
  if (std::holds_alternative<effect::Cancelled>(reply.outcome)) return "cancelled";
  return "refused: " + std::get<effect::Refused>(reply.outcome).reason;
}

}  // namespace

Solo::Solo(SoloConfig given) : config(std::move(given)) {
  restart();
}

void Solo::restart() {
  auto init = parse_init_mode(config.init);
  REQUIRE(init.has_value());
  Cidr universe = *Cidr::parse(config.universe);
  allocator_ = std::make_unique<Allocator>(AllocatorConfig{.name = config.name,
                                                           .uid = {7},
                                                           .nickname = "me",
                                                           .universe = universe,
                                                           .default_subnet = universe,
                                                           .init = *init,
                                                           .wall = {}},
                                           rng_, mesh_);
  Effects effects;
  StoredAllocator stored = config.disk;
  allocator_->start(now_, stored, effects);
  carry_out(effects);
}

std::string Solo::allocate(const std::string& ident, const std::string& subnet) {
  Effects effects;
  answer_.clear();
  Cidr where = *Cidr::parse(subnet.empty() ? config.universe : subnet);
  allocator_->allocate(now_, {++request_}, ident, where, false, effects);
  carry_out(effects);
  return answer_;
}

std::string Solo::claim(const std::string& ident, const std::string& address, bool no_error) {
  Effects effects;
  answer_.clear();
  allocator_->claim(now_, {++request_}, ident, *Cidr::parse(address),
                    {.no_error_on_unknown = no_error}, effects);
  carry_out(effects);
  return answer_;
}

std::string Solo::release(const std::string& ident, const std::string& address) {
  Effects effects;
  Result<> done = address.empty()
                      ? allocator_->release(now_, ident, effects)
                      : allocator_->release(now_, ident, *Ipv4Addr::parse(address), effects);
  carry_out(effects);
  return done ? "" : allocator_->last_refusal();
}

std::string Solo::hear(const RingData& ring, PeerName from) {
  Effects effects;
  Bytes update = write_ring_update(write_state({.nicknames = {}, .ring = &ring}));
  Result<> done = allocator_->on_unicast(now_, from, update, effects);
  carry_out(effects);
  return done ? "" : allocator_->last_refusal();
}

void Solo::deny(IpRange range, PeerName from) {
  Effects effects;
  REQUIRE(allocator_->on_unicast(now_, from, write_space_denied(range), effects).has_value());
  carry_out(effects);
}

void Solo::ask(IpRange range, PeerName from) {
  Effects effects;
  REQUIRE(allocator_->on_unicast(now_, from, write_space_request(range), effects).has_value());
  carry_out(effects);
}

void Solo::pass(Duration time) {
  TimePoint until = now_ + time;
  while (allocator_->next_deadline() && *allocator_->next_deadline() <= until) {
    now_ = std::max(now_, *allocator_->next_deadline());
    Effects effects;
    allocator_->on_deadline(now_, effects);
    carry_out(effects);
  }
  now_ = until;
}

RingData Solo::ring() const {
  Bytes bytes = allocator_->state(now_);
  auto state = parse_state(bytes);
  REQUIRE(state.has_value());
  return state->ring.value_or(RingData{});
}

bool Solo::said(const std::string& part) const {
  return std::any_of(said_.begin(), said_.end(),
                     [&](const std::string& line) { return line.find(part) != std::string::npos; });
}

void Solo::carry_out(const Effects& effects) {
  for (const Effect& e : effects) {
    if (const auto* ring = std::get_if<effect::StoreRing>(&e)) config.disk.ring = ring->ring;
    if (const auto* owned = std::get_if<effect::StoreOwned>(&e)) {
      config.disk.owned[owned->ident] = owned->owned;
      if (owned->owned.addresses.empty()) config.disk.owned.erase(owned->ident);
    }
    if (const auto* unicast = std::get_if<effect::Unicast>(&e)) note(*unicast);
    if (const auto* line = std::get_if<LogLine>(&e)) said_.push_back("log: " + line->text);
    if (std::holds_alternative<effect::Broadcast>(e)) said_.emplace_back("broadcast");
    if (const auto* reply = std::get_if<effect::Reply>(&e)) {
      if (reply->id.value == request_) answer_ = words(*reply);
    }
  }
}

void Solo::note(const effect::Unicast& unicast) {
  auto message = parse_unicast(unicast.payload);
  REQUIRE(message.has_value());
  if (message->kind == UnicastKind::ring_update) return said_.push_back("update");
  auto range = parse_range(message->body);
  REQUIRE(range.has_value());
  bool denied = message->kind == UnicastKind::space_denied;
  said_.push_back((denied ? "deny " : "ask ") + range->text());
}

}  // namespace weft::ipam::test
