// SPDX-License-Identifier: Apache-2.0
// Hosts with a data plane on the control thread and two packet workers each, joined by a UDP
// network and by TCP connections in memory, under a virtual clock. Does what the daemon's drivers
// do, and keeps what the network carried.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/ensure.h"
#include "tests/unit/dataplane/frames.h"
#include "tests/unit/dataplane/world.h"

namespace weft::test {

class SwiftWorld {
 public:
  static constexpr std::uint8_t kWorkers = 2;

  struct Host {
    PeerName name;
    Endpoint address;
    dataplane::Dataplane plane;
    dataplane::Output out;
    bool has_workers = true;
    struct Worker {
      explicit Worker(swift::Forwarder::Config config) : forwarder(config) {}
      swift::Forwarder forwarder;
      swift::Output out;
    };
    std::vector<std::unique_ptr<Worker>> workers;
    std::vector<Bytes> injected;
    std::set<gossip::LinkId> established;
    std::map<gossip::LinkId, std::string> failed;
    std::map<gossip::LinkId, std::pair<std::size_t, gossip::LinkId>> far_end;
    std::vector<std::string> log;
    std::shared_ptr<const swift::Spec> spec;
  };

  std::function<bool(ByteView)> keep = [](ByteView) {
    return true;
  };  // false: lost
  std::vector<Bytes> recorded;
  TimePoint now{1h};

  Host& host(std::size_t i) { return *hosts_[i]; }

  std::size_t add_host(bool has_workers) {
    const std::size_t i = hosts_.size();
    const PeerName name = peer_name(i + 1);
    std::vector<std::string> overlays{"sleeve"};
    if (has_workers) overlays.insert(overlays.begin(), "swift");
    hosts_.push_back(std::unique_ptr<Host>(
        new Host{.name = name,
                 .address = {Ipv4Addr{0x0a630001U + static_cast<std::uint32_t>(i)}, 6783},
                 .plane = dataplane::Dataplane({.name = name, .overlays = overlays}),
                 .has_workers = has_workers}));
    if (!has_workers) return i;
    Host& h = host(i);
    for (std::uint8_t w = 0; w < kWorkers; ++w) {
      h.workers.push_back(std::make_unique<Host::Worker>(
          swift::Forwarder::Config{.us = name, .stream = w, .workers = kWorkers}));
    }
    h.plane.enable_swift({.aeads = crypto::usable_aeads(), .stream_ports = {40000, 40001}}, rng_);
    return i;
  }

  // `a` dials `b`, with a password. Returns a's name for the link.
  gossip::LinkId connect(std::size_t a, std::size_t b) {
    const gossip::LinkId at_a{++next_link_};
    const gossip::LinkId at_b{++next_link_};
    host(a).far_end[at_a] = {b, at_b};
    host(b).far_end[at_b] = {a, at_a};
    std::array<Byte, 32> key{};
    rng_.fill(key);
    const auto ready = [&](std::size_t us, std::size_t them, gossip::LinkId link, bool outbound) {
      std::vector<std::string> overlays{"sleeve"};
      if (host(them).has_workers) overlays.insert(overlays.begin(), "swift");
      host(us).plane.on_link_ready(
          now,
          {.link = link,
           .peer = host(them).name,
           .nickname = "host" + std::to_string(them + 1),
           .conn_uid = at_a.value,
           .outbound = outbound,
           .local = host(us).address,
           .remote = outbound ? host(them).address : Endpoint{host(them).address.ip, 51234},
           .overlay_key = crypto::SessionKey(crypto::Secret<32>(key)),
           .overlays = overlays},
          host(us).out);
      carry_out(us);
    };
    ready(a, b, at_a, true);
    ready(b, a, at_b, false);
    return at_a;
  }
  void disconnect(std::size_t a, gossip::LinkId link) {
    const auto [b, at_b] = host(a).far_end.at(link);
    host(a).plane.on_link_gone(now, link);
    host(b).plane.on_link_gone(now, at_b);
    host(a).far_end.erase(link);
    host(b).far_end.erase(at_b);
    carry_out(a);
    carry_out(b);
  }

  // As the host's bridge would: to a packet worker if there are any.
  void capture(std::size_t i, const Bytes& frame, std::size_t worker = 0) {
    Host& h = host(i);
    if (!h.has_workers) {
      h.plane.on_captured(now, frame, h.out);
      return carry_out(i);
    }
    Bytes room(swift::Forwarder::kHeadroom);
    append(room, frame);
    h.workers[worker]->forwarder.on_super_frame(now, {}, room, h.workers[worker]->out);
    carry_out(i, worker);
  }

  void run_for(Duration d) {
    run_until([] { return false; }, d);
  }
  bool run_until(const std::function<bool()>& condition, Duration limit) {
    const TimePoint end = now + limit;
    while (!condition()) {
      if (!step(end)) {
        now = end;
        return condition();
      }
    }
    return true;
  }

 private:
  void later(Duration d, std::function<void()> what) {
    events_.emplace(std::pair(now + d, ++order_), std::move(what));
  }

  void carry_out(std::size_t i) {
    Host& h = host(i);
    h.plane.flush(now, h.out);
    dataplane::Output out = std::move(h.out);
    h.out = {};
    for (const auto& d : out.datagrams)
      transmit(h.address, d.to, to_bytes(out.bytes(d)));
    for (const auto& f : out.frames)
      h.injected.push_back(to_bytes(out.bytes(f)));
    for (const auto& c : out.control) {
      const auto [far, link] = h.far_end.at(c.link);
      later(1ms, [this, f = far, l = link, payload = c.payload] {
        if (!host(f).far_end.contains(l)) return;
        host(f).plane.on_control(now, l, payload, host(f).out);
        carry_out(f);
      });
    }
    for (const auto link : out.established)
      h.established.insert(link);
    for (const auto& f : out.failed)
      h.failed[f.link] = f.reason;
    for (const auto& line : out.log)
      h.log.push_back(line.text);
    tell_workers(i, out);
  }

  void tell_workers(std::size_t i, const dataplane::Output& out) {
    Host& h = host(i);
    if (out.spec) {
      h.spec = out.spec;
      for (const auto& worker : h.workers)
        worker->forwarder.apply(*out.spec);
      later(0ms, [this, i, version = out.spec->version] {
        host(i).plane.on_spec_applied(now, version, host(i).out);
        carry_out(i);
      });
    }
    for (const auto& learnt : out.learnt) {
      for (const auto& worker : h.workers)
        worker->forwarder.learn(now, learnt.mac, learnt.peer);
    }
    for (const auto& probe : out.probes) {
      auto& worker = *h.workers.at(probe.stream);
      worker.forwarder.on_probe(probe.tunnel, probe.probe, worker.out);
    }
    for (const auto& t : out.transmits) {
      auto& worker = *h.workers.front();
      worker.forwarder.on_transmit(now, t.where, out.bytes(t), worker.out);
      carry_out(i, 0);
    }
    for (std::size_t w = 0; w < h.workers.size(); ++w)
      carry_out(i, w);
  }

  void carry_out(std::size_t i, std::size_t w) {
    Host& h = host(i);
    swift::Output& out = h.workers[w]->out;
    h.workers[w]->forwarder.flush(now, out);
    const std::uint16_t own_port = static_cast<std::uint16_t>(40000 + w);
    for (const swift::Train& train : out.trains) {
      const Endpoint from{h.address.ip, train.one_source_port ? h.address.port : own_port};
      for (ByteView rest = train.bytes; !rest.empty();) {
        const std::size_t size = std::min<std::size_t>(train.segment_size, rest.size());
        transmit(from, train.to, to_bytes(rest.first(size)));
        rest = rest.subspan(size);
      }
    }
    for (const swift::Injection& injection : out.injections) {
      Bytes frame;
      for (std::size_t p = 0; p < injection.count; ++p)
        append(frame, out.pieces[injection.first + p]);
      h.injected.push_back(std::move(frame));
    }
    for (const auto& frame : out.for_control) {
      const auto hops = std::span(out.hops).subspan(frame.first_hop, frame.hop_count);
      h.plane.on_frame_for_control(now, frame, hops, h.out);
    }
    for (const auto& event : out.events)
      h.plane.on_swift_event(now, event, h.out);
    const bool news = !out.for_control.empty() || !out.events.empty();
    out.clear();
    if (news) later(0ms, [this, i] { carry_out(i); });
    if (news) h.plane.flush(now, h.out);
  }

  void transmit(Endpoint from, Endpoint to, Bytes datagram) {
    recorded.push_back(datagram);
    if (!keep(datagram) || datagram.size() > 1472 || to.port != 6783) return;
    for (std::size_t i = 0; i < hosts_.size(); ++i) {
      if (host(i).address.ip != to.ip) continue;
      later(1ms, [this, i, from, bytes = std::move(datagram)]() mutable {
        arrive(i, from, std::move(bytes));
      });
      return;
    }
  }
  // What the kernel does with the socket group.
  void arrive(std::size_t i, Endpoint from, Bytes datagram) {
    Host& h = host(i);
    const bool odd = !datagram.empty() && (datagram[0] & Byte{1}) != Byte{0};
    if (!odd || !h.has_workers) {
      h.plane.on_datagram(now, from, datagram, h.out);
      return carry_out(i);
    }
    const std::size_t w = std::to_integer<std::size_t>(datagram.at(1)) % kWorkers;
    h.workers[w]->forwarder.on_datagram(now, from, datagram, h.workers[w]->out);
    carry_out(i, w);
  }

  bool step(TimePoint end) {
    std::optional<TimePoint> next;
    if (!events_.empty()) next = events_.begin()->first.first;
    for (const auto& h : hosts_)
      next = earliest(next, h->plane.next_deadline());
    if (!next || *next > end) return false;
    now = std::max(now, *next);
    if (!events_.empty() && events_.begin()->first.first <= now) {
      auto what = std::move(events_.begin()->second);
      events_.erase(events_.begin());
      what();
      return true;
    }
    for (std::size_t i = 0; i < hosts_.size(); ++i) {
      const auto due = host(i).plane.next_deadline();
      if (!due || *due > now) continue;
      host(i).plane.on_deadline(now, host(i).out);
      carry_out(i);
    }
    return true;
  }

  SeededRng rng_{1};
  std::vector<std::unique_ptr<Host>> hosts_;
  std::map<std::pair<TimePoint, std::uint64_t>, std::function<void()>> events_;
  std::uint64_t order_ = 0;
  std::uint64_t next_link_ = 0;
};

}  // namespace weft::test
