// SPDX-License-Identifier: Apache-2.0
// The sockets through which the workers send and receive. They share the port of sleeve's socket:
// a filter in the kernel gives datagrams whose first byte is even to that one, and each other to
// the worker whose turn the second byte, the sender's stream, says, whatever port it came from.
#pragma once

#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "router/linux/unique_fd.h"

namespace weft::swift {

inline constexpr int kWorkersMax = 64;

struct WorkerSockets {
  // Receives on the common port. What is sent by it comes from that port, with a time to live that
  // differs between workers: so the receiver's kernel joins no datagrams of different streams.
  linux_net::UniqueFd common;
  // Sends from a port of its own, which makes a flow that RSS and GRO can tell from others.
  linux_net::UniqueFd own;
  // The kernel joins what it receives into trains (UDP_GRO; Linux 5.0 and later).
  bool receives_trains = false;
};

// Opens the sockets of `workers` workers beside `control`, which is bound to `at` and the only one
// there. All are non-blocking, carry DF and take trains in one piece where the kernel can.
// Works on the calling thread's namespace. After a failure `control` gets all datagrams, as before.
Result<std::vector<WorkerSockets>> open_udp_group(int control, Endpoint at, int workers);

}  // namespace weft::swift
