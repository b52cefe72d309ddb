// SPDX-License-Identifier: Apache-2.0
// Fetches datagrams in batches; trains that the kernel joined (UDP_GRO) come in one piece and are
// handed out singly. The memory of a batch stays as it is until the next.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/ip.h"

namespace weft::swift {

class DatagramSource {
 public:
  struct Datagram {
    Endpoint from;
    ByteSpan bytes;
  };

  // `fd` stays its owner's.
  explicit DatagramSource(int fd);

  // What waits, at most kMessagesMax trains or single datagrams; empty if nothing does. Valid until
  // the next call, which reuses the memory.
  const std::vector<Datagram>& fetch();
  std::uint64_t calls() const { return calls_; }

  static constexpr std::size_t kMessagesMax = 64;

 private:
  struct Message;
  void prepare(std::size_t count);
  void split(std::size_t message);

  static constexpr std::size_t kMessageSize = 64 * 1024;
  static constexpr std::size_t kControlSize = CMSG_SPACE(sizeof(int));

  int fd_;
  std::unique_ptr<Byte[]> bytes_;  // kMessagesMax times kMessageSize; touched as far as filled
  std::vector<mmsghdr> headers_;
  std::vector<iovec> parts_;
  std::vector<sockaddr_in> from_;
  struct alignas(cmsghdr) Control {
    char bytes[kControlSize];
  };
  std::vector<Control> controls_;
  std::vector<Datagram> datagrams_;
  // How many messages to ask for: few while trains come, so that what is read stays in the cache.
  std::size_t want_ = kMessagesMax;
  std::uint64_t calls_ = 0;
};

}  // namespace weft::swift
