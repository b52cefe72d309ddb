// SPDX-License-Identifier: Apache-2.0
#include "router/io/udp.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "router/io/internal/loop_context.h"

namespace weft::io {
namespace {

namespace asio = boost::asio;

// Datagrams per system call, and system calls before the loop looks at anything else.
constexpr std::size_t kBatch = 64;
constexpr int kBatchesPerTurn = 4;
constexpr std::size_t kDatagramMax = 65536;
constexpr int kSocketBuffer = 8 * 1024 * 1024;
// A full send buffer is waited for this long before the rest of a batch is dropped.
constexpr int kSendWaitMs = 5;

sockaddr_in to_sockaddr(Endpoint e) {
  sockaddr_in sa{};
  sa.sin_family = AF_INET;
  sa.sin_port = htons(e.port);
  sa.sin_addr.s_addr = htonl(e.ip.value);
  return sa;
}

Endpoint from_sockaddr(const sockaddr_in& sa) {
  return {.ip = {ntohl(sa.sin_addr.s_addr)}, .port = ntohs(sa.sin_port)};
}

Error system_error(std::string_view what) {
  return {.code = Errc::system, .sys_errno = errno, .what = what};
}

void set_option(int fd, int level, int name, int value) {
  ::setsockopt(fd, level, name, &value, sizeof value);
}

// As large as the system allows; root may go past the limit.
void grow_buffers(int fd) {
  int size = kSocketBuffer;
  if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0) {
    set_option(fd, SOL_SOCKET, SO_RCVBUF, size);
  }
  if (::setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) != 0) {
    set_option(fd, SOL_SOCKET, SO_SNDBUF, size);
  }
}

// One message header of a batch with its control data: SO_RXQ_OVFL in, IP_PKTINFO out.
struct Slot {
  sockaddr_in address{};
  iovec data{};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(in_pktinfo)) + 64> control{};
};

void set_source(msghdr& header, Slot& slot, Ipv4Addr from) {
  slot.control.fill(0);
  header.msg_control = slot.control.data();
  header.msg_controllen = CMSG_SPACE(sizeof(in_pktinfo));
  cmsghdr* cmsg = CMSG_FIRSTHDR(&header);
  cmsg->cmsg_level = IPPROTO_IP;
  cmsg->cmsg_type = IP_PKTINFO;
  cmsg->cmsg_len = CMSG_LEN(sizeof(in_pktinfo));
  in_pktinfo info{};
  info.ipi_spec_dst.s_addr = htonl(from.value);
  std::memcpy(CMSG_DATA(cmsg), &info, sizeof info);
}

}  // namespace

struct UdpSocket::State : std::enable_shared_from_this<UdpSocket::State> {
  explicit State(asio::io_context& context) : descriptor(context) {}

  void wait() {
    descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                          [self = shared_from_this()](const boost::system::error_code& ec) {
                            if (ec || self->closed) return;
                            for (int i = 0; i < kBatchesPerTurn && !self->closed; ++i) {
                              if (!self->receive_batch()) break;
                            }
                            if (!self->closed) self->wait();
                          });
  }

  // False when there was less than a full batch.
  bool receive_batch();
  std::size_t send_run(std::span<const OutgoingDatagram> run, std::size_t first,
                       const OnTooBig& on_too_big);
  void set_df(bool on);
  void after_error(const OutgoingDatagram& datagram, std::size_t index, const OnTooBig& on_too_big);

  asio::posix::stream_descriptor descriptor;
  OnBatch on_batch;
  bool closed = false;
  bool df = false;
  UdpCounters counters;
  Endpoint at;
  std::vector<Byte> buffer = std::vector<Byte>(kBatch * kDatagramMax);
  std::array<Slot, kBatch> slots{};
  std::array<mmsghdr, kBatch> headers{};
  std::vector<ReceivedDatagram> received;
};

bool UdpSocket::State::receive_batch() {
  for (std::size_t i = 0; i < kBatch; ++i) {
    Slot& slot = slots[i];
    slot.data = {buffer.data() + i * kDatagramMax, kDatagramMax};
    headers[i] = {};
    headers[i].msg_hdr = {.msg_name = &slot.address,
                          .msg_namelen = sizeof slot.address,
                          .msg_iov = &slot.data,
                          .msg_iovlen = 1,
                          .msg_control = slot.control.data(),
                          .msg_controllen = slot.control.size(),
                          .msg_flags = 0};
  }
  int n = ::recvmmsg(descriptor.native_handle(), headers.data(), kBatch, MSG_DONTWAIT, nullptr);
  if (n <= 0) return false;
  received.clear();
  for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
    msghdr& header = headers[i].msg_hdr;
    for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
      if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_RXQ_OVFL) continue;
      std::uint32_t lost = 0;
      std::memcpy(&lost, CMSG_DATA(c), sizeof lost);
      counters.overflowed = lost;
    }
    received.push_back({.from = from_sockaddr(slots[i].address),
                        .bytes = ByteSpan(buffer).subspan(i * kDatagramMax, headers[i].msg_len)});
    ++counters.received;
    counters.received_bytes += headers[i].msg_len;
  }
  on_batch(received);
  return static_cast<std::size_t>(n) == kBatch;
}

void UdpSocket::State::set_df(bool on) {
  if (std::exchange(df, on) == on) return;
  set_option(descriptor.native_handle(), IPPROTO_IP, IP_MTU_DISCOVER,
             on ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT);
}

// Sends one run of datagrams that agree on DF; returns how many are dealt with (sent or dropped).
std::size_t UdpSocket::State::send_run(std::span<const OutgoingDatagram> run, std::size_t first,
                                       const OnTooBig& on_too_big) {
  std::size_t count = std::min(run.size(), kBatch);
  for (std::size_t i = 0; i < count; ++i) {
    Slot& slot = slots[i];
    slot.address = to_sockaddr(run[i].to);
    slot.data = {const_cast<Byte*>(run[i].bytes.data()), run[i].bytes.size()};
    headers[i] = {};
    msghdr& header = headers[i].msg_hdr;
    header.msg_name = &slot.address;
    header.msg_namelen = sizeof slot.address;
    header.msg_iov = &slot.data;
    header.msg_iovlen = 1;
    if (run[i].from.value != 0) set_source(header, slot, run[i].from);
  }
  int n = ::sendmmsg(descriptor.native_handle(), headers.data(), static_cast<unsigned>(count), 0);
  if (n > 0) {
    for (int i = 0; i < n; ++i) {
      ++counters.sent;
      counters.sent_bytes += run[static_cast<std::size_t>(i)].bytes.size();
    }
    return static_cast<std::size_t>(n);
  }
  if (errno == EINTR) return 0;
  after_error(run.front(), first, on_too_big);
  return 1;
}

void UdpSocket::State::after_error(const OutgoingDatagram& datagram, std::size_t index,
                                   const OnTooBig& on_too_big) {
  if (errno == EMSGSIZE) {
    ++counters.too_big;
    if (datagram.df && on_too_big) on_too_big(index, path_mtu(datagram.from, datagram.to));
  } else if (errno == EAGAIN || errno == ENOBUFS) {
    pollfd writable{.fd = descriptor.native_handle(), .events = POLLOUT, .revents = 0};
    ::poll(&writable, 1, kSendWaitMs);
    ++counters.buffer_full;
  } else {
    ++counters.send_errors;
  }
}

Result<std::unique_ptr<UdpSocket>> UdpSocket::open(EventLoop& loop, Endpoint at) {
  int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP);
  if (fd < 0) return system_error("cannot open a UDP socket");
  auto state = std::make_shared<State>(loop.context().context);
  state->descriptor.assign(fd);
  set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
  set_option(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
  grow_buffers(fd);
  sockaddr_in sa = to_sockaddr(at);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&sa), sizeof sa) != 0) {
    return system_error("cannot bind the UDP port");
  }
  socklen_t size = sizeof sa;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&sa), &size);
  state->at = from_sockaddr(sa);
  return std::make_unique<UdpSocket>(std::move(state));
}

UdpSocket::UdpSocket(std::shared_ptr<State> state) : state_(std::move(state)) {}

UdpSocket::~UdpSocket() {
  state_->closed = true;
  boost::system::error_code ignored;
  state_->descriptor.close(ignored);
}

void UdpSocket::start(OnBatch on_batch) {
  state_->on_batch = std::move(on_batch);
  state_->wait();
}

void UdpSocket::send(std::span<const OutgoingDatagram> batch, const OnTooBig& on_too_big) {
  std::size_t at = 0;
  while (at < batch.size()) {
    auto rest = batch.subspan(at);
    bool df = rest.front().df;
    auto end = std::ranges::find_if(rest, [&](const OutgoingDatagram& d) { return d.df != df; });
    state_->set_df(df);
    at +=
        state_->send_run(rest.first(static_cast<std::size_t>(end - rest.begin())), at, on_too_big);
  }
}

Endpoint UdpSocket::endpoint() const {
  return state_->at;
}
const UdpCounters& UdpSocket::counters() const {
  return state_->counters;
}

int path_mtu(Ipv4Addr from, Endpoint to) {
  int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP);
  if (fd < 0) return 0;
  set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
  sockaddr_in local = to_sockaddr({.ip = from, .port = 0});
  sockaddr_in remote = to_sockaddr(to);
  int mtu = 0;
  socklen_t size = sizeof mtu;
  bool known = ::bind(fd, reinterpret_cast<const sockaddr*>(&local), sizeof local) == 0 &&
               ::connect(fd, reinterpret_cast<const sockaddr*>(&remote), sizeof remote) == 0 &&
               ::getsockopt(fd, IPPROTO_IP, IP_MTU, &mtu, &size) == 0;
  ::close(fd);
  return known ? mtu : 0;
}

}  // namespace weft::io
