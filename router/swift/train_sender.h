// SPDX-License-Identifier: Apache-2.0
// Sends trains of datagrams, each by one system call with UDP_SEGMENT. Where the kernel or the
// network card cannot do that, the datagrams are sent singly from then on.
#pragma once

#include <cstdint>
#include <optional>

#include "router/swift/core/output.h"
#include "router/swift/udp_group.h"

namespace weft::swift {

struct SendCounters {
  std::uint64_t calls = 0;
  std::uint64_t too_big = 0;      // datagrams larger than the link's MTU, probes included
  std::uint64_t buffer_full = 0;  // datagrams dropped: the socket's buffer stayed full
  std::uint64_t failed = 0;       // datagrams dropped: no route, refused by a firewall, …
};

enum class Sent : std::uint8_t { done, too_big, dropped };

class TrainSender {
 public:
  explicit TrainSender(const WorkerSockets& sockets) : sockets_(sockets) {}

  // too_big, dropped: at least one datagram of it.
  Sent send(const Train& train);
  const SendCounters& counters() const { return counters_; }
  // The errno with which the kernel refused trains; none: it takes them.
  std::optional<int> refusal() const { return refusal_; }

 private:
  // 0, or the errno.
  int send_whole(int fd, const Train& train);
  int send_call(int fd, const Train& train, ByteView bytes, std::uint16_t segment_size);
  Sent send_singly(int fd, const Train& train);
  Sent count_failure(int sys_errno, std::uint64_t datagrams);

  const WorkerSockets& sockets_;  // its owner's, which outlives this
  SendCounters counters_;
  std::optional<int> refusal_;
};

}  // namespace weft::swift
