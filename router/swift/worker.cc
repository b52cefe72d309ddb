// SPDX-License-Identifier: Apache-2.0
#include "router/swift/worker.h"

#include <array>
#include <csignal>
#include <ctime>
#include <string>
#include <utility>

#include <poll.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace weft::swift {
namespace {

// A turn takes so much from one side before it looks at the other. Bytes are those of the frames
// made; a second-level cache holds a good part of them.
constexpr std::size_t kFramesPerTurn = 64;
constexpr std::size_t kBytesPerTurn = 256 * 1024;
constexpr std::size_t kOrdersPerTurn = 256;
// At most one report of a datagram that was too big in this time.
constexpr std::chrono::milliseconds kTooBigInterval{100};

TimePoint monotonic_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return TimePoint(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

// How long the scheduler lets a worker run before others on its core get their turn. A short slice
// also means an early deadline: a worker that wakes up need not wait until a busy process of its
// core has used up its own, ten times longer slice. Linux 6.12 and later; older kernels ignore it.
constexpr std::uint64_t kSliceNs = 300'000;

// struct sched_attr of linux/sched/types.h, its first version, which libc does not declare.
struct SchedulingAttributes {
  std::uint32_t size = 48;
  std::uint32_t policy = 0;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0;
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;
};

void shorten_slice() {
  SchedulingAttributes attributes;
  if (::syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return;
  attributes.runtime = kSliceNs;
  static_cast<void>(::syscall(SYS_sched_setattr, 0, &attributes, 0));
}

}  // namespace

Worker::Worker(Parts parts)
    : sockets_(std::move(parts.sockets)),
      tap_fd_(parts.tap_fd),
      link_(parts.link),
      forwarder_(parts.forwarder),
      tap_(parts.tap_fd),
      source_(sockets_.common.value()),
      sender_(sockets_) {}

Worker::~Worker() {
  if (!thread_.joinable()) return;
  link_.stop();
  thread_.join();
}

void Worker::start() {
  // Signals are the control thread's.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Worker::run() {
  ::pthread_setname_np(::pthread_self(), "swift");
  shorten_slice();
  while (!link_.stopped()) {
    now_ = monotonic_now();
    bool busy = take_orders();
    if (frames_wait_) busy = read_frames() || busy;
    if (datagrams_wait_) busy = read_datagrams() || busy;
    // What the kernel said holds for the turn after the sleep only.
    frames_wait_ = true;
    datagrams_wait_ = true;
    publish();
    if (!busy) wait();
  }
}

void Worker::wait() {
  ++waits_;
  std::array wanted{pollfd{.fd = link_.bell().fd(), .events = POLLIN, .revents = 0},
                    pollfd{.fd = sockets_.common.value(), .events = POLLIN, .revents = 0},
                    pollfd{.fd = told_lost_ ? -1 : tap_fd_, .events = POLLIN, .revents = 0}};
  if (::poll(wanted.data(), wanted.size(), -1) < 0) return;
  if (wanted[0].revents != 0) link_.bell().silence();
  datagrams_wait_ = wanted[1].revents != 0;
  frames_wait_ = wanted[2].revents != 0;
}

bool Worker::take_orders() {
  const std::size_t taken = link_.take_orders(kOrdersPerTurn, *this, [this] { look_for_spec(); });
  if (taken > 0) end_batch();
  return taken > 0;
}

void Worker::look_for_spec() {
  const auto spec = link_.specs().take();
  if (!spec) return;
  // Orders may have begun a batch, which belongs to the Spec they were given under.
  end_batch();
  forwarder_.apply(*spec);
  link_.specs().acknowledge();
  link_.announce_spec();
}

bool Worker::read_frames() {
  std::size_t frames = 0;
  while (frames < kFramesPerTurn && out_.arena.used() < kBytesPerTurn) {
    const auto frame = tap_.read();
    if (!frame) break;
    ++frames;
    forwarder_.on_super_frame(now_, frame->header, frame->room, out_);
  }
  if (frames > 0) end_batch();
  note_refusals();
  return frames > 0;
}

bool Worker::read_datagrams() {
  const auto& datagrams = source_.fetch();
  for (const DatagramSource::Datagram& datagram : datagrams) {
    forwarder_.on_datagram(now_, datagram.from, datagram.bytes, out_);
    if (out_.full()) end_batch();
  }
  if (!datagrams.empty()) end_batch();
  return !datagrams.empty();
}

void Worker::end_batch() {
  forwarder_.flush(now_, out_);
  for (const Train& train : out_.trains) {
    if (sender_.send(now_, train) == Sent::too_big) note_too_big(train);
  }
  for (const Injection& injection : out_.injections)
    tap_.write(injection, out_);
  for (const Event& event : out_.events)
    link_.report(event);
  for (const FrameForControl& frame : out_.for_control) {
    link_.report(frame, std::span(out_.hops).subspan(frame.first_hop, frame.hop_count));
  }
  out_.clear();
  link_.announce();
}

void Worker::note_too_big(const Train& train) {
  if (told_too_big_ && now_ - *told_too_big_ < kTooBigInterval) return;
  told_too_big_ = now_;
  link_.report(TooBig{.tunnel = train.tunnel, .to = train.to, .local = train.local});
}

void Worker::note_refusals() {
  if (sender_.refusal() && !std::exchange(told_refused_, true)) {
    link_.report(TrainsRefused{*sender_.refusal()});
    link_.announce();
  }
  if (tap_.lost() && !std::exchange(told_lost_, true)) {
    link_.report(TapLost{.sys_errno = *tap_.lost()});
    link_.announce();
  }
}

void Worker::publish() {
  link_.publish({.path = forwarder_.counters(),
                 .tap = tap_.counters(),
                 .sending = sender_.counters(),
                 .receive_calls = source_.calls(),
                 .waits = waits_});
}

void Worker::on_learn(const Learnt& learnt) {
  forwarder_.learn(now_, learnt.mac, learnt.peer);
}
void Worker::on_forget(PeerName peer) {
  forwarder_.forget(peer);
}
void Worker::on_transmit(const Forwarder::Transmit& where, ByteView frame) {
  forwarder_.on_transmit(now_, where, frame, out_);
}
void Worker::on_probe(std::uint32_t tunnel, const Probe& probe) {
  forwarder_.on_probe(tunnel, probe, out_);
}

}  // namespace weft::swift
