// SPDX-License-Identifier: Apache-2.0
// The Forwarder's state and the steps of a frame's way: chosen legs, sealing per leg, handing on to
// the control thread, injecting.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "router/overlay/forwarding.h"
#include "router/packet/icmp.h"
#include "router/swift/core/coalesce.h"
#include "router/swift/core/forwarder.h"
#include "router/swift/core/fragments.h"
#include "router/swift/core/internal/channel_table.h"
#include "router/swift/core/segment.h"

namespace weft::swift {

class Forwarder::Core {
 public:
  explicit Core(const Config& config);

  void apply(const Spec& spec);
  void learn(TimePoint now, MacAddr mac, PeerName peer);
  void forget(PeerName peer);
  void on_super_frame(TimePoint now, const VnetHeader& header, ByteSpan room, Output& out);
  void on_datagram(TimePoint now, Endpoint from, ByteSpan datagram, Output& out);
  void on_transmit(TimePoint now, const Transmit& where, ByteView frame, Output& out);
  void on_probe(std::uint32_t tunnel, const Probe& probe, Output& out);
  void flush(TimePoint now, Output& out);
  const Counters& counters() const { return counters_; }

 private:
  // Between which peers a frame travels, and how it came.
  struct Passage {
    PeerName source;
    PeerName destination;  // not with flood
    bool flood = false;
    const Channel* from = nullptr;  // null: from the TAP device, the control thread or ourselves
    // Too large a frame may be answered instead of being cut.
    bool answerable = true;
  };
  // A hop that swift carries.
  struct Leg {
    Channel* channel = nullptr;
    PeerName destination;
  };
  // The last frame that was for us alone. Frames of a train have the same answer.
  struct LastInjected {
    const Channel* from = nullptr;
    PeerName source;
    PeerName destination;
    TimePoint now;
    std::array<Byte, 12> macs{};
  };

  // A datagram that opened and is new.
  struct Arrival {
    TimePoint now;
    Endpoint from;
    Outer outer;
    const Channel* channel = nullptr;
    ByteSpan datagram;
    ByteView text;
  };

  // sending.cc: legs_ and what is left for the control thread, then each segment over all of them.
  void choose_legs(const Passage& passage, Output& out);
  void add_leg(PeerName hop, PeerName destination, const Passage& passage, Output& out);
  // False: the frame was answered, and the rest of it is not wanted.
  bool carry(const Segment& segment, const Passage& passage, Output& out);
  bool send(const Leg& leg, const Segment& segment, const Passage& passage, Output& out);
  bool send_too_big(const Leg& leg, const Segment& segment, const Passage& passage, Output& out);
  void send_fragments(const Leg& leg, const Segment& segment, const Passage& passage, Output& out);
  bool seal(Channel& channel, ByteView text, Output& out);
  std::size_t write_prefix(const Leg& leg, Inner inner, const Passage& passage, Byte* end) const;
  void pass_up(const Segment& segment, const Passage& passage, Output& out);
  void return_answer(TimePoint now, Output& out);

  // receiving.cc
  void on_text(const Arrival& arrival, Output& out);
  void on_probe_text(const Arrival& arrival, Output& out);
  void on_segment(const Arrival& arrival, const Inner& inner,
                  const overlay::Forwarding::Names& names, Output& out);
  void on_fragment(const Arrival& arrival, const Inner& inner,
                   const overlay::Forwarding::Names& names, Output& out);
  void on_frame(TimePoint now, const Channel& channel, const overlay::Forwarding::Names& names,
                const Segment& segment, Output& out);
  bool repeats_last(TimePoint now, const Channel& channel, const overlay::Forwarding::Names& names,
                    const Byte* macs) const;
  void inject(const Segment& segment, const Passage& passage, Output& out);
  void inject_too_big(const Segment& segment, const Passage& passage, Output& out);
  void add_injected(const Segment& segment, Output& out);
  void count_injected(std::size_t first, const Output& out);
  void count(Opened why);

  void note(const overlay::Verdict& verdict, PeerName from, ByteView frame, Output& out);
  void count(overlay::Drop why);
  // A copy of `frame` that may be written to, in the arena.
  static Segment whole(ByteView frame, Output& out);

  Config config_;
  overlay::Forwarding forwarding_;
  ChannelTable channels_;
  Coalescer coalescer_;
  Fragments fragments_;
  Counters counters_;

  std::vector<Leg> legs_;
  std::size_t control_first_ = 0;  // in Output::hops
  std::size_t control_count_ = 0;
  std::vector<Channel*> open_;  // with a train in the batch
  LastInjected last_;
  Bytes scratch_;  // a fragment on its way out
  struct Answer {
    bool pending = false;
    PeerName source;
    PeerName destination;
    packet::IcmpFrame frame;
  } answer_;
};

}  // namespace weft::swift
