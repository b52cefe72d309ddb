// SPDX-License-Identifier: Apache-2.0
#include "router/swift/datagram_source.h"

#include <algorithm>
#include <cstring>

#include <netinet/udp.h>

namespace weft::swift {
namespace {

// A batch aims at so many bytes, of which a second-level cache holds a good part.
constexpr std::size_t kBatchBytes = 256 * 1024;
constexpr std::size_t kMessagesMin = 4;

// Of what size the joined datagrams of a message are; all of it if nothing was joined.
std::size_t datagram_size(const msghdr& header, std::size_t size) {
  const cmsghdr* control = CMSG_FIRSTHDR(&header);
  if (control == nullptr || control->cmsg_level != SOL_UDP || control->cmsg_type != UDP_GRO) {
    return size;
  }
  int each = 0;
  std::memcpy(&each, CMSG_DATA(control), sizeof each);
  return each > 0 ? static_cast<std::size_t>(each) : size;
}

}  // namespace

DatagramSource::DatagramSource(int fd)
    : fd_(fd),
      bytes_(new Byte[kMessagesMax * kMessageSize]),
      headers_(kMessagesMax),
      parts_(kMessagesMax),
      from_(kMessagesMax),
      controls_(kMessagesMax) {
  for (std::size_t i = 0; i < kMessagesMax; ++i) {
    parts_[i] = {.iov_base = bytes_.get() + i * kMessageSize, .iov_len = kMessageSize};
  }
  // The most that can come: every message a full train of the smallest datagrams seen in practice.
  datagrams_.reserve(kMessagesMax * 64);
}

void DatagramSource::prepare(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    msghdr& header = headers_[i].msg_hdr;
    header = {};
    header.msg_name = &from_[i];
    header.msg_namelen = sizeof from_[i];
    header.msg_iov = &parts_[i];
    header.msg_iovlen = 1;
    header.msg_control = controls_[i].bytes;
    header.msg_controllen = sizeof controls_[i].bytes;
  }
}

const std::vector<DatagramSource::Datagram>& DatagramSource::fetch() {
  datagrams_.clear();
  prepare(want_);
  ++calls_;
  const int n =
      ::recvmmsg(fd_, headers_.data(), static_cast<unsigned>(want_), MSG_DONTWAIT, nullptr);
  // Beside EAGAIN, errors of earlier datagrams may come: each is taken off by being read.
  if (n <= 0) return datagrams_;
  std::size_t total = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
    total += headers_[i].msg_len;
    split(i);
  }
  const std::size_t mean = std::max<std::size_t>(1, total / static_cast<std::size_t>(n));
  want_ = std::clamp(kBatchBytes / mean, kMessagesMin, kMessagesMax);
  return datagrams_;
}

void DatagramSource::split(std::size_t message) {
  const std::size_t size = headers_[message].msg_len;
  const ByteSpan all(bytes_.get() + message * kMessageSize, size);
  const Endpoint from{.ip = {ntohl(from_[message].sin_addr.s_addr)},
                      .port = ntohs(from_[message].sin_port)};
  const std::size_t each = datagram_size(headers_[message].msg_hdr, size);
  std::size_t at = 0;
  do {
    const std::size_t length = std::min(each, size - at);
    datagrams_.push_back({.from = from, .bytes = all.subspan(at, length)});
    at += length;
  } while (at < size);
}

}  // namespace weft::swift
