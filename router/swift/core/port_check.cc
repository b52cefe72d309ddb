// SPDX-License-Identifier: Apache-2.0
#include "router/swift/core/port_check.h"

#include <algorithm>

namespace weft::swift {

PortCheck::PortCheck(std::vector<std::uint16_t> ports)
    : ports_(std::move(ports)), answered_(ports_.size()) {}

void PortCheck::start(TimePoint now) {
  usable_ = false;
  tries_ = 0;
  if (!ports_.empty()) deadline_ = now;
}

void PortCheck::stop() {
  usable_ = false;
  deadline_.reset();
}

void PortCheck::finish(TimePoint now, bool usable) {
  usable_ = usable;
  tries_ = 0;
  deadline_ = now + (usable ? kInterval : kAgain);
}

void PortCheck::on_echo(TimePoint now, std::uint8_t stream, std::uint16_t seen_port) {
  if (tries_ == 0 || stream >= ports_.size()) return;
  // Translated on the way: it would work until the translator forgets.
  if (seen_port != ports_[stream]) return finish(now, false);
  answered_[stream] = true;
  if (std::ranges::find(answered_, false) == answered_.end()) finish(now, true);
}

void PortCheck::hasten(TimePoint now, Duration by) {
  if (deadline_ && tries_ == 0 && *deadline_ <= now + by) deadline_ = now;
}

void PortCheck::on_deadline(TimePoint now, std::vector<std::uint8_t>& streams) {
  if (!deadline_ || now < *deadline_) return;
  if (tries_ == kTries) return finish(now, false);
  if (tries_ == 0) answered_.assign(answered_.size(), false);
  ++tries_;
  for (std::size_t i = 0; i < answered_.size(); ++i) {
    if (!answered_[i]) streams.push_back(static_cast<std::uint8_t>(i));
  }
  deadline_ = now + kRetry;
}

}  // namespace weft::swift
