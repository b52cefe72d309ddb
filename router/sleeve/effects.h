// SPDX-License-Identifier: Apache-2.0
// What a sleeve tunnel asks of the data plane, as values. Datagrams lie in an arena that the caller
// owns and reuses, so that nothing is allocated per packet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ip.h"
#include "base/log.h"

namespace weft::sleeve {

// Memory that only grows, borrowed from the caller; `used` bytes at its front are taken. Spans into
// it are valid until the next reserve().
class Arena {
 public:
  void bind(Bytes& memory, std::size_t& used) {
    memory_ = &memory;
    used_ = &used;
  }
  // Where `size` bytes of unspecified content now start.
  std::size_t reserve(std::size_t size) {
    const std::size_t offset = *used_;
    *used_ += size;
    if (*used_ > memory_->size()) memory_->resize(*used_ + *used_ / 2);
    return offset;
  }
  // Gives back the end of the latest reservation; without effect for an earlier one.
  void trim(std::size_t end_reserved, std::size_t end_used) {
    if (*used_ == end_reserved) *used_ = end_used;
  }
  ByteSpan at(std::size_t offset, std::size_t size) {
    return ByteSpan(*memory_).subspan(offset, size);
  }

 private:
  Bytes* memory_ = nullptr;
  std::size_t* used_ = nullptr;
};

struct Datagram {
  Endpoint to;
  bool df = false;
  std::size_t offset = 0;  // in the arena
  std::size_t size = 0;
};

struct Control {  // to the other end's sleeve
  std::uint8_t tag = 0;
  std::optional<std::uint16_t> mtu;  // the body, if there is one
};

struct Effects {
  Arena arena;
  std::vector<Datagram> datagrams;
  std::vector<Control> controls;
  bool established = false;           // data flows towards the neighbour
  std::optional<std::string> failed;  // the tunnel is dead, and why
  std::vector<LogLine> log;
};

}  // namespace weft::sleeve
