// SPDX-License-Identifier: Apache-2.0
// Sends trains of datagrams, each by one system call with UDP_SEGMENT. Where the kernel or the
// network card on the way to a host cannot do that, the datagrams to it are sent singly, and trains
// are tried again after a while: routes change.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/time_point.h"
#include "router/swift/core/output.h"
#include "router/swift/udp_group.h"

namespace weft::swift {

struct SendCounters {
  std::uint64_t calls = 0;
  std::uint64_t too_big = 0;      // datagrams larger than the link's MTU, probes included
  std::uint64_t buffer_full = 0;  // datagrams dropped: the socket's buffer stayed full
  std::uint64_t failed = 0;       // datagrams dropped: no route, refused by a firewall, …
};

// Trains to this host were refused, with this errno.
struct TrainRefusal {
  Ipv4Addr to;
  int sys_errno = 0;
  friend bool operator==(const TrainRefusal&, const TrainRefusal&) = default;
};

enum class Sent : std::uint8_t { done, too_big, dropped };

class TrainSender {
 public:
  static constexpr std::chrono::seconds kTryAgain{60};

  explicit TrainSender(const WorkerSockets& sockets) : sockets_(sockets) {}

  // too_big, dropped: at least one datagram of it.
  Sent send(TimePoint now, const Train& train);
  const SendCounters& counters() const { return counters_; }
  // The first time that trains were refused; none: they never were.
  const std::optional<TrainRefusal>& refusal() const { return first_refusal_; }

 private:
  // Hosts to which trains do not go: more of them at once share the places, and are tried oftener.
  static constexpr std::size_t kRefusingMax = 16;
  struct Refusing {
    Ipv4Addr to;
    TimePoint until;
  };

  bool refuses(TimePoint now, Ipv4Addr to) const;
  void note_refusal(TimePoint now, Ipv4Addr to, int sys_errno);
  // 0, or the errno.
  int send_whole(int fd, const Train& train);
  Sent send_singly(int fd, const Train& train);
  Sent count_failure(int sys_errno, std::uint64_t datagrams);

  const WorkerSockets& sockets_;  // its owner's, which outlives this
  SendCounters counters_;
  std::optional<TrainRefusal> first_refusal_;
  std::array<Refusing, kRefusingMax> refusing_{};
  std::size_t next_refusing_ = 0;  // whose place is taken next
};

}  // namespace weft::swift
