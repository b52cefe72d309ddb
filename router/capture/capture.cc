// SPDX-License-Identifier: Apache-2.0
#include "router/capture/capture.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include <linux/if_packet.h>
#include <net/if.h>
#include <pcap/pcap.h>
#include <sys/socket.h>

#include "router/linux/unique_fd.h"

namespace weft::capture {
namespace {

using linux_net::UniqueFd;

// Frames per system call when injecting.
constexpr std::size_t kInjectBatch = 64;
// Since Linux 4.20; libc's headers may be older.
constexpr int kIgnoreOutgoing = 23;

Error capture_error(int sys_errno, std::string_view what) {
  const bool absent = sys_errno == ENODEV || sys_errno == ENXIO;
  return {absent ? Errc::not_found : Errc::system, sys_errno, what};
}

Error activation_error(int status) {
  switch (status) {
    case PCAP_ERROR_NO_SUCH_DEVICE:
      return capture_error(ENODEV, "pcap: no such interface");
    case PCAP_ERROR_PERM_DENIED:
      return capture_error(EPERM, "pcap: not permitted to capture");
    case PCAP_ERROR_IFACE_NOT_UP:
      return capture_error(ENETDOWN, "pcap: the interface is down");
    default:
      return capture_error(errno, "pcap: cannot capture on the interface");
  }
}

struct PcapCloser {
  void operator()(pcap_t* handle) const { pcap_close(handle); }
};
using PcapHandle = std::unique_ptr<pcap_t, PcapCloser>;

// libpcap counts the frames of its ring, the kernel the pages they lie in, which two frames of a
// common network fill by three quarters. All of it is resident from the start.
constexpr int kRingBytesPerMb = 750'000;

Result<PcapHandle> open_pcap(const std::string& interface, int buffer_mb) {
  std::array<char, PCAP_ERRBUF_SIZE> text{};
  PcapHandle handle(pcap_create(interface.c_str(), text.data()));
  if (!handle) return capture_error(ENOMEM, "pcap: out of memory");
  pcap_set_snaplen(handle.get(), static_cast<int>(kFrameMax));
  pcap_set_promisc(handle.get(), 1);
  pcap_set_immediate_mode(handle.get(), 1);
  pcap_set_buffer_size(handle.get(), buffer_mb * kRingBytesPerMb);
  if (const int status = pcap_activate(handle.get()); status < 0) return activation_error(status);
  if (pcap_datalink(handle.get()) != DLT_EN10MB) {
    return Error{Errc::unsupported, 0, "pcap: not an Ethernet interface"};
  }
  if (pcap_setnonblock(handle.get(), 1, text.data()) != 0 ||
      pcap_setdirection(handle.get(), PCAP_D_IN) != 0) {
    return capture_error(errno, "pcap: cannot set up the capture");
  }
  // libpcap leaves out what we send after it took place in the ring; the kernel can before.
  const int on = 1;
  static_cast<void>(
      ::setsockopt(pcap_fileno(handle.get()), SOL_PACKET, kIgnoreOutgoing, &on, sizeof on));
  return handle;
}

// Protocol 0: this socket receives nothing.
Result<UniqueFd> open_sender(const std::string& interface) {
  UniqueFd fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return capture_error(errno, "cannot open a packet socket");
  sockaddr_ll at{};
  at.sll_family = AF_PACKET;
  at.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
  if (at.sll_ifindex == 0) return capture_error(ENODEV, "no such interface to inject on");
  if (::bind(fd.value(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) {
    return capture_error(errno, "cannot bind a packet socket");
  }
  return fd;
}

// libpcap counts in 32 bits: follows one of its counters in 64.
struct WideCounter {
  std::uint64_t total = 0;
  std::uint32_t last = 0;

  void follow(std::uint32_t now) {
    total += static_cast<std::uint32_t>(now - last);
    last = now;
  }
};

}  // namespace

struct Capture::State {
  std::string interface;
  PcapHandle pcap;
  UniqueFd sender;
  WideCounter received, dropped, if_dropped;
  Counters own;  // what libpcap does not count
};

namespace {

struct Delivery {
  const std::function<void(ByteView)>* on_frame = nullptr;
  std::uint64_t truncated = 0;
};

void deliver(u_char* context, const pcap_pkthdr* header, const u_char* frame) {
  auto& delivery = *reinterpret_cast<Delivery*>(context);
  if (header->caplen < header->len) {
    ++delivery.truncated;
    return;
  }
  (*delivery.on_frame)({reinterpret_cast<const std::byte*>(frame), header->caplen});
}

}  // namespace

Capture::Capture(std::unique_ptr<State> state) : state_(std::move(state)) {}
Capture::Capture(Capture&&) noexcept = default;
Capture& Capture::operator=(Capture&&) noexcept = default;
Capture::~Capture() = default;

Result<Capture> Capture::open(const std::string& interface, const Options& options) {
  if (options.buffer_mb < 1 || options.buffer_mb > kBufferMbMax) {
    return Error{Errc::bad_value, 0, "capture buffer: not between 1 and 1024 MB"};
  }
  auto state = std::make_unique<State>();
  state->interface = interface;
  auto pcap = open_pcap(interface, options.buffer_mb);
  if (!pcap) return pcap.error();
  state->pcap = std::move(*pcap);
  auto sender = open_sender(interface);
  if (!sender) return sender.error();
  state->sender = std::move(*sender);
  return Capture(std::move(state));
}

int Capture::fd() const {
  return pcap_get_selectable_fd(state_->pcap.get());
}

Result<std::size_t> Capture::read_batch(std::size_t max,
                                        const std::function<void(ByteView)>& on_frame) {
  Delivery delivery{.on_frame = &on_frame};
  const int n =
      pcap_dispatch(state_->pcap.get(), static_cast<int>(std::min<std::size_t>(max, 65536)),
                    &deliver, reinterpret_cast<u_char*>(&delivery));
  state_->own.truncated += delivery.truncated;
  if (n < 0) return capture_error(ENETDOWN, "pcap: the interface is gone or down");
  return static_cast<std::size_t>(n);
}

void Capture::inject(std::span<const ByteView> frames) {
  std::array<mmsghdr, kInjectBatch> messages{};
  std::array<iovec, kInjectBatch> parts{};
  while (!frames.empty()) {
    const std::size_t n = std::min(frames.size(), kInjectBatch);
    for (std::size_t i = 0; i < n; ++i) {
      parts[i] = {const_cast<std::byte*>(frames[i].data()), frames[i].size()};
      messages[i] = {};
      messages[i].msg_hdr.msg_iov = &parts[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    const int sent =
        ::sendmmsg(state_->sender.value(), messages.data(), static_cast<unsigned>(n), 0);
    if (sent < 0 && errno == EINTR) continue;
    state_->own.injected += static_cast<std::uint64_t>(std::max(sent, 0));
    // The first of the rest is the one that was refused.
    const std::size_t refused = sent > 0 ? 0 : 1;
    state_->own.inject_failed += refused;
    frames = frames.subspan(static_cast<std::size_t>(std::max(sent, 0)) + refused);
  }
}

Counters Capture::counters() {
  pcap_stat now{};
  if (pcap_stats(state_->pcap.get(), &now) == 0) {
    state_->received.follow(now.ps_recv);
    state_->dropped.follow(now.ps_drop);
    state_->if_dropped.follow(now.ps_ifdrop);
  }
  Counters all = state_->own;
  all.received = state_->received.total;
  all.dropped = state_->dropped.total;
  all.if_dropped = state_->if_dropped.total;
  return all;
}

const std::string& Capture::interface() const {
  return state_->interface;
}

}  // namespace weft::capture
