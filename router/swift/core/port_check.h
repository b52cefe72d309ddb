// SPDX-License-Identifier: Apache-2.0
// Whether the workers' own source ports reach the other end unchanged: each is tried by a
// heartbeat of its own, again and again. Through a NAT, or where a firewall admits one port only,
// they do not, and one source port has to serve all streams.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/time_point.h"

namespace weft::swift {

class PortCheck {
 public:
  static constexpr std::chrono::seconds kInterval{2};
  static constexpr std::chrono::milliseconds kRetry{500};
  static constexpr int kTries = 3;
  // After a failure, which costs some speed but no frame.
  static constexpr std::chrono::seconds kAgain{60};

  // The source port of each stream.
  explicit PortCheck(std::vector<std::uint16_t> ports);

  void start(TimePoint now);
  void stop();
  // A heartbeat of `stream` arrived, and came from `seen_port` for its receiver.
  void on_echo(TimePoint now, std::uint8_t stream, std::uint16_t seen_port);
  // Appends the streams to send a heartbeat in now, each from its own port.
  void on_deadline(TimePoint now, std::vector<std::uint8_t>& streams);
  // A round that begins within `by` begins now.
  void hasten(TimePoint now, Duration by);
  std::optional<TimePoint> next_deadline() const { return deadline_; }

  // Every port got through, lately.
  bool usable() const { return usable_; }

 private:
  void finish(TimePoint now, bool usable);

  std::vector<std::uint16_t> ports_;
  std::vector<bool> answered_;  // in this round, by stream
  int tries_ = 0;
  bool usable_ = false;
  std::optional<TimePoint> deadline_;
};

}  // namespace weft::swift
