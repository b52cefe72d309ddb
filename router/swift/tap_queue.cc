// SPDX-License-Identifier: Apache-2.0
#include "router/swift/tap_queue.h"

#include <algorithm>
#include <cerrno>

#include <unistd.h>

namespace weft::swift {
namespace {

iovec part_of(ByteView bytes) {
  return {.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};
}

}  // namespace

TapQueue::TapQueue(int fd)
    : fd_(fd), room_(new Byte[Forwarder::kHeadroom + Forwarder::kFrameMax]) {}

std::optional<TapQueue::Frame> TapQueue::read() {
  for (;;) {
    std::array<Byte, VnetHeader::kSize> header{};
    Byte* const frame = room_.get() + Forwarder::kHeadroom;
    const std::array parts{iovec{.iov_base = header.data(), .iov_len = header.size()},
                           iovec{.iov_base = frame, .iov_len = Forwarder::kFrameMax}};
    const ssize_t n = ::readv(fd_, parts.data(), static_cast<int>(parts.size()));
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) lost_ = errno;
      return std::nullopt;
    }
    ++counters_.reads;
    const auto size = static_cast<std::size_t>(n);
    const auto parsed = size > header.size() ? VnetHeader::parse(ByteView(header)) : std::nullopt;
    if (!parsed) {
      ++counters_.malformed;
      continue;
    }
    return Frame{.header = *parsed,
                 .room = {room_.get(), Forwarder::kHeadroom + size - header.size()}};
  }
}

void TapQueue::write(const Injection& injection, const Output& output) {
  std::array<Byte, VnetHeader::kSize> header{};
  injection.header.write(header);
  if (injection.count >= kPartsMax) {
    ++counters_.write_failed;
    return;
  }
  parts_[0] = part_of(header);
  for (std::size_t i = 0; i < injection.count; ++i) {
    parts_[i + 1] = part_of(output.pieces[injection.first + i]);
  }
  ++counters_.writes;
  if (::writev(fd_, parts_.data(), static_cast<int>(injection.count + 1)) < 0) {
    ++counters_.write_failed;
  }
}

void TapQueue::write_plain(ByteView frame) {
  std::array<Byte, VnetHeader::kSize> header{};
  VnetHeader{}.write(header);
  const std::array parts{part_of(header), part_of(frame)};
  ++counters_.writes;
  if (::writev(fd_, parts.data(), static_cast<int>(parts.size())) < 0) ++counters_.write_failed;
}

}  // namespace weft::swift
