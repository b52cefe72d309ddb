// SPDX-License-Identifier: Apache-2.0
// Reads what a peer writes on a connection without password as Weave's daemon would, and knows by
// what that daemon crashes, hangs or throws its connection away. Simulated peers must never write
// such a thing, whatever happens to them.
#pragma once

#include <string>

#include "base/bytes.h"

namespace weft::sim {

class GoReader {
 public:
  // The next bytes of the stream, in any pieces.
  void feed(ByteView bytes);
  // Empty, or the first thing that Weave's daemon would not survive or not accept.
  const std::string& breach() const { return breach_; }

 private:
  // How much of what is buffered was one whole item; 0: more is needed.
  std::size_t read_opening();
  std::size_t read_frame();
  void read_features(ByteView message);
  void read_message(ByteView message);
  void read_topology(ByteView payload);
  void read_ring(ByteView payload);
  void read_ipam_unicast(ByteView payload);
  void expect(bool good, const char* otherwise) {
    if (!good && breach_.empty()) breach_ = otherwise;
  }

  Bytes buffer_;
  enum class Awaits { opening, features, messages } awaits_ = Awaits::opening;
  std::string breach_;
};

}  // namespace weft::sim
