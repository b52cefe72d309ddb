// SPDX-License-Identifier: Apache-2.0
// The recorded sessions of three Weave hosts played again with our peer in the place of one: the
// two others say what they said then, when they said it. It must stay connected for as long as the
// host it stands for did, come to the same ring, and answer every request in the same way.
#include <algorithm>
#include <set>
#include <string>

#include "gossip/envelope_wire.h"
#include "gossip/link.h"
#include "ipam-crdt/gossip_state_wire.h"
#include "ipam-crdt/range_wire.h"
#include "router/peer/peer.h"
#include "tests/golden/golden.h"
#include "tests/sim/go_reader.h"

using namespace weft;
using namespace weft::gossip;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view kPassword = "wfvAwt7sj";  // of the recordings

PeerName name_of(int host) {
  return PeerName::from_u48(0x7a0000000000U + static_cast<unsigned>(host));
}
Endpoint address_of(int host, std::uint16_t port = 6783) {
  return {{0xc0a84d0aU + static_cast<unsigned>(host)}, port};  // 192.168.77.11 and onwards
}

// A request for space, a donation or a refusal, and the peer it is for.
using Answer = std::pair<PeerName, ipam::UnicastKind>;
std::optional<Answer> ipam_unicast(ByteView message) {
  if (static_cast<Tag>(message.front()) != Tag::gossip_unicast) return std::nullopt;
  auto envelope = parse_unicast_envelope(message.subspan(1));
  REQUIRE(envelope.has_value());
  auto unicast = ipam::parse_unicast(envelope->payload);
  REQUIRE(unicast.has_value());
  return Answer{envelope->destination, unicast->kind};
}

std::optional<ipam::RingData> ring_in(ByteView message) {
  auto tag = static_cast<Tag>(message.front());
  if (tag != Tag::gossip && tag != Tag::gossip_broadcast) return std::nullopt;
  auto envelope = parse_envelope(message.subspan(1));
  if (!envelope || envelope->channel != "IPallocation") return std::nullopt;
  auto state = ipam::parse_state(envelope->payload);
  return state ? state->ring : std::nullopt;
}

std::vector<std::pair<Ipv4Addr, PeerName>> owners(const std::vector<ipam::RingEntry>& entries) {
  std::vector<std::pair<Ipv4Addr, PeerName>> list;
  for (const auto& entry : entries)
    list.emplace_back(entry.token, entry.peer);
  return list;
}

class Replay {
 public:
  Replay(const std::string& session, int host, PeerUid uid)
      : password_(session == "encrypted" ? std::optional(crypto::Password(kPassword))
                                         : std::nullopt),
        host_(host),
        rng_(static_cast<std::uint64_t>(host)),
        peer_(config(uid), rng_) {
    call([&](auto& out) { peer_.start(now_, {}, {}, out); });
  }

  void play(const nlohmann::json& event) {
    pass_until(kStart + std::chrono::milliseconds(event["at"].get<std::int64_t>()));
    int connection = event["connection"];
    bool to_us = event["to"] == host_;
    if (event["what"] == "closed") return closed(connection, event["from"]);
    auto bytes = golden::hex(event["hex"]);
    bool introduces = event["what"] == "features";
    if (!to_us) return introduces ? void() : said_then(bytes);
    if (introduces) return open(connection, event["from"], bytes);
    auto stream = streams_.find(connection);
    if (stream == streams_.end()) return;  // of a connection that we have closed: reported there
    if (auto ring = ring_in(bytes)) their_ring_ = ring;
    auto unicast = ipam_unicast(bytes);
    if (unicast && unicast->second == ipam::UnicastKind::space_request)
      asked_by_.insert(name_of(event["from"]));
    Bytes framed;
    REQUIRE(stream->second.weave.send(bytes, framed));
    call([&](auto& out) { peer_.on_bytes(now_, stream->second.link, framed, out); });
  }

  void agree() const {
    for (int other = 1; other <= 3; ++other)
      CHECK(peer_.node().unicast_routes().count(name_of(other)) == 1);
    REQUIRE(their_ring_.has_value());
    auto status = peer_.allocator()->status();
    std::vector<std::pair<Ipv4Addr, PeerName>> ours;
    for (const auto& entry : status.entries)
      ours.emplace_back(entry.token, entry.peer);
    CHECK(ours == owners(their_ring_->entries));
    CHECK(allocated_.has_value() == asked_);
  }

  void end() const {
    CHECK_MESSAGE(refusals_.empty(), refusals_);
    for (const auto& answer : answered_then_)
      CHECK(answered_.count(answer) == 1);
    for (const auto& item : readers_)
      CHECK_MESSAGE(item.second.breach().empty(), item.second.breach());
  }

 private:
  static constexpr TimePoint kStart{Duration(1h)};
  struct Stream {
    LinkId link;
    Link weave;
  };

  peer::PeerConfig config(PeerUid uid) {
    auto range = *Cidr::parse("10.32.0.0/12");
    auto nickname = "host" + std::to_string(host_);
    return {
        .node = {.name = name_of(host_), .nickname = nickname, .uid = uid, .password = password_},
        .allocator = ipam::AllocatorConfig{.name = name_of(host_),
                                           .uid = uid,
                                           .nickname = nickname,
                                           .universe = range,
                                           .default_subnet = range,
                                           .init = ipam::InitConsensus{.peer_count = 3},
                                           .wall = {}}};
  }

  // What the host said that ours stands for. The first one began with an allocation; the others
  // needed an address when they asked for space.
  void said_then(ByteView message) {
    auto unicast = ipam_unicast(message);
    bool asks = unicast && unicast->second == ipam::UnicastKind::space_request;
    if (unicast && !asks && asked_by_.erase(unicast->first) != 0) answered_then_.insert(*unicast);
    bool begins = host_ == 1 && static_cast<Tag>(message.front()) == Tag::gossip_broadcast;
    if ((!asks && !begins) || std::exchange(asked_, true)) return;
    call([&](auto& out) {
      peer_.allocate(now_, {1}, "somebody", *Cidr::parse("10.32.0.0/12"), true, out);
    });
  }

  void open(int connection, int from, ByteView features) {
    auto theirs = parse_features(features);
    REQUIRE(theirs.has_value());
    std::optional<LinkId> link;
    call([&](auto& out) {
      auto port = static_cast<std::uint16_t>(40000 + connection);
      link = peer_.on_accept(now_, address_of(host_), address_of(from, port), out);
      REQUIRE(link.has_value());
      LinkOptions options{.outbound = true, .password = password_, .features = *theirs};
      if (password_) options.keys = crypto::KeyPair::generate(rng_);
      Bytes header;
      Link weave(now_, std::move(options), header);
      streams_.insert_or_assign(connection, Stream{*link, std::move(weave)});
      peer_.on_bytes(now_, *link, header, out);
    });
  }

  void closed(int connection, int by) {
    auto stream = streams_.find(connection);
    if (stream == streams_.end()) return;
    auto link = stream->second.link;
    streams_.erase(stream);
    call([&](auto& out) {
      peer_.on_closed(now_, link, by == host_ ? "closed then by us" : "closed by the peer", out);
    });
  }

  void pass_until(TimePoint when) {
    while (peer_.next_deadline() && *peer_.next_deadline() <= when) {
      now_ = std::max(now_, *peer_.next_deadline());
      call([&](auto& out) { peer_.on_deadline(now_, out); });
    }
    now_ = std::max(now_, when);
  }

  template <class What>
  void call(What what) {
    peer::PeerEffects out;
    what(out);
    for (std::size_t i = 0; i < out.mesh.size(); ++i) {
      auto effect = std::move(out.mesh[i]);
      carry_out(effect, out);
    }
    for (const auto& reply : out.replies) {
      if (const auto* got = std::get_if<ipam::effect::Allocated>(&reply.outcome)) {
        allocated_ = got->address;
      }
    }
  }

  void carry_out(const Effect& effect, peer::PeerEffects& out) {
    if (const auto* dial = std::get_if<Dial>(&effect)) {
      peer_.on_dial_failed(now_, dial->link, "nobody dialled then", out);
    } else if (const auto* send = std::get_if<Send>(&effect)) {
      deliver(send->link, send->bytes, out);
    } else if (const auto* ready = std::get_if<LinkReady>(&effect)) {
      peer_.on_overlay_established(now_, ready->link, out);
    } else if (const auto* line = std::get_if<LogLine>(&effect)) {
      last_line_ = line->text;
    } else if (const auto* close = std::get_if<Close>(&effect)) {
      refusals_ += last_line_ + "; ";
      std::erase_if(streams_, [&](const auto& item) { return item.second.link == close->link; });
    }
  }

  // Our bytes arrive at the Weave side, which reads them and goes on with the handshake.
  void deliver(LinkId link, ByteView bytes, peer::PeerEffects& out) {
    if (!password_) readers_[link].feed(bytes);
    auto found = std::find_if(streams_.begin(), streams_.end(),
                              [&](const auto& item) { return item.second.link == link; });
    if (found == streams_.end()) return;
    auto& weave = found->second.weave;
    weave.feed(bytes);
    Bytes reply;
    while (auto event = weave.next(now_, reply)) {
      const auto* message = std::get_if<Link::Message>(&*event);
      if (message == nullptr) continue;
      if (auto answer = ipam_unicast(message->body)) answered_.insert(*answer);
    }
    CHECK_MESSAGE(!weave.failed(), weave.error());
    if (!reply.empty()) peer_.on_bytes(now_, link, reply, out);
    peer_.on_drained(now_, link, out);
  }

  std::optional<crypto::Password> password_;
  int host_;
  SeededRng rng_;
  peer::Peer peer_;
  TimePoint now_ = kStart;
  std::map<int, Stream> streams_;
  std::map<LinkId, sim::GoReader> readers_;
  std::set<PeerName> asked_by_;  // for space, and what was answered then and now
  std::set<Answer> answered_then_, answered_;
  std::optional<ipam::RingData> their_ring_;
  std::optional<Cidr> allocated_;
  bool asked_ = false;
  std::string refusals_, last_line_;
};

PeerUid first_uid(const nlohmann::json& events, const std::string& session, int host) {
  for (const auto& event : events) {
    if (event["session"] != session || event["from"] != host) continue;
    if (event["what"] != "features") continue;
    auto features = parse_features(golden::hex(event["hex"]));
    REQUIRE(features.has_value());
    return {std::stoull(features->at("UID"))};
  }
  FAIL("the host has no connection");
  return {};
}

}  // namespace

TEST_CASE("golden: recorded sessions: our peer in the place of each host gives Weave's answers") {
  auto recording = golden::load("mesh_sessions.json");
  if (!recording) return;
  const auto& events = (*recording)["events"];
  for (const std::string session : {"plain", "encrypted"}) {
    for (int host = 1; host <= 3; ++host) {
      CAPTURE(session);
      CAPTURE(host);
      Replay replay(session, host, first_uid(events, session, host));
      bool settled = true;  // until the first of the hosts is stopped
      for (const auto& event : events) {
        golden::require_known(event, {"at", "connection", "from", "hex", "session", "to", "what"});
        if (event["session"] != session) continue;
        bool ends = event["what"] == "closed";
        if (ends && std::exchange(settled, false)) replay.agree();
        if (ends && host == 3) break;  // the one that was stopped
        if (event["from"] == host || event["to"] == host) replay.play(event);
      }
      CHECK_FALSE(settled);
      replay.end();
    }
  }
}
