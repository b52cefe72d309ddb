// SPDX-License-Identifier: Apache-2.0
// A few data planes joined by a UDP network and by TCP connections that exist in memory only, under
// a virtual clock. The network loses, delays, reorders, refuses, translates addresses and keeps
// what it carried, so that tests can look for what must not be there.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/ensure.h"
#include "base/rng.h"
#include "router/dataplane/dataplane.h"

namespace weft::test {

using namespace std::chrono_literals;

inline PeerName peer_name(std::uint64_t n) {
  return PeerName::from_u48(0x7a0000000000U + n);
}

struct Faults {
  double loss = 0;
  Duration delay = 1ms;
  Duration jitter{0};           // reorders
  int path_mtu = 1500;          // the kernel knows it: EMSGSIZE
  int silent_mtu = 65535;       // nobody knows it: datagrams with DF vanish
  bool drop_fragments = false;  // what is larger than path_mtu and has no DF vanishes
};

struct Host {
  PeerName name;
  Endpoint address;
  std::unique_ptr<dataplane::Dataplane> plane;
  dataplane::Output out;
  std::vector<Bytes> injected;
  std::map<gossip::LinkId, std::string> failed;
  std::set<gossip::LinkId> established;
  std::vector<LogLine> log;
  std::map<gossip::LinkId, std::pair<std::size_t, gossip::LinkId>> far_end;
  int controls_sent = 0;
};

class World {
 public:
  explicit World(std::uint64_t seed) : rng_(seed) {}

  Faults faults;
  // (from host, to host): datagrams that are dropped although the network is well.
  std::set<std::pair<std::size_t, std::size_t>> blocked;
  // Source address that others see instead of a host's own.
  std::map<std::size_t, Endpoint> nat;
  std::function<bool(const Bytes&)> keep;  // false: the datagram is lost
  bool record = false;
  bool traces = false;  // of hosts that are added later
  std::vector<Bytes> recorded;
  std::size_t datagrams_largest = 0;

  TimePoint now() const { return now_; }
  Host& host(std::size_t i) { return *hosts_[i]; }
  dataplane::Dataplane& plane(std::size_t i) { return *hosts_[i]->plane; }

  std::size_t add_host(std::size_t bridge_mtu = 65535) {
    const std::size_t i = hosts_.size();
    auto made = std::make_unique<Host>();
    made->name = peer_name(i + 1);
    made->address = {Ipv4Addr{0x0a630000U + static_cast<std::uint32_t>(i) + 1}, 6783};
    made->plane = std::make_unique<dataplane::Dataplane>(
        dataplane::Config{.name = made->name, .bridge_mtu = bridge_mtu, .traces = traces});
    hosts_.push_back(std::move(made));
    return i;
  }

  struct LinkOptions {
    std::optional<std::string> password;
    std::vector<std::string> overlays{"sleeve"};
  };
  // `a` dials `b`. Returns a's name for the link.
  gossip::LinkId connect(std::size_t a, std::size_t b, const LinkOptions& options) {
    const gossip::LinkId at_a{++next_link_};
    const gossip::LinkId at_b{++next_link_};
    const std::uint64_t uid = rng_.next();
    Host& dialler = host(a);
    Host& acceptor = host(b);
    dialler.far_end[at_a] = {b, at_b};
    acceptor.far_end[at_b] = {a, at_a};
    gossip::LinkReady ready{.link = at_a,
                            .peer = acceptor.name,
                            .nickname = "host" + std::to_string(b + 1),
                            .conn_uid = uid,
                            .outbound = true,
                            .local = {dialler.address.ip, 40000},
                            .remote = acceptor.address,
                            .overlay_key = key(options.password),
                            .overlays = options.overlays};
    dialler.plane->on_link_ready(now_, ready, dialler.out);
    carry_out(a);
    ready.link = at_b;
    ready.peer = dialler.name;
    ready.nickname = "host" + std::to_string(a + 1);
    ready.outbound = false;
    ready.local = acceptor.address;
    ready.remote = {seen_address(a).ip, 40000};
    acceptor.plane->on_link_ready(now_, ready, acceptor.out);
    carry_out(b);
    return at_a;
  }
  void disconnect(std::size_t a, gossip::LinkId link) {
    const auto [b, at_b] = host(a).far_end.at(link);
    plane(a).on_link_gone(now_, link);
    plane(b).on_link_gone(now_, at_b);
    host(a).far_end.erase(link);
    host(b).far_end.erase(at_b);
  }
  gossip::LinkId far_link(std::size_t a, gossip::LinkId link) {
    return host(a).far_end.at(link).second;
  }

  void capture(std::size_t i, const Bytes& frame) { capture(i, std::vector<Bytes>{frame}); }
  // One batch.
  void capture(std::size_t i, const std::vector<Bytes>& frames) {
    for (const Bytes& frame : frames)
      plane(i).on_captured(now_, frame, host(i).out);
    carry_out(i);
  }
  void deliver(std::size_t i, Endpoint from, Bytes datagram) {
    plane(i).on_datagram(now_, from, datagram, host(i).out);
    carry_out(i);
  }

  void run_for(Duration duration) {
    const TimePoint end = now_ + duration;
    while (step(end)) {
    }
    now_ = end;
  }
  // Runs until the condition holds; false if it does not within `limit`.
  bool run_until(const std::function<bool()>& condition, Duration limit) {
    const TimePoint end = now_ + limit;
    while (!condition()) {
      if (!step(end)) return false;
    }
    return true;
  }

 private:
  struct Flying {
    std::size_t to = 0;
    Endpoint from;
    Bytes bytes;
    gossip::LinkId link;  // of a control message
    bool control = false;
  };

  std::optional<crypto::SessionKey> key(const std::optional<std::string>& password) {
    if (!password) return std::nullopt;
    std::array<Byte, 32> bytes{};
    SeededRng(rng_.next()).fill(bytes);
    return crypto::SessionKey(crypto::Secret<32>(bytes));
  }

  Endpoint seen_address(std::size_t i) const {
    const auto translated = nat.find(i);
    return translated == nat.end() ? hosts_[i]->address : translated->second;
  }
  std::optional<std::size_t> host_at(Endpoint address) const {
    for (std::size_t i = 0; i < hosts_.size(); ++i) {
      if (seen_address(i) == address) return i;
    }
    return std::nullopt;
  }

  // Does what the driver of a data plane does.
  void carry_out(std::size_t i) {
    Host& h = host(i);
    std::map<gossip::LinkId, int> refused;
    h.plane->flush(now_, h.out);
    for (const auto& d : h.out.datagrams) {
      if (!transmit(i, d)) refused[d.link] = faults.path_mtu;
    }
    for (const auto& f : h.out.frames)
      h.injected.push_back(to_bytes(h.out.bytes(f)));
    for (const auto& c : h.out.control) {
      ++h.controls_sent;
      const auto end = h.far_end.find(c.link);
      if (end == h.far_end.end()) continue;
      fly(now_ + faults.delay, {.to = end->second.first,
                                .bytes = c.payload,
                                .link = end->second.second,
                                .control = true});
    }
    for (const auto link : h.out.established)
      h.established.insert(link);
    for (const auto& f : h.out.failed)
      h.failed[f.link] = f.reason;
    for (const auto& line : h.out.log)
      h.log.push_back(line);
    h.out.clear();
    if (refused.empty()) return;
    for (const auto& [link, mtu] : refused)
      h.plane->on_path_mtu(now_, link, mtu, h.out);
    carry_out_again_.push_back(i);
  }

  // False: EMSGSIZE.
  bool transmit(std::size_t i, const dataplane::Datagram& d) {
    const Bytes bytes = to_bytes(host(i).out.bytes(d));
    const int ip_size = static_cast<int>(bytes.size()) + 28;
    if (d.df && ip_size > faults.path_mtu) return false;
    datagrams_largest = std::max(datagrams_largest, bytes.size());
    if (record) recorded.push_back(bytes);
    const auto to = host_at(d.to);
    if (!to || blocked.contains({i, *to})) return true;
    if (!d.df && ip_size > faults.path_mtu && faults.drop_fragments) return true;
    if (d.df && ip_size > faults.silent_mtu) return true;
    if (rng_.unit() < faults.loss || (keep && !keep(bytes))) return true;
    const auto jitter = static_cast<std::uint64_t>(faults.jitter.count());
    const Duration extra{jitter == 0 ? 0 : static_cast<Duration::rep>(rng_.below(jitter))};
    fly(now_ + faults.delay + extra, {.to = *to, .from = seen_address(i), .bytes = bytes});
    return true;
  }

  void fly(TimePoint when, Flying what) {
    flying_.emplace(std::pair(when, ++order_), std::move(what));
  }

  // The next event up to `end`; false if there is none.
  bool step(TimePoint end) {
    while (!carry_out_again_.empty()) {
      const std::size_t i = carry_out_again_.front();
      carry_out_again_.pop_front();
      carry_out(i);
    }
    std::optional<TimePoint> next;
    if (!flying_.empty()) next = flying_.begin()->first.first;
    for (const auto& h : hosts_)
      next = earliest(next, h->plane->next_deadline());
    if (!next || *next > end) return false;
    now_ = std::max(now_, *next);
    if (!flying_.empty() && flying_.begin()->first.first <= now_) {
      const Flying what = std::move(flying_.begin()->second);
      flying_.erase(flying_.begin());
      arrive(what);
      return true;
    }
    for (std::size_t i = 0; i < hosts_.size(); ++i) {
      const auto due = plane(i).next_deadline();
      if (!due || *due > now_) continue;
      plane(i).on_deadline(now_, host(i).out);
      const auto again = plane(i).next_deadline();
      ensure(!again || *again > now_, "world: a deadline that is past was left standing");
      carry_out(i);
    }
    return true;
  }

  void arrive(const Flying& what) {
    Host& h = host(what.to);
    if (what.control) {
      if (!h.far_end.contains(what.link)) return;
      h.plane->on_control(now_, what.link, what.bytes, h.out);
    } else {
      Bytes bytes = what.bytes;
      h.plane->on_datagram(now_, what.from, bytes, h.out);
    }
    carry_out(what.to);
  }

  SeededRng rng_;
  TimePoint now_{1h};
  std::vector<std::unique_ptr<Host>> hosts_;
  std::map<std::pair<TimePoint, std::uint64_t>, Flying> flying_;
  std::deque<std::size_t> carry_out_again_;
  std::uint64_t order_ = 0;
  std::uint64_t next_link_ = 0;
};

}  // namespace weft::test
