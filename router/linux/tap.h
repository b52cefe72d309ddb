// SPDX-License-Identifier: Apache-2.0
// A persistent, multi-queue TAP device: what its bridge sends to it is read from its queues, what
// is written to them enters the bridge. Every frame comes and goes with a virtio-net header, so
// that 64 KiB super-frames and checksums that are only begun pass as they are.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "router/linux/netlink.h"
#include "router/linux/unique_fd.h"

namespace weft::linux_net {

inline constexpr std::string_view kTapEnd = "vethwe-tap";
// Of the header before every frame (struct virtio_net_hdr, little endian or the machine's).
inline constexpr std::size_t kVnetHeaderSize = 10;
// The largest MTU that it can have: with its Ethernet header a frame is of 64 KiB.
inline constexpr int kTapMtuMax = 65521;
// What the kernel lets one device have (MAX_TAP_QUEUES).
inline constexpr int kTapQueuesMax = 256;

// What the kernel may leave undone in frames that we read, as far as it supports it; it takes the
// same from us in what we write.
struct TapOffloads {
  bool checksum = false;
  bool tcp_segments = false;  // TSO over IPv4 and IPv6
  bool udp_segments = false;  // USO over both; Linux 6.2 and later

  std::string text() const;  // "checksum, TSO, USO", or "none"
};

struct TapSpec {
  std::string name{kTapEnd};
  int queues = 1;
  // Frames that may wait in each queue to be read; those beyond are dropped by the kernel.
  int queue_length = 500;
};

// The queues of one TAP device, opened non-blocking. The device outlives them: frames that come
// while nobody has it open are dropped by the kernel, and the next open() adopts it.
class Tap {
 public:
  // Makes or adopts the device in the calling thread's namespace and asks for all offloads, one
  // kind less at a time if the kernel refuses. conflict: the name belongs to another kind of
  // interface. not_found: the kernel has no TUN/TAP, or no /dev/net/tun.
  static Result<Tap> open(const TapSpec& spec);

  int queues() const { return static_cast<int>(fds_.size()); }
  int fd(int queue) const { return fds_[static_cast<std::size_t>(queue)].value(); }
  const TapOffloads& offloads() const { return offloads_; }
  const std::string& name() const { return name_; }

 private:
  Tap(std::string name, std::vector<UniqueFd> fds, TapOffloads offloads)
      : name_(std::move(name)), fds_(std::move(fds)), offloads_(offloads) {}
  std::string name_;
  std::vector<UniqueFd> fds_;
  TapOffloads offloads_;
};

}  // namespace weft::linux_net
