// SPDX-License-Identifier: Apache-2.0
// One packet worker: a thread that carries frames between one queue of the TAP device and its own
// sockets, as its Forwarder says. It shares nothing with other workers, takes no lock, and sleeps
// when there is nothing to do.
#pragma once

#include <thread>

#include "router/swift/datagram_source.h"
#include "router/swift/udp_group.h"
#include "router/swift/worker_link.h"

namespace weft::swift {

class Worker final : private OrderHandler {
 public:
  struct Parts {
    Forwarder::Config forwarder;
    int tap_fd = -1;  // its owner's, which outlives the worker
    WorkerSockets sockets;
    WorkerLink& link;  // outlives the worker
  };
  // Nothing runs before start(). The destructor stops the thread and waits for it.
  explicit Worker(Parts parts);
  ~Worker() override;
  void start();

 private:
  void run();
  bool take_orders();
  void look_for_spec();
  bool read_frames();
  bool read_datagrams();
  void end_batch();
  void note_too_big(const Train& train);
  void note_refusals();
  void wait();
  void publish();

  void on_learn(const Learnt& learnt) override;
  void on_forget(PeerName peer) override;
  void on_transmit(const Forwarder::Transmit& where, ByteView frame) override;
  void on_probe(std::uint32_t tunnel, const Probe& probe) override;

  WorkerSockets sockets_;
  int tap_fd_;
  WorkerLink& link_;
  Forwarder forwarder_;
  TapQueue tap_;
  DatagramSource source_;
  TrainSender sender_;
  Output out_;
  TimePoint now_;  // of this turn
  // What the kernel said when the worker woke up.
  bool frames_wait_ = true;
  bool datagrams_wait_ = true;
  std::uint64_t waits_ = 0;
  // News that are told once, or seldom.
  bool told_refused_ = false;
  bool told_lost_ = false;
  std::optional<TimePoint> told_too_big_;
  std::thread thread_;
};

}  // namespace weft::swift
