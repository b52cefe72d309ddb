// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/core/turn.h"

namespace weft::kube {

void Turn::on_look(TimePoint now, const Others& others) {
  others_ = others;
  seen_serving_ = seen_serving_ || others.serving;
  if (others.standby) standby_seen_ = now;
}

void Turn::forget() {
  others_ = {};
  seen_serving_ = false;
}

void Turn::on_end_asked(TimePoint now) {
  if (!end_asked_) end_asked_ = now;
}

bool Turn::may_serve() const {
  if (others_.serving) return false;
  return role_ == Role::primary || (seen_serving_ && !others_.heir);
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

}  // namespace weft::kube
