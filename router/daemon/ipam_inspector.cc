// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/ipam_inspector.h"

#include <algorithm>
#include <utility>

#include "ipam-crdt/gossip_state_wire.h"
#include "ipam-crdt/ring_wire.h"
#include "router/daemon/log.h"

namespace weft::daemon {
namespace {

// An owner that is not known, as in Weave: the address is filed under itself.
constexpr std::string_view kUnknownOwner = "_";

// The ring in use; nothing while there is none.
std::optional<ipam::RingData> ring_of(const ipam::Allocator& allocator, TimePoint now) {
  Bytes bytes = allocator.state(now);
  auto state = ipam::parse_state(bytes);
  if (!state) return std::nullopt;
  return std::move(state->ring);
}

bool same_ring(const std::optional<ipam::RingData>& ring, const std::optional<Bytes>& stored) {
  if (!ring) return true;  // then the file holds at most our promise in the vote for one
  if (!stored) return false;
  auto read = ipam::parse_ring(*stored);
  return read && *read == *ring;
}

}  // namespace

IpamInspector::IpamInspector(Control& control, const peer::Peer& peer, Store& store,
                             io::EventLoop& loop, std::string bridge)
    : IpamInspector(control, peer, store, loop, {.living = [bridge = std::move(bridge)] {
                      return linux_net::living_addresses(bridge);
                    }}) {}

IpamInspector::IpamInspector(Control& control, const peer::Peer& peer, Store& store,
                             io::EventLoop& loop, Surroundings around)
    : control_(control), peer_(peer), store_(store), loop_(loop), around_(std::move(around)) {}

IpamCheckReport IpamInspector::look() const {
  const ipam::Allocator& allocator = *peer_.allocator();
  const ipam::AllocatorStatus status = allocator.status();
  // If it cannot be read, all that we hold counts as not stored.
  const auto loaded = store_.load();
  const StoredState stored = loaded ? *loaded : StoredState{};
  auto living = around_.living();
  return compare_ipam(
      {.owned = allocator.owned(),
       .stored = stored.allocator.owned,
       .ring_as_stored = same_ring(ring_of(allocator, loop_.now()), stored.allocator.ring),
       .range = allocator.config().universe,
       .strays = status.strays,
       .living = living ? &*living : nullptr});
}

void IpamInspector::claim_living() {
  for (const IpamFinding& finding : look().findings) {
    if (finding.fault == IpamFault::unrecorded) claim(finding, [](bool) {});
  }
}

// Though nobody can be asked for it yet, the claim goes on until somebody can; it counts as a
// success then, so that is no proof that the address is ours.
void IpamInspector::claim(const IpamFinding& finding, std::function<void(bool)> ended) {
  auto address = Cidr::parse(finding.address);
  if (!address) return ended(false);
  log(LogLevel::info, "ipam", finding.text + ": it is claimed");
  (void)control_.claim(kUnknownOwner, *address, {.no_error_on_unknown = true},
                       [text = finding.text, ended = std::move(ended)](const IpamOutcome& outcome) {
                         if (const auto* refused = std::get_if<ipam::effect::Refused>(&outcome)) {
                           log(LogLevel::warning, "ipam",
                               text + ", and it cannot be claimed: " + refused->reason +
                                   "; restart that container to get another address");
                         }
                         ended(std::holds_alternative<ipam::effect::Done>(outcome));
                       });
}

bool IpamInspector::store_again(const IpamFinding& finding) {
  const ipam::Allocator& allocator = *peer_.allocator();
  if (!finding.ident.empty()) {
    auto held = allocator.owned().find(finding.ident);
    ipam::Owned owned = held == allocator.owned().end() ? ipam::Owned{} : held->second;
    ipam::effect::StoreOwned op{.ident = finding.ident, .owned = std::move(owned)};
    return store_.commit({std::move(op)}).has_value();
  }
  auto ring = ring_of(allocator, loop_.now());
  return ring && store_.commit({ipam::effect::StoreRing{ipam::write_ring(*ring)}}).has_value();
}

void IpamInspector::check(bool fix, Done done) {
  IpamCheckReport report = look();
  if (!fix || mendings_.size() >= kMendingsMax) return done(report);
  auto mending = std::make_shared<Mending>();
  for (const IpamFinding& finding : report.findings) {
    if (finding.fault == IpamFault::leaked) mending->gone.push_back(finding);
  }
  mending->done = std::move(done);
  mending->report = std::move(report);
  mendings_.push_back(mending);
  if (mending->gone.empty()) return mend(mending);
  mending->second_look = after(around_.look_again_after, mending, &IpamInspector::look_again);
}

std::unique_ptr<io::Timer> IpamInspector::after(Duration wait, const MendingPtr& mending,
                                                void (IpamInspector::*then)(const MendingPtr&)) {
  auto timer = std::make_unique<io::Timer>(loop_, [this, then, weak = std::weak_ptr(mending)] {
    if (auto held = weak.lock()) (this->*then)(held);
  });
  timer->arm(loop_.now() + wait);
  return timer;
}

void IpamInspector::look_again(const MendingPtr& mending) {
  mending->report = look();
  mend(mending);
}

void IpamInspector::mend(const MendingPtr& mending) {
  ++mending->asked;  // so that none of them is the last before all are asked for
  for (std::size_t i = 0; i < mending->report.findings.size(); ++i) {
    IpamFinding& finding = mending->report.findings[i];
    switch (finding.fault) {
      case IpamFault::unrecorded:
        claim_unrecorded(mending, i);
        break;
      case IpamFault::not_stored:
        finding.fixed = store_again(finding);
        break;
      case IpamFault::leaked:
        release_gone(mending, i);
        break;
      case IpamFault::stray:
      case IpamFault::duplicate:
        break;
    }
  }
  mending->limit = after(around_.mended_within, mending, &IpamInspector::end);
  answered(mending);
}

void IpamInspector::claim_unrecorded(const MendingPtr& mending, std::size_t at) {
  ++mending->asked;
  claim(mending->report.findings[at], [this, mending, at](bool done) {
    mending->report.findings[at].fixed = done;
    answered(mending);
  });
}

// What is gone now and was gone before. The release is answered when it is on disk.
void IpamInspector::release_gone(const MendingPtr& mending, std::size_t at) {
  const IpamFinding& finding = mending->report.findings[at];
  auto same = [&](const IpamFinding& f) {
    return f.same_as(finding);
  };
  auto address = Cidr::parse(finding.address);
  if (!address || std::none_of(mending->gone.begin(), mending->gone.end(), same)) return;
  log(LogLevel::info, "ipam", finding.text + ": it is released");
  ++mending->asked;
  control_.release(finding.ident, address->addr(), [this, mending, at](const IpamOutcome& outcome) {
    bool refused = std::holds_alternative<ipam::effect::Refused>(outcome);
    mending->report.findings[at].fixed = !refused;
    answered(mending);
  });
}

void IpamInspector::answered(const MendingPtr& mending) {
  if (--mending->asked == 0) end(mending);
}

// Once: when all is answered, or when that takes too long.
void IpamInspector::end(const MendingPtr& mending) {
  if (!mending->done) return;
  const IpamCheckReport now = look();
  for (IpamFinding& finding : mending->report.findings) {
    auto same = [&](const IpamFinding& f) {
      return f.same_as(finding);
    };
    finding.fixed = finding.fixed && std::none_of(now.findings.begin(), now.findings.end(), same);
  }
  std::exchange(mending->done, nullptr)(mending->report);
  // Not within its own timer's call.
  loop_.post([this, mending] { std::erase(mendings_, mending); });
}

}  // namespace weft::daemon
