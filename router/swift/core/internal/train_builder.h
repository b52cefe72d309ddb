// SPDX-License-Identifier: Apache-2.0
// Packs the datagrams of one tunnel into trains: equal sizes share one, a shorter one ends it. One
// train per tunnel is open at a time, so order is kept.
#pragma once

#include <cstddef>
#include <optional>

#include "base/bytes.h"
#include "router/swift/core/output.h"

namespace weft::swift {

class TrainBuilder {
 public:
  // Room for a datagram of `size` bytes, which belongs to the open train or to a new one that is
  // made after `model`.
  ByteSpan slot(std::size_t size, const Train& model, Output& out);
  bool open() const { return open_; }
  // The next datagram starts a train.
  void close(Output& out);

 private:
  bool fits(std::size_t size, const Train& train) const;
  void start(std::size_t size, const Train& model, Output& out);

  bool open_ = false;
  std::size_t train_ = 0;  // in Output::trains
  ByteSpan room_;          // what the train may still grow by
};

}  // namespace weft::swift
