// SPDX-License-Identifier: Apache-2.0
#include "router/io/udp.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <linux/sock_diag.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include "base/ensure.h"
#include "router/io/internal/loop_context.h"
#include "router/io/internal/socket.h"

namespace weft::io {
namespace {

constexpr std::size_t kBatch = 64;               // datagrams per system call
constexpr std::size_t kDatagramMax = 64 * 1024;  // room per datagram received
constexpr int kBatchesPerTurn = 4;               // before the loop looks at anything else
// Asked for; the kernel may give less without CAP_NET_ADMIN.
constexpr int kSocketBuffer = 8 * 1024 * 1024;
constexpr int kMeminfoDrops = SK_MEMINFO_DROPS;

// Room for one control message that says which address to send from.
struct alignas(cmsghdr) SourceControl {
  std::array<char, CMSG_SPACE(sizeof(in_pktinfo))> bytes;
};

// One sendmmsg call's arguments.
struct SendBatch {
  std::array<mmsghdr, kBatch> messages;
  std::array<iovec, kBatch> parts;
  std::array<sockaddr_in, kBatch> to;
  std::array<SourceControl, kBatch> control;

  void fill(std::size_t i, const OutgoingDatagram& datagram) {
    to[i] = to_sockaddr(datagram.to);
    parts[i] = {const_cast<std::byte*>(datagram.bytes.data()), datagram.bytes.size()};
    msghdr header{};
    header.msg_name = &to[i];
    header.msg_namelen = sizeof to[i];
    header.msg_iov = &parts[i];
    header.msg_iovlen = 1;
    if (datagram.from != Ipv4Addr{}) add_source(i, datagram.from, header);
    messages[i] = {.msg_hdr = header, .msg_len = 0};
  }

  void add_source(std::size_t i, Ipv4Addr from, msghdr& header) {
    header.msg_control = control[i].bytes.data();
    header.msg_controllen = control[i].bytes.size();
    cmsghdr* cmsg = CMSG_FIRSTHDR(&header);
    cmsg->cmsg_level = IPPROTO_IP;
    cmsg->cmsg_type = IP_PKTINFO;
    cmsg->cmsg_len = CMSG_LEN(sizeof(in_pktinfo));
    in_pktinfo source{};
    source.ipi_spec_dst.s_addr = htonl(from.value);
    std::memcpy(CMSG_DATA(cmsg), &source, sizeof source);
  }
};

// Room for one control message that says of what size the datagrams were that the kernel joined.
struct alignas(cmsghdr) SizeControl {
  std::array<char, CMSG_SPACE(sizeof(int))> bytes;
};

// Of what size the joined datagrams of a message are; all of it if nothing was joined.
std::size_t datagram_size(msghdr& header, std::size_t size) {
  const cmsghdr* cmsg = CMSG_FIRSTHDR(&header);
  if (cmsg == nullptr || cmsg->cmsg_level != SOL_UDP || cmsg->cmsg_type != UDP_GRO) return size;
  int each = 0;
  std::memcpy(&each, CMSG_DATA(cmsg), sizeof each);
  return each > 0 ? static_cast<std::size_t>(each) : size;
}

// One recvmmsg call's arguments, and what came. Its 4 MB are touched only as far as datagrams are
// long, so mostly a page for each.
struct ReceiveBatch {
  std::array<mmsghdr, kBatch> messages{};
  std::array<iovec, kBatch> parts{};
  std::array<sockaddr_in, kBatch> from{};
  std::array<SizeControl, kBatch> control{};
  std::vector<ReceivedDatagram> datagrams;
  std::unique_ptr<std::byte[]> bytes{new std::byte[kBatch * kDatagramMax]};

  void prepare() {
    for (std::size_t i = 0; i < kBatch; ++i) {
      parts[i] = {bytes.get() + i * kDatagramMax, kDatagramMax};
      messages[i] = {};
      messages[i].msg_hdr.msg_name = &from[i];
      messages[i].msg_hdr.msg_namelen = sizeof from[i];
      messages[i].msg_hdr.msg_iov = &parts[i];
      messages[i].msg_hdr.msg_iovlen = 1;
      messages[i].msg_hdr.msg_control = control[i].bytes.data();
      messages[i].msg_hdr.msg_controllen = control[i].bytes.size();
    }
  }

  // Takes joined datagrams apart again.
  void split(std::size_t i) {
    const std::size_t size = messages[i].msg_len;
    const ByteSpan all(bytes.get() + i * kDatagramMax, size);
    const std::size_t each = datagram_size(messages[i].msg_hdr, size);
    const Endpoint sender = to_endpoint(from[i]);
    std::size_t at = 0;
    do {
      const std::size_t length = std::min(each, size - at);
      datagrams.push_back({.from = sender, .bytes = all.subspan(at, length)});
      at += length;
    } while (at < size);
  }
};

void enlarge_buffers(int fd) {
  for (const auto& [forced, plain] :
       {std::pair{SO_RCVBUFFORCE, SO_RCVBUF}, std::pair{SO_SNDBUFFORCE, SO_SNDBUF}}) {
    if (::setsockopt(fd, SOL_SOCKET, forced, &kSocketBuffer, sizeof kSocketBuffer) != 0) {
      set_option(fd, SOL_SOCKET, plain, kSocketBuffer);
    }
  }
}

}  // namespace

struct UdpSocket::State : std::enable_shared_from_this<State> {
  State(LoopContext& loop, OwnedFd fd)
      : descriptor(loop.io, fd.value()), endpoint(local_endpoint(fd.release())) {}

  int fd() { return descriptor.native_handle(); }

  void wait() {
    descriptor.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                          [self = shared_from_this()](boost::system::error_code failed) {
                            if (!failed && !self->gone) self->receive();
                          });
  }

  void receive() {
    for (int i = 0; i < kBatchesPerTurn && !gone; ++i) {
      incoming.prepare();
      const int n = ::recvmmsg(fd(), incoming.messages.data(), kBatch, MSG_DONTWAIT, nullptr);
      // Beside EAGAIN, errors of earlier datagrams may come: each is taken off by being read.
      if (n <= 0) break;
      hand_over(static_cast<std::size_t>(n));
      if (static_cast<std::size_t>(n) < kBatch) break;
    }
    if (!gone) wait();
  }

  void hand_over(std::size_t n) {
    incoming.datagrams.clear();
    for (std::size_t i = 0; i < n; ++i) {
      counters.received_bytes += incoming.messages[i].msg_len;
      incoming.split(i);
    }
    counters.received += incoming.datagrams.size();
    on_batch(incoming.datagrams);
  }

  // The kernel decides by this setting at the moment of sending.
  void set_df(bool on) {
    if (df == on) return;
    df = on;
    set_option(fd(), IPPROTO_IP, IP_MTU_DISCOVER, on ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT);
  }

  // Sends datagrams of one kind; how many of them are done with, for good or ill.
  std::size_t send_some(std::span<const OutgoingDatagram> batch, std::size_t first,
                        const OnTooBig& on_too_big) {
    const std::size_t n = std::min(batch.size(), kBatch);
    for (std::size_t i = 0; i < n; ++i)
      outgoing.fill(i, batch[i]);
    const int sent =
        ::sendmmsg(fd(), outgoing.messages.data(), static_cast<unsigned>(n), MSG_DONTWAIT);
    if (sent > 0) {
      counters.sent += static_cast<std::uint64_t>(sent);
      for (std::size_t i = 0; i < static_cast<std::size_t>(sent); ++i) {
        counters.sent_bytes += batch[i].bytes.size();
      }
      return static_cast<std::size_t>(sent);
    }
    if (errno == EINTR) return 0;
    count_failure(errno, batch.front(), first, on_too_big);
    return 1;
  }

  void count_failure(int sys_errno, const OutgoingDatagram& datagram, std::size_t index,
                     const OnTooBig& on_too_big) {
    if (sys_errno == EMSGSIZE && datagram.df) {
      ++counters.too_big;
      if (on_too_big) on_too_big(index, path_mtu(datagram.from, datagram.to));
    } else if (sys_errno == EAGAIN || sys_errno == ENOBUFS) {
      ++counters.buffer_full;
    } else {
      ++counters.send_errors;
    }
  }

  boost::asio::posix::stream_descriptor descriptor;
  Endpoint endpoint;
  OnBatch on_batch;
  ReceiveBatch incoming;
  SendBatch outgoing{};
  UdpCounters counters;
  bool df = false;
  bool gone = false;
};

UdpSocket::UdpSocket(std::shared_ptr<State> state) : state_(std::move(state)) {}

UdpSocket::~UdpSocket() {
  state_->gone = true;
  boost::system::error_code ignored;
  state_->descriptor.close(ignored);
}

Result<std::unique_ptr<UdpSocket>> UdpSocket::open(EventLoop& loop, Endpoint at) {
  auto fd = open_socket(SOCK_DGRAM);
  if (!fd) return fd.error();
  set_option(fd->value(), IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
  // Datagrams of a train then come in one piece. Where the kernel cannot, they come singly.
  set_option(fd->value(), SOL_UDP, UDP_GRO, 1);
  enlarge_buffers(fd->value());
  if (auto bound = bind_socket(fd->value(), at); !bound) return bound.error();
  return std::make_unique<UdpSocket>(std::make_shared<State>(loop.context(), std::move(*fd)));
}

void UdpSocket::start(OnBatch on_batch) {
  ensure(!state_->on_batch, "a UDP socket is started once");
  state_->on_batch = std::move(on_batch);
  state_->wait();
}

void UdpSocket::send(std::span<const OutgoingDatagram> batch, const OnTooBig& on_too_big) {
  std::size_t at = 0;
  while (at < batch.size()) {
    const bool df = batch[at].df;
    const auto rest = batch.subspan(at);
    const auto end = std::find_if(rest.begin(), rest.end(),
                                  [&](const OutgoingDatagram& d) { return d.df != df; });
    state_->set_df(df);
    at +=
        state_->send_some(rest.first(static_cast<std::size_t>(end - rest.begin())), at, on_too_big);
  }
}

Endpoint UdpSocket::endpoint() const {
  return state_->endpoint;
}

int UdpSocket::fd() const {
  return state_->fd();
}

const UdpCounters& UdpSocket::counters() const {
  std::array<std::uint32_t, SK_MEMINFO_VARS> memory{};
  socklen_t size = sizeof memory;
  if (::getsockopt(state_->fd(), SOL_SOCKET, SO_MEMINFO, memory.data(), &size) == 0) {
    state_->counters.overflowed = memory[kMeminfoDrops];
  }
  return state_->counters;
}

int path_mtu(Ipv4Addr from, Endpoint to) {
  // The kernel tells it for connected sockets only.
  const auto probe = open_socket(SOCK_DGRAM);
  if (!probe) return 0;
  if (from != Ipv4Addr{} && !bind_socket(probe->value(), {.ip = from, .port = 0})) return 0;
  const sockaddr_in address = to_sockaddr(to);
  int mtu = 0;
  socklen_t size = sizeof mtu;
  if (::connect(probe->value(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::getsockopt(probe->value(), IPPROTO_IP, IP_MTU, &mtu, &size) != 0) {
    return 0;
  }
  return mtu;
}

}  // namespace weft::io
