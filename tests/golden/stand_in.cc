// SPDX-License-Identifier: Apache-2.0
#include "tests/golden/stand_in.h"

#include <algorithm>

#include "base/text.h"
#include "tests/golden/shown.h"

namespace weft::golden {
namespace {

using namespace gossip;
using nlohmann::json;

const TimePoint kStart{Duration(std::chrono::hours(1))};
const Cidr kRange = *Cidr::parse("10.32.0.0/12");

}  // namespace

PeerName name_of(int host) {
  return PeerName::from_u48(0x7a0000000000U + static_cast<unsigned>(host));
}

Endpoint address_of(int host, std::uint16_t port) {
  return {{0xc0a84d0aU + static_cast<unsigned>(host)}, port};  // 192.168.77.11 and onwards
}

void ScriptedRng::lay_bytes(ByteView bytes) {
  for (std::size_t at = 0; at < bytes.size(); at += 8) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < 8; ++i)
      word |= static_cast<std::uint64_t>(bytes[at + i]) << (8 * i);
    lay(word);
  }
}

std::uint64_t ScriptedRng::next() {
  if (script_.empty()) return rest_.next();
  auto number = script_.front();
  script_.pop_front();
  return number;
}

StandIn::StandIn(const Session& session, const Life& life, ipam::StoredAllocator stored)
    : session_(session),
      life_(life),
      stored_(std::move(stored)),
      rng_(static_cast<std::uint64_t>(life.host)),
      now_(kStart + life.from) {
  for (std::size_t i = 0; i < session.connections.size() && !uid_; ++i) {
    const auto& connection = session.connections[i];
    if (connection.opened < life.from || !connection.has(life.host)) continue;
    if (auto features = introduction(session, connection, life.host))
      uid_ = PeerUid{*parse_u64(features->at("UID"))};
  }
  REQUIRE(uid_.has_value());
}

peer::PeerConfig StandIn::config() const {
  auto nickname = "host" + std::to_string(life_.host);
  return {.node = {.name = name_of(life_.host),
                   .nickname = nickname,
                   .uid = *uid_,
                   .password = session_.password},
          .allocator = ipam::AllocatorConfig{.name = name_of(life_.host),
                                             .uid = *uid_,
                                             .nickname = nickname,
                                             .universe = kRange,
                                             .default_subnet = kRange,
                                             .init = ipam::InitConsensus{.peer_count = 3},
                                             .wall = {}}};
}

void StandIn::play() {
  peer_ = std::make_unique<peer::Peer>(config(), rng_);
  auto all = events();
  call([&](auto& out) {
    peer_->start(now_, stored_, {"192.168.77.11", "192.168.77.12", "192.168.77.13"}, out);
  });
  for (const auto& event : all) {
    pass_until(kStart + event.at);
    event.happens();
  }
  CHECK(expected_.empty());
  for (const auto& item : streams_)
    CHECK_MESSAGE(item.second.weave.breach().empty(), item.second.weave.breach());
}

std::vector<StandIn::Event> StandIn::events() {
  std::vector<Event> out;
  for (std::size_t i = 0; i < session_.connections.size(); ++i)
    add_connection(i, out);
  for (const auto& a : life_.acts) {
    auto happens = [this, &a] {
      act(a);
    };
    out.push_back({a.at, happens});
  }
  for (const auto& view : life_.views) {
    auto happens = [this, &view] {
      look(view);
    };
    out.push_back({view.at, happens});
  }
  std::stable_sort(out.begin(), out.end(), [](auto& a, auto& b) { return a.at < b.at; });
  return out;
}

void StandIn::add_connection(std::size_t index, std::vector<Event>& out) {
  const auto& c = session_.connections[index];
  if (!c.has(life_.host) || c.opened < life_.from || c.opened >= life_.until) return;
  auto opens = [this, index] {
    open(index);
  };
  out.push_back({c.opened, opens});
  for (const auto& piece : c.pieces) {
    if (piece.host == life_.host) continue;
    auto comes = [this, index, &piece] {
      hear(index, piece.bytes);
    };
    out.push_back({piece.at, comes});
  }
  if (!c.closed) return;
  auto closes = [this, index] {
    closed(index);
  };
  out.push_back({*c.closed, closes});
}

void StandIn::open(std::size_t index) {
  const auto& c = session_.connections[index];
  auto theirs = introduction(session_, c, c.other(life_.host));
  auto pending = dialling_.find(index);
  bool dials = c.dialler == life_.host;
  // A host that was about to stop took a connection and dropped it at once: as that host ours has
  // stopped already, and as the other it may not have dialled at that instant.
  if (!theirs && (!dials || pending == dialling_.end())) return;
  if (theirs) lay_connection(c);
  call([&](auto& out) {
    std::optional<LinkId> link;
    if (dials) {
      REQUIRE(pending != dialling_.end());
      link = pending->second;
      dialling_.erase(pending);
      streams_.insert_or_assign(*link, Stream{index, ear(session_, c, life_.host)});
      peer_->on_dialled(now_, *link, address_of(c.dialler, c.port), out);
    } else {
      link = peer_->on_accept(now_, address_of(c.listener), address_of(c.dialler, c.port), out);
      REQUIRE(link.has_value());
      streams_.insert_or_assign(*link, Stream{index, ear(session_, c, life_.host)});
    }
  });
  if (theirs) ++(dials ? dialled_ : accepted_);
  CHECK(rng_.used_up());
}

void StandIn::lay_connection(const RecordedConnection& connection) {
  auto ours = introduction(session_, connection, life_.host);
  auto theirs = introduction(session_, connection, connection.other(life_.host));
  rng_.lay(*parse_u64(ours->at("ConnID")));
  if (session_.password) rng_.lay_bytes(connection.key(life_.host));
  uids_[theirs->at("Name")].insert(*parse_u64(theirs->at("UID")));
}

void StandIn::hear(std::size_t index, ByteView bytes) {
  auto link = link_of(index);
  if (!link) return;
  call([&](auto& out) { peer_->on_bytes(now_, *link, bytes, out); });
}

void StandIn::closed(std::size_t index) {
  auto link = link_of(index);
  if (!link) return;
  CHECK_MESSAGE(streams_.at(*link).weave.breach().empty(), streams_.at(*link).weave.breach());
  streams_.erase(*link);
  call([&](auto& out) { peer_->on_closed(now_, *link, "closed then", out); });
}

void StandIn::act(const Act& act) {
  auto name = act.path.substr(act.path.rfind('/') + 1);
  bool container = name != "weave:expose";
  bool address = act.path.starts_with("/ip/");
  CAPTURE(act.path);
  call([&](auto& out) {
    if (act.verb == "POST") {
      expected_[++request_] = act.got;
      peer_->allocate(now_, {request_}, name, kRange, container, out);
    } else if (act.verb == "PUT") {
      expected_[++request_] = act.got;
      auto claimed = *Cidr::parse(act.got.get<std::string>());
      peer_->claim(now_, {request_}, name, claimed, {.is_container = container}, out);
    } else if (address) {
      CHECK(peer_->release(now_, name, out).has_value());
    } else if (act.path == "/peer") {
      peer_->shut_down_ipam(now_, out);
    } else {
      CHECK(peer_->take_over(now_, name, out) == act.got.get<std::uint64_t>());
    }
  });
}

void StandIn::look(const View& view) {
  CAPTURE(view.at.count());
  auto ours = shown_of(*peer_, view.shown["broadcast"]);
  forget_as_then(ours, view.shown);
  CHECK(ours == view.shown);
  for (const auto& item : streams_)
    check_said(item.second.connection, view);
}

// Ours forgets a peer that is gone a little later than Weave (docs/wire/gossip.md). One that came
// back in between it still shows under its former number: the others would have heard of that one
// from ours, and the peer have outdone it, but what they said is recorded.
void StandIn::forget_as_then(json& ours, const json& theirs) const {
  auto peers = ours["peers"];
  for (const auto& item : peers.items()) {
    const auto& name = item.key();
    const auto& record = item.value();
    CAPTURE(name);
    if (!theirs["peers"].contains(name)) {
      CHECK_FALSE(peer_->node().reachable(*PeerName::parse(name)));
      ours["peers"].erase(name);
    } else if (auto uid = theirs["peers"][name]["uid"]; uid != record["uid"]) {
      CHECK(uids_.at(name).contains(record["uid"].get<std::uint64_t>()));
      ours["peers"][name]["uid"] = uid;
    }
  }
}

// What ours has told last on a connection of its own links and of the ring is what the daemon had.
// Where that had told of no ring, it had opened this connection before it heard of one on another:
// a matter of microseconds.
void StandIn::check_said(std::size_t connection, const View& view) const {
  auto us = name_of(life_.host);
  auto then = last_told(said(session_, session_.connections[connection], life_.host), us, view.at);
  auto now = last_told(answers_.at(connection), us, view.at);
  CHECK(now["links"] == then["links"]);
  if (!then["ring"].is_null()) CHECK(now["ring"] == then["ring"]);
}

void StandIn::pass_until(TimePoint when) {
  while (peer_->next_deadline() && *peer_->next_deadline() <= when) {
    now_ = std::max(now_, *peer_->next_deadline());
    call([&](auto& out) { peer_->on_deadline(now_, out); });
  }
  now_ = std::max(now_, when);
}

template <class What>
void StandIn::call(What what) {
  peer::PeerEffects out;
  what(out);
  for (std::size_t i = 0; i < out.mesh.size(); ++i) {
    auto effect = std::move(out.mesh[i]);
    carry_out(effect, out);
  }
  for (const auto& op : out.store)
    store(op);
  for (const auto& reply : out.replies)
    take(reply);
}

void StandIn::carry_out(const Effect& effect, peer::PeerEffects& out) {
  if (const auto* to_dial = std::get_if<Dial>(&effect)) {
    dial(*to_dial, out);
  } else if (const auto* send = std::get_if<Send>(&effect)) {
    deliver(send->link, send->bytes, out);
  } else if (const auto* ready = std::get_if<LinkReady>(&effect)) {
    check_ready(*ready);
    peer_->on_overlay_established(now_, ready->link, out);
  } else if (const auto* line = std::get_if<LogLine>(&effect)) {
    last_line_ = line->text;
  } else if (const auto* close = std::get_if<Close>(&effect)) {
    CHECK_MESSAGE(false, "ours closed a connection: " << last_line_);
    streams_.erase(close->link);
  }
}

// What the data plane is told: by the connection's number it knows the other end's heartbeats.
void StandIn::check_ready(const LinkReady& ready) const {
  const auto& c = session_.connections[streams_.at(ready.link).connection];
  auto number = [&](int host) {
    return *parse_u64(introduction(session_, c, host)->at("ConnID"));
  };
  CHECK(ready.conn_uid == (number(c.dialler) ^ number(c.listener)));
  CHECK(ready.outbound == (c.dialler == life_.host));
  CHECK(ready.peer == name_of(c.other(life_.host)));
  CHECK(ready.overlay_key.has_value() == session_.password.has_value());
  CHECK(ready.overlays == std::vector<std::string>{"sleeve"});
}

// The connection that the daemon dialled next to that address; if there is none, nobody listened.
void StandIn::dial(const Dial& dial, peer::PeerEffects& out) {
  for (std::size_t i = 0; i < session_.connections.size(); ++i) {
    const auto& c = session_.connections[i];
    bool fits = c.dialler == life_.host && address_of(c.listener) == dial.to &&
                kStart + c.opened >= now_ && c.opened < life_.until && !dialling_.contains(i);
    if (fits) return void(dialling_.emplace(i, dial.link));
  }
  peer_->on_dial_failed(now_, dial.link, "nobody dialled then", out);
}

void StandIn::deliver(LinkId link, ByteView bytes, peer::PeerEffects& out) {
  auto found = streams_.find(link);
  if (found == streams_.end()) return;
  auto& stream = found->second;
  if (!session_.password) stream.weave.feed(bytes);
  stream.ear.feed(bytes);
  auto passed = std::chrono::duration_cast<Millis>(now_ - kStart);
  Bytes unsaid;
  while (auto event = stream.ear.next({}, unsaid))
    answers_[stream.connection].push_back({passed, std::move(*event)});
  CHECK_MESSAGE(!stream.ear.failed(), stream.ear.error());
  peer_->on_drained(now_, link, out);
}

void StandIn::store(const peer::StoreOp& op) {
  if (const auto* ring = std::get_if<ipam::effect::StoreRing>(&op)) {
    stored_.ring = ring->ring;
  } else if (const auto* owned = std::get_if<ipam::effect::StoreOwned>(&op)) {
    stored_.owned.erase(owned->ident);
    if (!owned->owned.addresses.empty()) stored_.owned[owned->ident] = owned->owned;
  }
}

void StandIn::take(const ipam::effect::Reply& reply) {
  auto expected = expected_.find(reply.id.value);
  REQUIRE(expected != expected_.end());
  if (const auto* got = std::get_if<ipam::effect::Allocated>(&reply.outcome)) {
    CHECK(got->address.text() == expected->second);
  } else {
    CHECK(std::holds_alternative<ipam::effect::Done>(reply.outcome));
  }
  expected_.erase(expected);
}

std::optional<LinkId> StandIn::link_of(std::size_t connection) const {
  for (const auto& item : streams_) {
    if (item.second.connection == connection) return item.first;
  }
  return std::nullopt;
}

}  // namespace weft::golden
