// SPDX-License-Identifier: Apache-2.0
// Decides whom to dial and when: the operator's targets, and with discovery the addresses that
// peers report. Failed attempts back off; names are looked up again for every attempt. It owns no
// link: the node tells it what became of each attempt. docs/wire/gossip.md.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/rng.h"
#include "base/time_point.h"
#include "gossip/status.h"
#include "gossip/target.h"

namespace weft::gossip {

// Weave's back-off.
inline constexpr Duration kRetryFirst = std::chrono::seconds(2);
inline constexpr Duration kRetryMax = std::chrono::minutes(6);
// A connection that lived for so long was fine: it is tried again at once.
inline constexpr Duration kLivedLong = std::chrono::minutes(1);
// Hosts are often launched together, so a direct target that was never reached gets a few quick
// retries before the back-off begins. Weft only.
inline constexpr Duration kQuickRetries[] = {
    std::chrono::milliseconds(100), std::chrono::milliseconds(200), std::chrono::milliseconds(400),
    std::chrono::seconds(1)};
// Bounds on what peers' reports can make us dial.
inline constexpr std::size_t kDiscoveredMax = 4'096;
inline constexpr std::size_t kDiallingMax = 64;

class Connector {
 public:
  struct Config {
    std::uint16_t port = 6783;
    std::size_t conn_limit = 0;  // 0: none
  };
  // `rng` outlives the connector.
  Connector(Config config, Rng& rng) : config_(config), rng_(rng) {}

  // The connections of the moment, and who could be found where.
  struct Surroundings {
    std::set<PeerName> peers;
    std::set<Endpoint> remotes;
    std::set<Ipv4Addr> inbound_ips;
    std::size_t connections = 0;
    const std::map<Endpoint, PeerName>* discovered = nullptr;  // null: nobody
    // Whether whoever is at an address is reached by way of others; the name, if it is known, is
    // that of who was or is said to be there. Null: all are.
    std::function<bool(Endpoint, PeerName)> within_reach{};
  };
  struct Plan {
    std::vector<Endpoint> dial;
    std::vector<std::string> resolve;  // host names
  };
  // What is due now. Every address to dial counts as being tried from here on.
  Plan plan(TimePoint now, const Surroundings& around);
  std::optional<TimePoint> next_deadline() const;

  // The operator's targets. Adding one that is there already tries it now. True if the list
  // has changed.
  bool add(TimePoint now, const std::vector<Target>& targets, bool replace);
  bool forget(const std::vector<std::string>& texts);
  const std::vector<std::string>& texts() const { return texts_; }
  // Direct targets that may still be reached; a name counts once for each of its addresses.
  std::size_t active_count() const;
  std::size_t candidate_count() const { return candidates_.size(); }
  bool is_direct(Endpoint to) const;
  // Whether the last attempt at this address failed.
  bool failed(Endpoint to) const;

  void on_resolved(TimePoint now, std::string_view host, std::vector<Ipv4Addr> addresses,
                   std::string_view error);
  void on_dial_failed(TimePoint now, Endpoint to, std::string_view error);
  void on_connected(Endpoint to, PeerName peer);
  struct Ending {
    std::string error;
    bool never_retry = false;
    PeerName peer;  // if it got so far as to introduce itself
  };
  void on_terminated(TimePoint now, Endpoint to, Ending ending);

  // Targets that are not connected, in Weave's terms.
  void report(std::vector<LinkStatus>& out) const;

 private:
  struct BackOff {
    TimePoint due;
    Duration interval = kRetryFirst;
    std::size_t quick = 0;  // quick retries used up
  };
  struct Direct {
    Target target;
    std::vector<Ipv4Addr> addresses;
    // Only of names: whether the addresses are of this round, and whether an answer is due.
    bool fresh = false;
    bool resolving = false;
    std::string error;
    BackOff retry;  // of the look-up while there is no address
    std::uint64_t attempts = 0;
  };
  enum class State : std::uint8_t { waiting, attempting, connected, suspended };
  struct Candidate {
    State state = State::waiting;
    bool direct = false;
    bool never_retry = false;
    bool reached = false;  // it was connected once
    std::string error;
    BackOff retry;
    std::uint64_t attempts = 0;
    PeerName peer;  // who answered there last
  };

  Endpoint endpoint(const Direct& direct, Ipv4Addr address) const {
    return {address, direct.target.port.value_or(config_.port)};
  }
  void mark_direct();
  std::set<Endpoint> valid_targets(const Surroundings& around) const;
  bool worthwhile(const Direct& direct, Endpoint to, const Surroundings& around) const;
  void refresh_candidates(TimePoint now, const Surroundings& around);
  void plan_lookups(TimePoint now, Plan& plan);
  bool awaits_lookup(Endpoint to) const;
  bool has_room(Endpoint to, const Candidate& candidate, const Surroundings& around) const;
  bool due(const Candidate& candidate, TimePoint now) const {
    return candidate.state == State::waiting && !candidate.never_retry &&
           candidate.retry.due <= now;
  }
  void back_off(TimePoint now, BackOff& retry, bool quick);
  std::string target_text(Endpoint to) const;

  Config config_;
  Rng& rng_;
  std::vector<Direct> directs_;     // in the order given
  std::vector<std::string> texts_;  // of directs_
  std::map<Endpoint, Candidate> candidates_;
};

}  // namespace weft::gossip
