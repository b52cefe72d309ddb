// SPDX-License-Identifier: Apache-2.0
#include "router/sleeve/path_mtu.h"

#include <algorithm>
#include <utility>

#include "router/sleeve/wire.h"

namespace weft::sleeve {

PathMtu::PathMtu(std::size_t packet_overhead)
    : overhead_(
          static_cast<int>(kIpUdpOverhead + packet_overhead + kFrameHeaderSize + kEthernetSize)),
      max_payload_(kUdpPayloadMax) {}

void PathMtu::on_path_mtu(TimePoint now, int path_mtu) {
  const int mtu = std::max(std::clamp(path_mtu, 0, kUnknown) - overhead_, kMin);
  if (searching() && mtu >= candidate_) return;
  good_ = std::min(kFloor, mtu);
  bad_ = mtu + 1;
  candidate_ = mtu;
  tests_ = 0;
  mtu_ = mtu;
  max_payload_ = static_cast<std::size_t>(mtu + overhead_) - kIpUdpOverhead;
  test(now);
}

bool PathMtu::on_verified(TimePoint now, int mtu) {
  if (!searching() || mtu != candidate_) return false;
  good_ = candidate_;
  return search(now);
}

bool PathMtu::on_deadline(TimePoint now) {
  if (!deadline_ || now < *deadline_) return false;
  if (tests_ < kTestsPerCandidate) {
    test(now);
    return false;
  }
  bad_ = candidate_;
  return search(now);
}

std::optional<int> PathMtu::take_test() {
  if (!std::exchange(test_due_, false)) return std::nullopt;
  return candidate_;
}

void PathMtu::test(TimePoint now) {
  test_due_ = true;
  deadline_ = now + (kFirstTimeout * (1 << tests_));
  ++tests_;
}

bool PathMtu::search(TimePoint now) {
  if (good_ + 1 < bad_) {
    candidate_ = (good_ + bad_) / 2;
    tests_ = 0;
    test(now);
    return false;
  }
  mtu_ = good_;
  max_payload_ = static_cast<std::size_t>(good_ + overhead_) - kIpUdpOverhead;
  candidate_ = 0;
  deadline_.reset();
  test_due_ = false;
  return true;
}

}  // namespace weft::sleeve
