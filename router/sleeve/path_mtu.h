// SPDX-License-Identifier: Apache-2.0
// Finds the largest Ethernet payload that reaches a neighbour unfragmented. The kernel's word for
// the path is tried first and, if no answer comes, halved towards a floor. Driven by the tunnel,
// which sends the tests.
//
//     unknown ──path MTU──▶ testing(candidate) ──verified or exhausted──▶ settled
//                              ▲     │ 8 tests lost, or candidate verified: next candidate
//                              └─────┘        (a smaller path MTU starts again at any time)
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/time_point.h"

namespace weft::sleeve {

class PathMtu {
 public:
  // What is assumed before the kernel has said anything.
  static constexpr int kUnknown = 65535;
  // Below this nothing is searched for (Weave: 552, an Internet minimum of old).
  static constexpr int kFloor = 552;
  // The smallest MTU of an IPv4 link, RFC 791: what remains if a path claims less.
  static constexpr int kMin = 68;
  static constexpr int kTestsPerCandidate = 8;
  static constexpr std::chrono::milliseconds kFirstTimeout{10};

  // `packet_overhead`: of a datagram, 6 or 30 bytes.
  explicit PathMtu(std::size_t packet_overhead);

  // The kernel refused a datagram: the path takes IP packets of `path_mtu` bytes.
  void on_path_mtu(TimePoint now, int path_mtu);
  // The neighbour has received a test for `mtu`. True if that settled the search.
  bool on_verified(TimePoint now, int mtu);
  // True if the deadline settled the search.
  bool on_deadline(TimePoint now);
  std::optional<TimePoint> next_deadline() const { return deadline_; }
  // A test to send now, if one is due: for frames with this MTU.
  std::optional<int> take_test();

  int mtu() const { return mtu_; }
  // Largest UDP payload for datagrams with DF.
  std::size_t max_payload() const { return max_payload_; }
  bool searching() const { return candidate_ != 0; }

 private:
  void test(TimePoint now);
  bool search(TimePoint now);

  int overhead_;  // IP, UDP, datagram, frame header, Ethernet
  int mtu_ = kUnknown;
  std::size_t max_payload_;
  int good_ = 0;
  int bad_ = 0;
  int candidate_ = 0;  // 0: not searching
  int tests_ = 0;
  bool test_due_ = false;
  std::optional<TimePoint> deadline_;
};

}  // namespace weft::sleeve
