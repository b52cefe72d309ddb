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
    : control_(control), peer_(peer), store_(store), loop_(loop), bridge_(std::move(bridge)) {}

IpamCheckReport IpamInspector::look() const {
  const ipam::Allocator& allocator = *peer_.allocator();
  const ipam::AllocatorStatus status = allocator.status();
  // If it cannot be read, all that we hold counts as not stored.
  const auto loaded = store_.load();
  const StoredState stored = loaded ? *loaded : StoredState{};
  auto living = linux_net::living_addresses(bridge_);
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
    if (finding.fault == IpamFault::unrecorded) claim(finding);
  }
}

void IpamInspector::claim(const IpamFinding& finding) {
  auto address = Cidr::parse(finding.address);
  if (!address) return;
  log(LogLevel::info, "ipam", finding.text + ": it is claimed");
  (void)control_.claim(kUnknownOwner, *address, {.no_error_on_unknown = true},
                       [text = finding.text](const IpamOutcome& outcome) {
                         const auto* refused = std::get_if<ipam::effect::Refused>(&outcome);
                         if (refused == nullptr) return;
                         log(LogLevel::warning, "ipam",
                             text + ", and it cannot be claimed: " + refused->reason +
                                 "; restart that container to get another address");
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
  std::vector<IpamFinding> gone;
  for (const IpamFinding& finding : report.findings) {
    if (finding.fault == IpamFault::leaked) gone.push_back(finding);
  }
  if (gone.empty()) {
    mend(report);
    return done(report);
  }
  auto mending = std::make_shared<Mending>();
  mending->gone = std::move(gone);
  mending->done = std::move(done);
  mending->timer = std::make_unique<io::Timer>(loop_, [this, weak = std::weak_ptr(mending)] {
    if (auto held = weak.lock()) look_again(held);
  });
  mending->timer->arm(loop_.now() + kLookAgainAfter);
  mendings_.push_back(std::move(mending));
}

void IpamInspector::look_again(const std::shared_ptr<Mending>& mending) {
  mending->report = look();
  mend(mending->report);
  release_gone(mending);
}

void IpamInspector::mend(IpamCheckReport& report) {
  for (IpamFinding& finding : report.findings) {
    switch (finding.fault) {
      case IpamFault::unrecorded:
        claim(finding);
        finding.fixed = true;
        break;
      case IpamFault::not_stored:
        finding.fixed = store_again(finding);
        break;
      case IpamFault::leaked:
      case IpamFault::stray:
      case IpamFault::duplicate:
        break;
    }
  }
}

// What is gone now and was gone before. Each release is answered when it is on disk.
void IpamInspector::release_gone(const std::shared_ptr<Mending>& mending) {
  std::vector<IpamFinding>& findings = mending->report.findings;
  ++mending->releases;  // so that none of them is the last before all are asked for
  for (std::size_t i = 0; i < findings.size(); ++i) {
    auto same = [&](const IpamFinding& f) {
      return f.same_as(findings[i]);
    };
    auto address = Cidr::parse(findings[i].address);
    if (!address || std::none_of(mending->gone.begin(), mending->gone.end(), same)) continue;
    log(LogLevel::info, "ipam", findings[i].text + ": it is released");
    ++mending->releases;
    control_.release(findings[i].ident, address->addr(),
                     [this, mending, i](const IpamOutcome& outcome) {
                       bool refused = std::holds_alternative<ipam::effect::Refused>(outcome);
                       mending->report.findings[i].fixed = !refused;
                       end(mending);
                     });
  }
  end(mending);
}

void IpamInspector::end(const std::shared_ptr<Mending>& mending) {
  if (--mending->releases != 0) return;
  mending->done(mending->report);
  // Not within its own timer's call.
  loop_.post([this, mending] { std::erase(mendings_, mending); });
}

}  // namespace weft::daemon
