// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/core/lease.h"

#include "plugin/kube/core/objects.h"

namespace weft::kube {

namespace {

ObjectAddress address_of(const LeaseHolder::Config& config) {
  return {.api_version = "coordination.k8s.io/v1",
          .kind = "Lease",
          .collection = "/apis/coordination.k8s.io/v1/namespaces/" +
                        percent_encode(config.name_space) + "/leases",
          .name_space = config.name_space,
          .name = config.name};
}

}  // namespace

LeaseHolder::LeaseHolder(Config config, Rng& rng, RequestIds& ids)
    : config_(std::move(config)), object_(address_of(config_), rng, ids) {}

void LeaseHolder::want(TimePoint now, Effects& out) {
  if (wanted_) return;
  wanted_ = true;
  ask(now, out);
}

void LeaseHolder::release(TimePoint now, Effects& out) {
  if (!wanted_) return;
  wanted_ = false;
  next_ask_.reset();
  renewal_sent_.reset();
  const bool ours = held_until_.has_value();
  held_until_.reset();
  now_ = now;
  object_.cancel(out);
  if (!ours) return;
  object_.begin(
      now, [this](Json& object) { return edit_release(object); }, out);
}

void LeaseHolder::ask(TimePoint now, Effects& out) {
  now_ = now;
  next_ask_.reset();
  object_.begin(
      now, [this](Json& object) { return edit(object); }, out);
}

bool LeaseHolder::edit(Json& object) {
  auto lease = parse_lease(object);
  if (!lease) return false;
  const Seen seen{lease->holder, lease->renew_time, lease->transitions};
  if (!seen_since_ || seen != seen_) seen_since_ = now_;
  seen_ = seen;
  const auto duration = lease->duration.value_or(kLeaseDuration);
  const bool free = seen.holder.empty() || seen.holder == config_.identity;
  if (!free && now_ - *seen_since_ < duration) {
    held_until_.reset();
    renewal_sent_.reset();
    return false;
  }
  renewal_sent_ = now_;
  write_ours(object, seen);
  return true;
}

void LeaseHolder::write_ours(Json& object, const Seen& before) {
  Json& spec = object_in(object, "spec");
  const std::string time = micro_time_text(config_.wall.wall(now_));
  if (before.holder != config_.identity) {
    spec["acquireTime"] = time;
    spec["leaseTransitions"] = before.transitions + 1;
  }
  spec["holderIdentity"] = config_.identity;
  spec["leaseDurationSeconds"] = kLeaseDuration.count();
  spec["renewTime"] = time;
}

bool LeaseHolder::edit_release(Json& object) const {
  auto lease = parse_lease(object);
  if (!lease || lease->holder != config_.identity) return false;
  // Not "": newer servers do not take an empty holder.
  object_in(object, "spec").erase("holderIdentity");
  return true;
}

bool LeaseHolder::on_response(TimePoint now, RequestId id, const HttpResponse& response,
                              Effects& out) {
  now_ = now;
  const auto done = object_.on_response(now, id, response, out);
  if (!done || !wanted_) return false;
  if (renewal_sent_) {
    held_until_ = *renewal_sent_ + kLeaseDuration - kLeaseMargin;
    renewal_sent_.reset();
    if (auto lease = parse_lease(*done)) {
      seen_ = {lease->holder, lease->renew_time, lease->transitions};
      seen_since_ = now;
    }
    next_ask_ = now + kLeaseRenewal;
  } else {
    next_ask_ =
        *seen_since_ + kLeaseDuration > now ? *seen_since_ + kLeaseDuration : now + kLeaseRenewal;
  }
  return true;
}

void LeaseHolder::on_failure(TimePoint now, RequestId id, const Error& error, Effects& out) {
  now_ = now;
  object_.on_failure(now, id, error, out);
}

void LeaseHolder::on_deadline(TimePoint now, Effects& out) {
  now_ = now;
  object_.on_deadline(now, out);
  if (wanted_ && next_ask_ && now >= *next_ask_ && !object_.busy()) ask(now, out);
}

std::optional<TimePoint> LeaseHolder::next_deadline() const {
  return earliest(object_.next_deadline(), object_.busy() ? std::nullopt : next_ask_);
}

}  // namespace weft::kube
