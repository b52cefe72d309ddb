// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/ledger.h"

namespace weft::sim {
namespace {

std::string host_text(HostId host) {
  return "h" + std::to_string(host + 1);
}

}  // namespace

void Ledger::on_ring(HostId host, const ipam::RingData& ring) {
  Copy& copy = copies_[host];
  check_alone(ring);
  if (copy.ring) check_progress(*copy.ring, ring);
  bool is_new = !copy.ring || copy.ring->seeds != ring.seeds;
  copy.ring = ring;
  ipam::IntervalSet claims(ipam::ranges_of(ring, ring.holder));
  bool moved = claims != copy.claims;
  copy.claims = std::move(claims);
  if (is_new) check_seeds(host);
  if (moved) check_claims(host);
  if (moved || is_new) check_conserved();
}

void Ledger::on_disk_lost(HostId host) {
  copies_[host] = {};
  wiped_ = true;
}

void Ledger::on_disk_replaced(HostId host, const std::optional<ipam::RingData>& ring) {
  on_disk_lost(host);
  if (!ring) return;
  copies_[host] = {.ring = ring, .claims = ipam::IntervalSet(ipam::ranges_of(*ring, ring->holder))};
  check_claims(host);
}

void Ledger::mended() {
  disputed_ = false;
  suspects_.clear();
  for (HostId host = 0; host < copies_.size(); ++host) {
    check_seeds(host);
    check_claims(host);
  }
  check_conserved();
}

// What one copy must look like whoever sent what: tokens in order and inside, no more free than
// owned, and every address somebody's.
void Ledger::check_alone(const ipam::RingData& ring) {
  if (auto ok = ipam::check_ring(ring); !ok) return fail("a stored " + to_string(ok.error()));
  std::uint64_t covered = 0;
  for (const ipam::RangeOwner& part : ipam::ranges(ring))
    covered += part.range.size();
  if (covered != universe_.size() || ring.universe != universe_) {
    fail("the ring of " + ring.holder.text() + " covers " + std::to_string(covered) +
         " addresses of " + std::to_string(universe_.size()));
  }
}

// A token is never forgotten and its version never falls, nor do the seeds change.
void Ledger::check_progress(const ipam::RingData& before, const ipam::RingData& after) {
  if (!before.seeds.empty() && before.seeds != after.seeds) {
    fail("the seeds of " + after.holder.text() + " have changed");
  }
  auto now = after.entries.begin();
  for (const ipam::RingEntry& old : before.entries) {
    while (now != after.entries.end() && now->token < old.token)
      ++now;
    if (now == after.entries.end() || now->token != old.token) {
      return fail(after.holder.text() + " has forgotten the token " + old.token.text());
    }
    if (now->version < old.version) {
      return fail(after.holder.text() + " has gone back from version " +
                  std::to_string(old.version) + " to " + std::to_string(now->version) + " of " +
                  old.token.text());
    }
    if (now->version == old.version && now->peer != old.peer && disputed_) continue;
    bool silent = now->version == old.version && now->peer != old.peer;
    if (silent && old.peer == after.holder) {
      return fail(after.holder.text() + " gave " + old.token.text() + " away at its old version");
    }
  }
}

// One mesh, one ring: a second one can come to be only where those who voted have forgotten it.
void Ledger::check_seeds(HostId host) {
  if (!copies_[host].ring) return;
  for (HostId other = 0; other < copies_.size(); ++other) {
    const auto& ring = copies_[other].ring;
    if (!ring || ring->seeds == copies_[host].ring->seeds) continue;
    if (!wiped_) {
      fail("two rings: " + host_text(host) + " and " + host_text(other) +
           " have different seeds though nobody lost a disk");
    }
    disputed_ = true;
  }
}

void Ledger::check_claims(HostId host) {
  const Copy& copy = copies_[host];
  if (disputed_ || !copy.ring) return;
  for (HostId other = 0; other < copies_.size(); ++other) {
    const Copy& rival = copies_[other];
    if (other == host || !rival.ring || rival.ring->seeds != copy.ring->seeds) continue;
    for (IpRange range : copy.claims.ranges()) {
      auto both = rival.claims.first_in(range);
      if (!both) continue;
      disputed_ = true;
      if (suspects_.count(host) != 0 || suspects_.count(other) != 0) return;
      return fail(both->text() + " is owned by " + host_text(host) + " and by " + host_text(other));
    }
  }
}

// What nobody owns is on its way: every copy then calls it that of another, and of somebody there
// is or was. So allocated, free and in flight are the range, and nothing falls out of the books.
void Ledger::check_conserved() {
  if (disputed_) return;
  ipam::IntervalSet owned;
  bool any_ring = false;
  for (const Copy& copy : copies_) {
    any_ring = any_ring || copy.ring.has_value();
    for (IpRange range : copy.claims.ranges())
      owned.add(range);
  }
  if (!any_ring) return;
  for (IpRange loose : ipam::difference(ipam::IntervalSet({universe_}), owned)) {
    for (const Copy& copy : copies_) {
      if (!copy.ring) continue;
      for (const ipam::RangeOwner& part : ipam::ranges(*copy.ring)) {
        PeerName owner = copy.ring->entries[part.entry].peer;
        if (!part.range.overlaps(loose) || names_.count(owner) != 0) continue;
        fail(part.range.text() + " is lost: " + copy.ring->holder.text() + " calls it that of " +
             owner.text() + ", who is nobody");
      }
    }
  }
}

}  // namespace weft::sim
