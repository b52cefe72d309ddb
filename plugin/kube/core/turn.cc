// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/core/turn.h"

namespace weft::kube {

void Turn::on_look(TimePoint now, const Others& others) {
  others_ = others;
  if (others.serving) serving_seen_ = now;
  if (others.standby) standby_seen_ = now;
  if (others.serving || others.heir) {
    nobody_since_.reset();
  } else if (!nobody_since_) {
    nobody_since_ = now;
  }
}

void Turn::forget(TimePoint now) {
  others_ = {};
  serving_seen_.reset();
  nobody_since_.reset();
  not_before_ = now + kRenewal;
}

void Turn::on_end_asked(TimePoint now) {
  if (!end_asked_) end_asked_ = now;
}

bool Turn::may_serve(TimePoint now) const {
  if (others_.serving || (not_before_ && now < *not_before_)) return false;
  // One that was asked to end is to begin nothing, but where others relied on it.
  if (role_ == Role::primary) return !end_asked_;
  if (others_.heir) return false;
  if (serving_seen_) return true;
  return !end_asked_ && ours_before_ && nobody_since_ && now - *nobody_since_ >= kAbsence;
}

bool Turn::may_leave() const {
  if (!end_asked_) return false;
  return role_ == Role::primary || others_.heir || !others_.leaving;
}

bool Turn::must_hand_over() const {
  return role_ == Role::standby && others_.heir;
}

bool Turn::successor() const {
  return others_.heir || (role_ == Role::primary && others_.standby);
}

bool Turn::hopes(TimePoint now) const {
  if (role_ == Role::standby) return true;
  return standby_seen_ && now - *standby_seen_ < kRemembered;
}

bool Turn::may_end(TimePoint now) const {
  if (!end_asked_) return false;
  const Duration waited = now - *end_asked_;
  if (waited >= kPatience) return true;
  return successor() ? waited >= kSettle : !hopes(now);
}

bool Turn::fresh(TimePoint now) const {
  return serving_seen_ && now - *serving_seen_ < kFresh;
}

}  // namespace weft::kube
