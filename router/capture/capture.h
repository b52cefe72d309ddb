// SPDX-License-Identifier: Apache-2.0
// Frames off and onto one interface, through libpcap. The interface is `vethwe-pcap`, whose other
// end hands over whole frames only (router/linux/bridge_plumbing.h), so every frame read here has
// correct checksums and fits the MTU.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/bytes.h"

namespace weft::capture {

// The largest frame that is taken off the interface; a longer one is dropped and counted.
inline constexpr std::size_t kFrameMax = 65535;

// MB; the same bound for --bufsz.
inline constexpr int kBufferMbMax = 1024;

struct Options {
  int buffer_mb = 8;  // the kernel's ring
};

struct Counters {
  std::uint64_t received = 0;
  std::uint64_t dropped = 0;     // by the kernel, for want of buffer
  std::uint64_t if_dropped = 0;  // by the interface
  std::uint64_t truncated = 0;   // longer than kFrameMax
  std::uint64_t injected = 0;
  std::uint64_t inject_failed = 0;
};

class Capture {
 public:
  static Result<Capture> open(const std::string& interface, const Options& options);
  Capture(Capture&&) noexcept;
  Capture& operator=(Capture&&) noexcept;
  ~Capture();

  // Readable when frames wait; watch it with io::ReadableFd.
  int fd() const;
  // Hands out at most `max` waiting frames, never blocks; how many there were. A frame is valid
  // during its call only. An error means the interface is gone or down.
  Result<std::size_t> read_batch(std::size_t max, const std::function<void(ByteView)>& on_frame);
  // Sends frames; those that the kernel refuses are counted and left out.
  void inject(std::span<const ByteView> frames);
  Counters counters();
  const std::string& interface() const;

 private:
  struct State;
  explicit Capture(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace weft::capture
