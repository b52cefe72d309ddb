// SPDX-License-Identifier: Apache-2.0
#include "router/swift/core/mtu_search.h"

#include <algorithm>
#include <array>

namespace weft::swift {
namespace {

// Links people have: clouds' and data centres' jumbo frames, Ethernet, PPPoE, tunnels in several
// layers, the least an IPv6 link may have.
constexpr std::array kUsual{65535, 9216, 9001, 9000, 8951, 8500, 4352, 1600, 1500, 1492,
                            1480,  1472, 1460, 1450, 1440, 1420, 1400, 1370, 1280};

}  // namespace

MtuSearch::MtuSearch(int ceiling) : ceiling_(std::clamp(ceiling, kFloor, kCeilingMax)) {}

void MtuSearch::search_above(TimePoint now, int good, int bad) {
  searching_ = true;
  good_ = good;
  bad_ = bad;
  tried_ = bad;
  tries_ = 0;
  deadline_ = now;
}

void MtuSearch::start(TimePoint now) {
  search_above(now, 0, ceiling_ + 1);
}

void MtuSearch::stop() {
  searching_ = false;
  deadline_.reset();
}

void MtuSearch::on_echo(TimePoint now, int size) {
  if (!deadline_ || size > ceiling_) return;
  const bool check_answered = !searching_ && tries_ > 0 && size >= mtu_;
  mtu_ = std::max(mtu_, size);
  if (check_answered) await_check(now);
  if (!searching_) return;
  if (size >= bad_) bad_ = size + 1;  // it was only late
  if (size >= tried_) tries_ = 0;
  good_ = std::max(good_, size);
  if (good_ == ceiling_) settle(now);
}

bool MtuSearch::on_too_big(TimePoint now, int size) {
  size = std::max(size, kFloor);
  if (!deadline_) return false;
  if (size >= mtu_) {
    if (searching_) bad_ = std::clamp(size + 1, good_ + 1, bad_);
    return false;
  }
  // The kernel speaks of the hops that it knows; the path may be narrower still.
  mtu_ = size;
  search_above(now, 0, size + 1);
  return true;
}

void MtuSearch::settle(TimePoint now) {
  searching_ = false;
  first_round_ = false;
  mtu_ = good_;
  search_at_ = now + kSearchInterval;
  await_check(now);
}

void MtuSearch::await_check(TimePoint now) {
  tries_ = 0;
  deadline_ = now + kCheckInterval;
}

void MtuSearch::hasten(TimePoint now, Duration by) {
  if (deadline_ && !searching_ && tries_ == 0 && *deadline_ <= now + by) deadline_ = now;
}

void MtuSearch::on_deadline(TimePoint now, std::vector<int>& probes) {
  if (!deadline_ || now < *deadline_) return;
  if (searching_) return next_round(now, probes);
  check(now, probes);
}

void MtuSearch::next_round(TimePoint now, std::vector<int>& probes) {
  if (good_ >= kFloor) {
    first_round_ = false;
    if (tries_ > 1) mtu_ = std::max(good_, std::min(mtu_, tried_ - 1));
  }
  if (tries_ == kTries) {
    bad_ = std::max(tried_, good_ + 1);
    tries_ = 0;
  }
  if (bad_ <= kFloor || good_ + kPrecision >= bad_) return settle(now);
  ++tries_;
  const auto before = static_cast<std::ptrdiff_t>(probes.size());
  add_candidates(probes);
  tried_ = *std::min_element(probes.begin() + before, probes.end());
  deadline_ = now + kRound;
}

void MtuSearch::add_candidates(std::vector<int>& probes) const {
  const std::size_t before = probes.size();
  for (const int size : kUsual) {
    if (size > good_ && size < bad_) probes.push_back(size);
  }
  if (good_ == 0) probes.push_back(kFloor);
  if (bad_ == ceiling_ + 1 && std::ranges::find(kUsual, ceiling_) == kUsual.end()) {
    probes.push_back(ceiling_);
  }
  if (probes.size() == before) probes.push_back(good_ + (bad_ - good_) / 2);
}

void MtuSearch::check(TimePoint now, std::vector<int>& probes) {
  if (mtu_ == 0 || tries_ == kCheckTries) {
    start(now);
    return next_round(now, probes);
  }
  if (tries_ == 0 && now >= search_at_ && mtu_ < ceiling_) {
    search_above(now, mtu_, ceiling_ + 1);
    return next_round(now, probes);
  }
  ++tries_;
  probes.push_back(mtu_);
  deadline_ = now + kCheckRound;
}

}  // namespace weft::swift
