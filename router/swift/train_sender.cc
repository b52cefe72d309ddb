// SPDX-License-Identifier: Apache-2.0
#include "router/swift/train_sender.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>

namespace weft::swift {
namespace {

// How long a full socket buffer is waited for, in ms, before a train is dropped.
constexpr int kBufferWait = 1;

constexpr std::size_t kControlSize =
    CMSG_SPACE(sizeof(in_pktinfo)) + CMSG_SPACE(sizeof(std::uint16_t));

// The control messages of one call: where from, and how long each datagram is.
struct Control {
  alignas(cmsghdr) std::array<char, kControlSize> bytes{};
  std::size_t used = 0;

  template <class T>
  void add(int level, int type, const T& value) {
    cmsghdr header{};
    header.cmsg_len = CMSG_LEN(sizeof value);
    header.cmsg_level = level;
    header.cmsg_type = type;
    std::memcpy(bytes.data() + used, &header, sizeof header);
    std::memcpy(bytes.data() + used + CMSG_LEN(0), &value, sizeof value);
    used += CMSG_SPACE(sizeof value);
  }
};

bool wait_for_room(int fd) {
  pollfd wanted{.fd = fd, .events = POLLOUT, .revents = 0};
  return ::poll(&wanted, 1, kBufferWait) == 1;
}

// Where a call sends to and from, and in datagrams of what size.
struct Envelope {
  Envelope(const Train& train, std::uint16_t segment_size) {
    to.sin_family = AF_INET;
    to.sin_port = htons(train.to.port);
    to.sin_addr.s_addr = htonl(train.to.ip.value);
    if (train.local != Ipv4Addr{}) {
      in_pktinfo source{};
      source.ipi_spec_dst.s_addr = htonl(train.local.value);
      control.add(IPPROTO_IP, IP_PKTINFO, source);
    }
    if (segment_size != 0) control.add(SOL_UDP, UDP_SEGMENT, segment_size);
  }

  msghdr around(iovec& part) {
    msghdr message{};
    message.msg_name = &to;
    message.msg_namelen = sizeof to;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (control.used != 0) message.msg_control = control.bytes.data();
    message.msg_controllen = control.used;
    return message;
  }

  sockaddr_in to{};
  Control control;
};

iovec part_of(ByteView bytes) {
  return {.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};
}

}  // namespace

Sent TrainSender::send(TimePoint now, const Train& train) {
  const int fd = train.one_source_port ? sockets_.common.value() : sockets_.own.value();
  if (train.segments > 1 && refuses(now, train.to.ip)) return send_singly(fd, train);
  const int failed = send_whole(fd, train);
  if (failed == 0) return Sent::done;
  const bool refused = failed == EIO || failed == EINVAL || failed == EOPNOTSUPP;
  if (train.segments <= 1 || !refused) return count_failure(failed, train.segments);
  // EINVAL is also said of datagrams that are too long for the link: then they fail singly too, and
  // trains were not at fault.
  const Sent singly = send_singly(fd, train);
  if (singly == Sent::done) note_refusal(now, train.to.ip, failed);
  return singly;
}

bool TrainSender::refuses(TimePoint now, Ipv4Addr to) const {
  if (!first_refusal_) return false;
  return std::ranges::any_of(refusing_,
                             [&](const Refusing& r) { return r.to == to && now < r.until; });
}

void TrainSender::note_refusal(TimePoint now, Ipv4Addr to, int sys_errno) {
  if (!first_refusal_) first_refusal_ = TrainRefusal{.to = to, .sys_errno = sys_errno};
  auto place = std::ranges::find(refusing_, to, &Refusing::to);
  if (place == refusing_.end()) {
    place = refusing_.begin() + static_cast<std::ptrdiff_t>(next_refusing_);
    next_refusing_ = (next_refusing_ + 1) % refusing_.size();
  }
  *place = {.to = to, .until = now + kTryAgain};
}

int TrainSender::send_whole(int fd, const Train& train) {
  Envelope envelope(train, train.segments > 1 ? train.segment_size : 0);
  iovec part = part_of(train.bytes);
  const msghdr message = envelope.around(part);
  ++counters_.calls;
  for (int attempt = 0;; ++attempt) {
    if (::sendmsg(fd, &message, MSG_DONTWAIT) >= 0) return 0;
    const int failed = errno;
    if (failed == EINTR) continue;
    const bool full = failed == EAGAIN || failed == ENOBUFS;
    if (!full || attempt > 0 || !wait_for_room(fd)) return failed;
  }
}

Sent TrainSender::send_singly(int fd, const Train& train) {
  Envelope envelope(train, 0);
  std::array<iovec, Train::kSegmentsMax> parts{};
  std::array<mmsghdr, Train::kSegmentsMax> messages{};
  unsigned count = 0;
  for (std::size_t at = 0; at < train.bytes.size() && count < parts.size(); ++count) {
    const std::size_t size = std::min<std::size_t>(train.segment_size, train.bytes.size() - at);
    parts[count] = part_of(train.bytes.subspan(at, size));
    messages[count] = {.msg_hdr = envelope.around(parts[count]), .msg_len = 0};
    at += size;
  }
  Sent worst = Sent::done;
  bool waited = false;
  for (unsigned sent = 0; sent < count;) {
    ++counters_.calls;
    const int n = ::sendmmsg(fd, &messages[sent], count - sent, MSG_DONTWAIT);
    if (n > 0) sent += static_cast<unsigned>(n);
    if (n > 0 || errno == EINTR) continue;
    const int failed = errno;  // of the first that is left
    const bool full = failed == EAGAIN || failed == ENOBUFS;
    if (full && !std::exchange(waited, true) && wait_for_room(fd)) continue;
    worst = count_failure(failed, 1);
    ++sent;
  }
  return worst;
}

Sent TrainSender::count_failure(int sys_errno, std::uint64_t datagrams) {
  switch (sys_errno) {
    case EMSGSIZE:
      counters_.too_big += datagrams;
      return Sent::too_big;
    case EAGAIN:
    case ENOBUFS:
      counters_.buffer_full += datagrams;
      return Sent::dropped;
    default:
      counters_.failed += datagrams;
      return Sent::dropped;
  }
}

}  // namespace weft::swift
