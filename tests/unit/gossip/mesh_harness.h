// SPDX-License-Identifier: Apache-2.0
// Many mesh nodes in one process, joined by a virtual network under virtual time. Host i has the
// address 10.99.0.i and the name 7a:00:00:00:00:i; links have latency, may be cut silently or
// refused, and deliver bytes in random pieces. Everything replays from the seed.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gossip/node.h"

namespace weft::gossip::testing {

using namespace std::chrono_literals;

// What a host has for the channel IPallocation: a set of words, merged by union.
class WordChannel final : public ChannelStates {
 public:
  explicit WordChannel(bool owned) : owned_(owned) {}
  bool owns(Channel channel) const override { return owned_ && channel == Channel::ipam; }
  std::optional<Bytes> state(TimePoint, Channel) const override {
    if (words.empty()) return std::nullopt;
    std::string text;
    for (const auto& word : words)
      text += word + ",";
    return to_bytes(as_bytes(text));
  }
  void merge(ByteView payload) {
    std::string text(as_text(payload));
    for (std::size_t at = 0; at < text.size();) {
      auto end = text.find(',', at);
      words.insert(text.substr(at, end - at));
      at = end + 1;
    }
  }
  std::set<std::string> words;

 private:
  bool owned_;
};

struct HostOptions {
  std::string password{};
  bool discovery = true;
  std::size_t conn_limit = 200;
  bool owns_ipam = true;
  std::vector<Cidr> trusted{};
  std::optional<PeerName> name{};
  std::vector<std::string> overlays{"sleeve"};
  bool delta = true;
};

inline Endpoint address_of(unsigned host, std::uint16_t port = 6783) {
  return {{10U << 24 | 99U << 16 | host}, port};
}
inline PeerName name_of(unsigned host) {
  return PeerName::from_u48(std::uint64_t{0x7a} << 40 | host);
}

struct Host {
  Host(unsigned index, const HostOptions& options, Rng& rng)
      : number(index), channels(options.owns_ipam) {
    NodeConfig config{.name = options.name.value_or(name_of(index)),
                      .nickname = "host" + std::to_string(index),
                      .uid = PeerUid{rng.next() | 1},
                      .conn_limit = options.conn_limit,
                      .discovery = options.discovery,
                      .trusted_subnets = options.trusted,
                      .overlays = options.overlays,
                      .delta_gossip = options.delta};
    if (!options.password.empty()) config.password = crypto::Password(options.password);
    uid = config.uid;
    node.emplace(std::move(config), rng, channels);
  }

  unsigned number;
  PeerUid uid;
  WordChannel channels;
  std::optional<Node> node;
  std::optional<TimePoint> deadline;
  // What the node said, for tests to look at.
  std::map<LinkId, LinkReady> ready;
  std::vector<LinkGone> gone;
  std::vector<PeerGone> peers_gone;
  std::vector<std::pair<PeerName, std::string>> unicasts;
  std::vector<OverlayControl> controls;
  std::vector<LogLine> log;
  std::map<LinkId, Bytes> to_strangers;  // sent on links that were made by knock()
  std::size_t bytes_sent = 0;
  std::size_t targets_changed = 0;
  std::size_t dials = 0;
};

class Mesh {
 public:
  explicit Mesh(std::uint64_t seed = 1) : rng_(seed) {}

  TimePoint now() const { return now_; }
  Rng& rng() { return rng_; }
  Host& host(unsigned i) { return *hosts_.at(i); }
  Node& node(unsigned i) { return *host(i).node; }
  bool up(unsigned i) const { return hosts_.count(i) != 0; }
  // Switched off, overlays never report that they work.
  bool overlays_work = true;
  Duration latency = 1ms;
  std::function<void(ByteView)> on_send{};             // sees what any host sends
  std::map<std::string, std::vector<Ipv4Addr>> names;  // the DNS
  // Where nobody answers any more. A host has all addresses that end like its own.
  std::set<Ipv4Addr> dead;

  Host& start(unsigned i, HostOptions options = {}, const std::vector<std::string>& targets = {}) {
    hosts_[i] = std::make_unique<Host>(i, options, rng_);
    act(i, [&](Node& node, Effects& out) { (void)node.connect(now_, targets, false, out); });
    return host(i);
  }
  // As SIGKILL: the kernel closes its sockets.
  void kill(unsigned i) {
    hosts_.erase(i);
    for (auto it = by_end_.lower_bound({i, {}}); it != by_end_.end() && it->first.first == i;) {
      auto [end, wire] = *it++;
      close_end(wire, i, end.second);
    }
  }
  // As when the power goes: nobody is told.
  void lose_power(unsigned i) {
    hosts_.erase(i);
    std::erase_if(by_end_, [&](const auto& entry) { return entry.first.first == i; });
    for (auto& [id, wire] : wires_) {
      for (End& end : wire.ends) {
        if (end.host == i) end.host = 0;
      }
    }
  }
  void connect(unsigned i, const std::vector<std::string>& targets, bool replace = false) {
    act(i, [&](Node& node, Effects& out) { (void)node.connect(now_, targets, replace, out); });
  }
  void forget(unsigned i, const std::vector<std::string>& targets) {
    act(i, [&](Node& node, Effects& out) { node.forget(now_, targets, out); });
  }
  // Packets between the two vanish.
  void cut(unsigned a, unsigned b) { cuts_.insert(std::minmax(a, b)); }
  void heal(unsigned a, unsigned b) { cuts_.erase(std::minmax(a, b)); }

  // Runs a call of the node and carries out what it asks for.
  void act(unsigned i, const std::function<void(Node&, Effects&)>& call) {
    if (!up(i)) return;
    Effects effects;
    call(node(i), effects);
    // Carrying out one may add more at the end.
    for (std::size_t at = 0; at < effects.size(); ++at) {
      auto effect = std::move(effects[at]);
      std::visit([&](auto& value) { carry_out(i, value, effects); }, effect);
    }
    host(i).deadline = node(i).next_deadline();
  }

  bool step(TimePoint until) {
    std::optional<TimePoint> next;
    unsigned who = 0;
    for (auto& [i, host] : hosts_) {
      if (host->deadline && (!next || *host->deadline < *next)) {
        next = host->deadline;
        who = i;
      }
    }
    bool timer = next && (events_.empty() || *next < events_.begin()->first.first);
    if (!timer && events_.empty()) return false;
    auto at = timer ? *next : events_.begin()->first.first;
    if (at > until) return false;
    now_ = std::max(now_, at);
    ++steps_;
    if (timer) {
      act(who, [&](Node& node, Effects& out) { node.on_deadline(now_, out); });
      return true;
    }
    auto event = std::move(events_.begin()->second);
    events_.erase(events_.begin());
    event();
    return true;
  }
  void run_for(Duration time) {
    auto until = now_ + time;
    while (step(until)) {
    }
    now_ = until;
  }
  // True as soon as the condition holds; looked at every 10 ms.
  bool run_until(const std::function<bool()>& condition, Duration limit) {
    auto until = now_ + limit;
    while (!condition()) {
      if (now_ >= until) return false;
      run_for(10ms);
    }
    return true;
  }
  std::size_t steps() const { return steps_; }

  // Whether every host that is up knows exactly the others, by established links.
  bool converged() {
    for (auto& [i, host] : hosts_) {
      if (host->node->known_peers().size() != hosts_.size()) return false;
      if (host->node->unicast_routes().size() != hosts_.size()) return false;
    }
    return true;
  }
  bool linked(unsigned a, unsigned b) {
    for (auto& [id, link] : host(a).ready) {
      if (link.peer == node(b).name()) return true;
    }
    return false;
  }
  // The first error of a link or target of `i` that leads to the address of `to`.
  std::string error(unsigned i, unsigned to) {
    for (auto& link : node(i).status(now_).links) {
      if (link.address.ip == address_of(to).ip && !link.error.empty()) return link.error;
    }
    return {};
  }
  std::size_t wires() const { return wires_.size(); }
  // Raw access to a host's listener, for hostile clients: what arrives there as from a stranger.
  std::optional<LinkId> knock(unsigned i, Endpoint from) {
    std::optional<LinkId> id;
    act(i, [&](Node& node, Effects& out) { id = node.on_accept(now_, address_of(i), from, out); });
    return id;
  }

 private:
  struct End {
    unsigned host = 0;
    LinkId link;
  };
  struct Wire {
    End ends[2];  // the dialler first
  };
  using WireId = std::uint64_t;

  void at(Duration delay, std::function<void()> event) {
    events_.emplace(std::pair(now_ + delay, ++sequence_), std::move(event));
  }
  bool is_cut(unsigned a, unsigned b) const { return cuts_.count(std::minmax(a, b)) != 0; }

  void carry_out(unsigned i, Dial& dial, Effects&) {
    ++host(i).dials;
    at(latency, [this, i, link = dial.link, to = dial.to, uid = host(i).uid] {
      if (!up(i) || host(i).uid != uid) return;
      establish(i, link, to);
    });
  }
  void carry_out(unsigned i, Resolve& resolve, Effects&) {
    at(latency, [this, i, name = resolve.host] {
      auto found = names.find(name);
      auto addresses = found == names.end() ? std::vector<Ipv4Addr>{} : found->second;
      act(i, [&](Node& node, Effects& out) {
        node.on_resolved(now_, name, addresses, addresses.empty() ? "no such host" : "", out);
      });
    });
  }
  void carry_out(unsigned i, Send& send, Effects& effects) {
    host(i).bytes_sent += send.bytes.size();
    if (on_send) on_send(send.bytes);
    auto wire = wire_of(i, send.link);
    if (wire == 0) return append(host(i).to_strangers[send.link], send.bytes);
    deliver(wire, i, send.link, std::move(send.bytes));
    node(i).on_drained(now_, send.link, effects);
  }
  void carry_out(unsigned i, Close& close, Effects&) {
    auto wire = wire_of(i, close.link);
    if (wire != 0) close_end(wire, i, close.link);
  }
  void carry_out(unsigned i, LinkReady& ready, Effects&) {
    auto link = ready.link;
    host(i).ready.emplace(link, std::move(ready));
    if (!overlays_work) return;
    at(5 * latency, [this, i, link, uid = host(i).uid] {
      if (!up(i) || host(i).uid != uid) return;
      act(i, [&](Node& node, Effects& out) { node.on_overlay_established(now_, link, out); });
    });
  }
  void carry_out(unsigned i, LinkGone& gone, Effects&) {
    host(i).ready.erase(gone.link);
    host(i).gone.push_back(gone);
  }
  void carry_out(unsigned i, OverlayControl& control, Effects&) {
    host(i).controls.push_back(std::move(control));
  }
  void carry_out(unsigned, RoutesChanged&, Effects&) {}
  void carry_out(unsigned i, PeerGone& gone, Effects&) { host(i).peers_gone.push_back(gone); }
  void carry_out(unsigned i, ChannelMessage& message, Effects& effects) {
    if (message.delivery == Delivery::unicast) {
      host(i).unicasts.emplace_back(message.source, as_text(message.payload));
      return;
    }
    if (as_text(message.payload) == "poison,") {
      return node(i).on_channel_error(now_, message.link, "poisoned words", effects);
    }
    host(i).channels.merge(message.payload);
    if (message.delivery == Delivery::broadcast) {
      node(i).relay_broadcast(now_, message.channel, message.source, effects);
    }
  }
  void carry_out(unsigned i, TargetsChanged&, Effects&) { ++host(i).targets_changed; }
  void carry_out(unsigned i, LogLine& line, Effects&) { host(i).log.push_back(std::move(line)); }

  void establish(unsigned from, LinkId link, Endpoint to) {
    unsigned j = to.ip.value & 0xffff;
    auto fail = [&](const char* reason) {
      act(from, [&](Node& node, Effects& out) { node.on_dial_failed(now_, link, reason, out); });
    };
    if (is_cut(from, j) || dead.count(to.ip) != 0) return fail("connection timed out");
    if (!up(j) || to.port != 6783) return fail("connection refused");
    auto local = address_of(from, static_cast<std::uint16_t>(32768 + rng_.below(20000)));
    auto id = ++sequence_;
    std::optional<LinkId> accepted;
    act(j, [&](Node& node, Effects& out) {
      accepted = node.on_accept(now_, to, local, out);
      if (!accepted) return;
      wires_[id] = Wire{{{from, link}, {j, *accepted}}};
      by_end_[{from, link}] = id;
      by_end_[{j, *accepted}] = id;
    });
    if (!accepted) return fail("connection reset by peer");
    act(from, [&](Node& node, Effects& out) { node.on_dialled(now_, link, local, out); });
  }
  WireId wire_of(unsigned i, LinkId link) const {
    auto found = by_end_.find({i, link});
    return found == by_end_.end() ? 0 : found->second;
  }
  void deliver(WireId id, unsigned from, LinkId link, Bytes bytes) {
    const auto& wire = wires_.at(id);
    unsigned side = wire.ends[0].host == from && wire.ends[0].link == link ? 1 : 0;
    at(latency, [this, id, side, bytes = std::move(bytes)] {
      auto found = wires_.find(id);
      if (found == wires_.end() || is_cut(found->second.ends[0].host, found->second.ends[1].host)) {
        return;
      }
      auto end = found->second.ends[side];
      std::size_t split = rng_.below(bytes.size() + 1);
      for (auto piece : {ByteView(bytes).first(split), ByteView(bytes).subspan(split)}) {
        act(end.host, [&](Node& node, Effects& out) { node.on_bytes(now_, end.link, piece, out); });
      }
    });
  }
  // One end is gone; the other hears of it a little later, after what was sent before.
  void close_end(WireId id, unsigned by, LinkId link) {
    const auto& wire = wires_.at(id);
    auto other = wire.ends[wire.ends[0].host == by && wire.ends[0].link == link ? 1 : 0];
    by_end_.erase({by, link});
    at(latency, [this, id, other] {
      if (wires_.erase(id) == 0) return;
      if (by_end_.erase({other.host, other.link}) == 0) return;
      act(other.host, [&](Node& node, Effects& out) {
        node.on_closed(now_, other.link, "connection reset by peer", out);
      });
    });
  }

  TimePoint now_{Duration(1h)};
  SeededRng rng_;
  std::map<unsigned, std::unique_ptr<Host>> hosts_;
  std::map<WireId, Wire> wires_;
  std::map<std::pair<unsigned, LinkId>, WireId> by_end_;
  std::set<std::pair<unsigned, unsigned>> cuts_;
  std::map<std::pair<TimePoint, std::uint64_t>, std::function<void()>> events_;
  std::uint64_t sequence_ = 0;
  std::size_t steps_ = 0;
};

}  // namespace weft::gossip::testing
