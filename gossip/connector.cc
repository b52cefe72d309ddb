// SPDX-License-Identifier: Apache-2.0
#include "gossip/connector.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace weft::gossip {
namespace {

LinkState state_of(bool under_way, const std::string& error) {
  if (under_way) return error.empty() ? LinkState::connecting : LinkState::retrying;
  return error.empty() ? LinkState::waiting : LinkState::failed;
}

}  // namespace

Connector::Plan Connector::plan(TimePoint now, const Surroundings& around) {
  Plan plan;
  refresh_candidates(now, around);
  plan_lookups(now, plan);
  std::size_t dialling = 0;
  for (const auto& [to, candidate] : candidates_) {
    if (candidate.state == State::attempting) ++dialling;
  }
  std::set<Endpoint> dialled;
  for (auto& [to, candidate] : candidates_) {
    if (!due(candidate, now) || awaits_lookup(to)) continue;
    if (!has_room(to, candidate, around)) {
      candidate.error =
          "connection limit (" + std::to_string(config_.conn_limit) + ") reached on this host";
      back_off(now, candidate.retry, false);
      continue;
    }
    // What the operator named is dialled at once, reports of peers in turn.
    if (!candidate.direct && dialling >= kDiallingMax) continue;
    ++dialling;
    ++candidate.attempts;
    candidate.state = State::attempting;
    plan.dial.push_back(to);
    dialled.insert(to);
  }
  for (auto& direct : directs_) {
    for (auto address : direct.addresses) {
      if (dialled.count(endpoint(direct, address)) != 0) direct.fresh = false;
    }
  }
  return plan;
}

// At the limit only those are dialled of whom nothing is heard: they may be the other part of a
// mesh that has fallen apart, where all have as many connections as they may, too.
bool Connector::has_room(Endpoint to, const Candidate& candidate,
                         const Surroundings& around) const {
  if (config_.conn_limit == 0 || around.connections < config_.conn_limit) return true;
  if (!around.within_reach) return false;
  auto peer = candidate.peer;
  if (!peer.known() && around.discovered != nullptr) {
    auto said = around.discovered->find(to);
    if (said != around.discovered->end()) peer = said->second;
  }
  return !around.within_reach(to, peer);
}

std::optional<TimePoint> Connector::next_deadline() const {
  std::optional<TimePoint> next;
  std::size_t dialling = 0;
  for (const auto& [to, candidate] : candidates_) {
    if (candidate.state == State::attempting) ++dialling;
  }
  for (const auto& [to, candidate] : candidates_) {
    if (candidate.state != State::waiting || candidate.never_retry || awaits_lookup(to)) continue;
    // The end of an attempt, not a clock, makes room for these.
    if (!candidate.direct && dialling >= kDiallingMax) continue;
    next = earliest(next, candidate.retry.due);
  }
  for (const auto& direct : directs_) {
    if (direct.target.address || direct.resolving) continue;
    if (direct.addresses.empty()) next = earliest(next, direct.retry.due);
  }
  return next;
}

bool Connector::add(TimePoint now, const std::vector<Target>& targets, bool replace) {
  auto before = texts_;
  if (replace) {
    auto kept = [&](const Direct& direct) {
      return std::any_of(targets.begin(), targets.end(),
                         [&](const Target& target) { return target.text == direct.target.text; });
    };
    std::erase_if(directs_, [&](const Direct& direct) { return !kept(direct); });
  }
  for (const auto& target : targets) {
    auto same = std::find_if(directs_.begin(), directs_.end(), [&](const Direct& direct) {
      return direct.target.text == target.text;
    });
    if (same == directs_.end()) {
      directs_.push_back(Direct{.target = target});
      same = std::prev(directs_.end());
      if (target.address) same->addresses = {*target.address};
    }
    same->retry = BackOff{.due = now};
    for (auto address : same->addresses) {
      auto candidate = candidates_.find(endpoint(*same, address));
      if (candidate == candidates_.end()) continue;
      candidate->second.retry = BackOff{.due = now};
      candidate->second.never_retry = false;
    }
  }
  mark_direct();
  return texts_ != before;
}

bool Connector::forget(const std::vector<std::string>& texts) {
  auto removed = std::erase_if(directs_, [&](const Direct& direct) {
    return std::find(texts.begin(), texts.end(), direct.target.text) != texts.end();
  });
  mark_direct();
  return removed != 0;
}

std::size_t Connector::active_count() const {
  std::set<Endpoint> active;
  std::size_t unresolved = 0;
  for (const auto& direct : directs_) {
    if (direct.addresses.empty()) ++unresolved;
    for (auto address : direct.addresses) {
      auto to = endpoint(direct, address);
      auto candidate = candidates_.find(to);
      if (candidate == candidates_.end() || !candidate->second.never_retry) active.insert(to);
    }
  }
  return active.size() + unresolved;
}

bool Connector::is_direct(Endpoint to) const {
  auto candidate = candidates_.find(to);
  return candidate != candidates_.end() && candidate->second.direct;
}

bool Connector::failed(Endpoint to) const {
  auto candidate = candidates_.find(to);
  return candidate != candidates_.end() && !candidate->second.error.empty();
}

void Connector::on_resolved(TimePoint now, std::string_view host, std::vector<Ipv4Addr> addresses,
                            std::string_view error) {
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  for (auto& direct : directs_) {
    if (direct.target.host != host || !direct.resolving) continue;
    direct.resolving = false;
    direct.fresh = true;
    ++direct.attempts;
    if (!addresses.empty()) {
      direct.addresses = addresses;
      direct.error.clear();
      direct.retry = BackOff{.due = now};
      continue;
    }
    // Old addresses are better than none while the name server is away.
    direct.error = "cannot resolve '" + direct.target.host +
                   "': " + (error.empty() ? std::string("no address") : std::string(error));
    back_off(now, direct.retry, true);
  }
  mark_direct();
}

void Connector::on_dial_failed(TimePoint now, Endpoint to, std::string_view error) {
  auto found = candidates_.find(to);
  if (found == candidates_.end()) return;
  auto& candidate = found->second;
  candidate.state = State::waiting;
  candidate.error = "dial " + to.text() + ": " + std::string(error);
  back_off(now, candidate.retry, candidate.direct && !candidate.reached);
}

void Connector::on_connected(Endpoint to, PeerName peer) {
  auto found = candidates_.find(to);
  if (found == candidates_.end()) return;
  auto& candidate = found->second;
  candidate.state = State::connected;
  candidate.reached = true;
  candidate.peer = peer;
}

void Connector::on_terminated(TimePoint now, Endpoint to, Ending ending) {
  auto found = candidates_.find(to);
  if (found == candidates_.end()) return;
  auto& candidate = found->second;
  candidate.state = State::waiting;
  candidate.error = std::move(ending.error);
  if (ending.peer.known()) candidate.peer = ending.peer;
  candidate.never_retry = ending.never_retry;
  if (ending.never_retry) return;
  if (now > candidate.retry.due + kLivedLong) {
    candidate.retry = BackOff{.due = now, .quick = std::size(kQuickRetries)};
  } else {
    back_off(now, candidate.retry, false);
  }
}

void Connector::mark_direct() {
  texts_.clear();
  for (auto& [to, candidate] : candidates_)
    candidate.direct = false;
  for (const auto& direct : directs_) {
    texts_.push_back(direct.target.text);
    for (auto address : direct.addresses) {
      auto candidate = candidates_.find(endpoint(direct, address));
      if (candidate != candidates_.end()) candidate->second.direct = true;
    }
  }
}

bool Connector::worthwhile(const Direct& direct, Endpoint to, const Surroundings& around) const {
  if (around.remotes.count(to) != 0) return false;
  // Whoever dialled us from there is the peer that is meant, unless a port says otherwise.
  if (!direct.target.port && around.inbound_ips.count(to.ip) != 0) return false;
  auto candidate = candidates_.find(to);
  if (candidate == candidates_.end() || !candidate->second.peer.known()) return true;
  return around.peers.count(candidate->second.peer) == 0;
}

std::set<Endpoint> Connector::valid_targets(const Surroundings& around) const {
  std::set<Endpoint> valid;
  for (const auto& direct : directs_) {
    for (auto address : direct.addresses) {
      auto to = endpoint(direct, address);
      if (worthwhile(direct, to, around)) valid.insert(to);
    }
  }
  if (around.discovered == nullptr) return valid;
  std::size_t discovered = 0;
  for (const auto& [to, peer] : *around.discovered) {
    if (around.peers.count(peer) != 0 || around.remotes.count(to) != 0) continue;
    if (++discovered > kDiscoveredMax) break;
    valid.insert(to);
  }
  return valid;
}

void Connector::refresh_candidates(TimePoint now, const Surroundings& around) {
  auto valid = valid_targets(around);
  for (auto it = candidates_.begin(); it != candidates_.end();) {
    auto& [to, candidate] = *it;
    bool idle = candidate.state == State::waiting || candidate.state == State::suspended;
    if (!idle || valid.count(to) != 0) {
      if (candidate.state == State::suspended) candidate.state = State::waiting;
      ++it;
    } else if (candidate.direct) {
      candidate.state = State::suspended;
      ++it;
    } else {
      it = candidates_.erase(it);
    }
  }
  for (auto to : valid)
    candidates_.try_emplace(to, Candidate{.retry = {.due = now}});
  mark_direct();
}

void Connector::plan_lookups(TimePoint now, Plan& plan) {
  for (auto& direct : directs_) {
    if (direct.target.address || direct.resolving) continue;
    bool wanted = direct.addresses.empty() && direct.retry.due <= now;
    for (auto address : direct.addresses) {
      auto candidate = candidates_.find(endpoint(direct, address));
      wanted = wanted ||
               (candidate != candidates_.end() && !direct.fresh && due(candidate->second, now));
    }
    if (!wanted) continue;
    direct.resolving = true;
    auto same = std::find(plan.resolve.begin(), plan.resolve.end(), direct.target.host);
    if (same == plan.resolve.end()) plan.resolve.push_back(direct.target.host);
  }
}

// An address that a name stands for is not tried before the name was looked up again.
bool Connector::awaits_lookup(Endpoint to) const {
  return std::any_of(directs_.begin(), directs_.end(), [&](const Direct& direct) {
    return direct.resolving && to.port == endpoint(direct, to.ip).port &&
           std::find(direct.addresses.begin(), direct.addresses.end(), to.ip) !=
               direct.addresses.end();
  });
}

void Connector::back_off(TimePoint now, BackOff& retry, bool quick) {
  if (quick && retry.quick < std::size(kQuickRetries)) {
    retry.due = now + kQuickRetries[retry.quick++];
    return;
  }
  auto spread = static_cast<std::uint64_t>(retry.interval.count());
  retry.due = now + retry.interval / 2 + Duration(static_cast<Duration::rep>(rng_.below(spread)));
  retry.interval = std::min(retry.interval * 3 / 2, kRetryMax);
}

std::string Connector::target_text(Endpoint to) const {
  for (const auto& direct : directs_) {
    for (auto address : direct.addresses) {
      if (endpoint(direct, address) == to) return direct.target.text;
    }
  }
  return {};
}

void Connector::report(std::vector<LinkStatus>& out) const {
  for (const auto& [to, candidate] : candidates_) {
    if (candidate.state == State::connected || candidate.state == State::suspended) continue;
    LinkStatus status{.outbound = true, .address = to, .peer = candidate.peer};
    status.error = candidate.error;
    status.target = target_text(to);
    status.attempts = candidate.attempts;
    status.retry_never = candidate.never_retry;
    status.state = state_of(candidate.state == State::attempting, candidate.error);
    bool waits = candidate.state != State::attempting && !candidate.never_retry;
    if (waits) status.retry = candidate.retry.due;
    out.push_back(std::move(status));
  }
  for (const auto& direct : directs_) {
    if (!direct.addresses.empty()) continue;
    LinkStatus status{.outbound = true, .address = {{}, direct.target.port.value_or(config_.port)}};
    status.error = direct.error;
    status.target = direct.target.text;
    status.attempts = direct.attempts;
    status.state = state_of(direct.resolving, direct.error);
    if (!direct.resolving) status.retry = direct.retry.due;
    out.push_back(std::move(status));
  }
}

}  // namespace weft::gossip
