// SPDX-License-Identifier: Apache-2.0
// Reads and writes super-frames with their virtio-net header at one queue of the TAP device.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include <sys/uio.h>

#include "router/swift/core/forwarder.h"
#include "router/swift/core/output.h"

namespace weft::swift {

struct TapCounters {
  std::uint64_t reads = 0;
  std::uint64_t writes = 0;
  std::uint64_t malformed = 0;     // read with a header that means nothing
  std::uint64_t write_failed = 0;  // the kernel refused the frame, or had no memory
};

class TapQueue {
 public:
  // `fd` stays its owner's. Non-blocking.
  explicit TapQueue(int fd);

  struct Frame {
    VnetHeader header;
    ByteSpan room;  // Forwarder::kHeadroom bytes, then the frame; valid until the next read()
  };
  // nullopt: nothing waits, or the device is gone, see lost().
  std::optional<Frame> read();
  void write(const Injection& injection, const Output& output);
  // A whole frame with complete checksums.
  void write_plain(ByteView frame);

  // The errno with which the device went away; none: it is there.
  std::optional<int> lost() const { return lost_; }
  const TapCounters& counters() const { return counters_; }

 private:
  // Of one writev(), IOV_MAX, the header's included.
  static constexpr std::size_t kPartsMax = 1024;

  int fd_;
  std::unique_ptr<Byte[]> room_;
  std::array<iovec, kPartsMax> parts_{};
  std::optional<int> lost_;
  TapCounters counters_;
};

}  // namespace weft::swift
