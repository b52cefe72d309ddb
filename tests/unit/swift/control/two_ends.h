// SPDX-License-Identifier: Apache-2.0
// The control machines of one tunnel at both ends, with a stand-in for their packet workers, over
// a network and a TCP connection under virtual time. A datagram opens only if the receiving
// workers have the very keys it was sealed with, so whatever a change of keys loses is counted.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/ensure.h"
#include "router/swift/core/tunnel.h"

namespace weft::test {

using namespace std::chrono_literals;

struct NetworkFaults {
  double loss = 0;
  Duration delay = 1ms;
  Duration jitter{0};     // reorders
  double duplicates = 0;  // arrive a second time, which a replay window would not let pass
  int mtu = 1500;         // of the path; larger packets vanish
  bool main_port_only = false;
  std::optional<Endpoint> nat;  // what the accepting end sees of the dialling one's main port
  bool blocked_there = false;   // from the dialling end
  bool blocked_back = false;    // to it
  double control_loss = 0;      // which TCP does not have, but a full queue does
  double control_duplicates = 0;
  Duration control_jitter{0};
  Duration apply_delay = 2ms;  // until workers have a new Spec
};

struct TwoEndsOptions {
  bool sealed = true;  // as the dialling end sees it; the other end likewise, unless told
  Duration rekey_interval = 120s;
  std::vector<crypto::AeadChoice> dialler_aeads = crypto::usable_aeads();
  std::vector<crypto::AeadChoice> acceptor_aeads = crypto::usable_aeads();
  int mtu_ceiling = 1500;
  std::optional<bool> acceptor_sealed;
  Duration data_interval = 10ms;
};

class TwoEnds {
 public:
  using Options = TwoEndsOptions;

  struct End {
    std::unique_ptr<swift::Tunnel> tunnel;
    Endpoint address;
    std::vector<std::uint16_t> ports;
    swift::TunnelEffects out;
    std::uint64_t version = 0;
    std::optional<swift::TunnelSpec> wanted;
    std::optional<swift::TunnelSpec> applied;
    std::uint64_t applied_version = 0;
    std::set<std::uint32_t> epochs_opened;
    std::set<std::uint32_t> epochs_used;
    std::vector<swift::TaggedBody> controls;  // all that were ever sent
    std::vector<std::string> log;
    std::optional<std::string> refused;
    std::set<TimePoint> asked_at;  // heartbeats and other probes, without answers
    int data_sent = 0;
    int data_opened = 0;
    int foreign = 0;  // datagrams for which there were no keys
  };

  explicit TwoEnds(std::uint64_t seed, Options options_in = {})
      : options(std::move(options_in)), rng_(seed) {
    make(dialler, true);
    make(acceptor, false);
    dialler.tunnel->start(now, dialler.out);
    carry_out(dialler);
    acceptor.tunnel->start(now, acceptor.out);
    carry_out(acceptor);
  }

  bool both_up() const { return dialler.tunnel->up() && acceptor.tunnel->up(); }
  bool both_down() const { return !dialler.tunnel->up() && !acceptor.tunnel->up(); }

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
  End& other(const End& end) { return &end == &dialler ? acceptor : dialler; }
  // Hands `end` a control message as if the other end had sent it.
  void inject_control(End& end, const swift::TaggedBody& message) {
    (void)end.tunnel->on_control(now, message.tag, message.body, end.out);
    carry_out(end);
  }
  void carry_out(End& end) {
    for (auto& control : end.out.controls) {
      end.controls.push_back(control);
      send_control(end, control);
    }
    if (end.out.spec_changed) publish(end);
    // What is handed to workers in order arrives in order, unless they are slow to take a Spec
    // over.
    for (const auto& [stream, probe] : end.out.probes) {
      using swift::ProbeKind;
      if (probe.kind != ProbeKind::echo && probe.kind != ProbeKind::mtu_echo) {
        end.asked_at.insert(now);
      }
      later(std::min(faults.apply_delay, Duration(2ms)),
            [this, &end, s = stream, p = probe] { send_probe(end, s, p); });
    }
    for (const auto& line : end.out.log)
      end.log.push_back(line.text);
    if (end.out.refused) end.refused = end.out.refused;
    end.out = {};
  }

  Options options;
  NetworkFaults faults;
  TimePoint now{1h};
  End dialler;
  End acceptor;

 private:
  struct Datagram {
    Endpoint from;
    int size = 0;
    std::uint32_t index = 0;
    std::shared_ptr<const swift::EpochKeys> keys;  // it was sealed with; null: plain
    std::uint8_t stream = 0;
    std::optional<swift::Probe> probe;  // else data
  };

  void make(End& end, bool outbound) {
    end.address = {Ipv4Addr{outbound ? 0x0a000001U : 0x0a000002U}, 6783};
    end.ports = {40001, 40002};
    End& peer = other(end);
    peer.address = {Ipv4Addr{outbound ? 0x0a000002U : 0x0a000001U}, 6783};
    std::array<Byte, 32> key{};
    key[0] = Byte{7};
    const bool sealed =
        outbound ? options.sealed : options.acceptor_sealed.value_or(options.sealed);
    swift::TunnelConfig config{
        .link = {outbound ? 1U : 2U},
        .us = PeerName::from_u48(outbound ? 1 : 2),
        .them = PeerName::from_u48(outbound ? 2 : 1),
        .conn_uid = 77,
        .outbound = outbound,
        .tcp_remote = outbound ? peer.address : Endpoint{peer.address.ip, 51234},
        .local = end.address.ip,
        .port = 6783,
        .aeads = outbound ? options.dialler_aeads : options.acceptor_aeads,
        .stream_ports = end.ports,
        .mtu_ceiling = options.mtu_ceiling,
        .rekey_interval = options.rekey_interval};
    if (sealed) config.key.emplace(crypto::Secret<32>(key));
    end.tunnel = std::make_unique<swift::Tunnel>(config, rng_);
    later(options.data_interval, [this, &end] { send_data(end); });
  }

  void publish(End& end) {
    const std::uint64_t version = ++end.version;
    end.wanted = end.tunnel->spec();
    end.tunnel->on_published(version);
    later(faults.apply_delay, [this, &end, version, spec = end.wanted] {
      if (version < end.applied_version) return;  // a newer one was faster
      end.applied_version = version;
      end.applied = spec;
      end.tunnel->on_applied(now, version, end.out);
      carry_out(end);
    });
  }

  void send_control(End& from, const swift::TaggedBody& control) {
    const int copies = rng_.unit() < faults.control_duplicates ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      if (rng_.unit() < faults.control_loss) continue;
      later(faults.delay + random(faults.control_jitter),
            [this, &from, control] { inject_control(other(from), control); });
    }
  }

  bool can_send(const End& end) const {
    return end.applied && end.applied->remote.port != 0 &&
           (!end.applied->encrypted || end.applied->send_epoch);
  }

  void send_probe(End& end, std::uint8_t stream, const swift::Probe& probe) {
    if (!can_send(end)) return;
    const Endpoint from{end.address.ip, probe.main_port ? end.address.port : end.ports.at(stream)};
    const bool padded = probe.kind == swift::ProbeKind::mtu_probe;
    transmit(end, from, padded ? probe.packet_size : 80, stream, probe);
  }
  void send_data(End& end) {
    later(options.data_interval, [this, &end] { send_data(end); });
    if (!end.tunnel->up() || !can_send(end)) return;
    ++end.data_sent;
    transmit(end, end.address, end.applied->path_mtu, 0, std::nullopt);
  }

  void transmit(End& end, Endpoint from, int size, std::uint8_t stream,
                std::optional<swift::Probe> probe) {
    Datagram d{.from = from,
               .size = size,
               .index = end.applied->peer_index,
               .stream = stream,
               .probe = probe};
    if (end.applied->encrypted) {
      d.keys = keys(*end.applied, *end.applied->send_epoch);
      ensure(d.keys != nullptr, "sent in an epoch that the spec does not have");
      end.epochs_used.insert(d.keys->epoch);
    }
    const bool there = &end == &dialler;
    if (there ? faults.blocked_there : faults.blocked_back) return;
    if (faults.main_port_only && from.port != 6783) return;
    if (size > faults.mtu || rng_.unit() < faults.loss) return;
    Endpoint to = end.applied->remote;
    if (there && faults.nat) {
      d.from = {faults.nat->ip, static_cast<std::uint16_t>(faults.nat->port + from.port - 6783)};
    }
    End& receiver = other(end);
    const Endpoint expected = there || !faults.nat ? receiver.address : *faults.nat;
    if (to != expected) return;
    const int copies = rng_.unit() < faults.duplicates ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      later(faults.delay + random(faults.jitter), [this, &receiver, d, i] {
        if (i == 0 || d.keys == nullptr) receive(receiver, d);
      });
    }
  }

  void receive(End& end, const Datagram& d) {
    if (!end.applied || d.index != end.applied->index) return;
    if (d.keys) {
      const auto ours = keys(*end.applied, d.keys->epoch);
      if (!ours || !std::ranges::equal(ours->receive_key.reveal(), d.keys->send_key.reveal()) ||
          ours->receive_salt != d.keys->send_salt) {
        ++end.foreign;
        return;
      }
      if (end.epochs_opened.insert(d.keys->epoch).second) {
        end.tunnel->on_first_of_epoch(now, d.keys->epoch, end.out);
      }
    }
    if (d.probe) {
      end.tunnel->on_probe(
          now, {.tunnel = d.index, .stream = d.stream, .from = d.from, .probe = *d.probe}, end.out);
    } else {
      ++end.data_opened;
    }
    carry_out(end);
  }

  static std::shared_ptr<const swift::EpochKeys> keys(const swift::TunnelSpec& spec,
                                                      std::uint32_t epoch) {
    for (const auto& k : spec.epochs) {
      if (k->epoch == epoch) return k;
    }
    return nullptr;
  }
  Duration random(Duration most) {
    const auto bound = static_cast<std::uint64_t>(most.count());
    return Duration(bound == 0 ? 0 : static_cast<Duration::rep>(rng_.below(bound)));
  }
  void later(Duration d, std::function<void()> what) {
    events_.emplace(std::pair(now + d, ++order_), std::move(what));
  }

  bool step(TimePoint end) {
    std::optional<TimePoint> next;
    if (!events_.empty()) next = events_.begin()->first.first;
    for (const End* e : {&dialler, &acceptor})
      next = earliest(next, e->tunnel->next_deadline());
    if (!next || *next > end) return false;
    now = std::max(now, *next);
    if (!events_.empty() && events_.begin()->first.first <= now) {
      const auto what = std::move(events_.begin()->second);
      events_.erase(events_.begin());
      what();
      return true;
    }
    for (End* e : {&dialler, &acceptor}) {
      const auto due = e->tunnel->next_deadline();
      if (!due || *due > now) continue;
      e->tunnel->on_deadline(now, e->out);
      const auto again = e->tunnel->next_deadline();
      ensure(!again || *again > now, "a deadline that is past was left standing");
      carry_out(*e);
    }
    return true;
  }

  SeededRng rng_;
  std::map<std::pair<TimePoint, std::uint64_t>, std::function<void()>> events_;
  std::uint64_t order_ = 0;
};

}  // namespace weft::test
