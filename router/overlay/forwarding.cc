// SPDX-License-Identifier: Apache-2.0
#include "router/overlay/forwarding.h"

#include "router/packet/headers.h"

namespace weft::overlay {
namespace {

// 01:80:c2:00:00:00, the bridge group address of IEEE 802.1D.
constexpr MacAddr kSpanningTree{0x0180c2000000U};

Verdict dropped(Drop why, bool learnt = false) {
  return {.drop = why, .learnt = learnt};
}

bool is_news(const MacTable::Learning& learning) {
  return learning.refreshed || learning.outcome == MacTable::Outcome::learnt ||
         learning.outcome == MacTable::Outcome::moved;
}

// A multicast source is no address of anybody; learnt, it would draw everybody's multicasts.
bool is_forwardable(ByteView frame) {
  return frame.size() >= packet::kEthernetHeaderSize && !is_special(frame) &&
         !packet::source_mac(frame).multicast();
}

}  // namespace

bool is_special(ByteView frame) {
  return frame.size() >= packet::kEthernetHeaderSize && load_u64(frame) == 0 &&
         load_u32(frame.subspan(8)) == 0 && load_u16(frame.subspan(12)) == 0;
}

Verdict Forwarding::on_captured(TimePoint now, ByteView frame) {
  if (!is_forwardable(frame)) return dropped(Drop::malformed);
  const MacAddr source = packet::source_mac(frame);
  const MacAddr destination = packet::destination_mac(frame);
  const auto learning = macs_.add(now, source, us_);
  if (learning.outcome == MacTable::Outcome::conflict) {
    return {.drop = Drop::mac_conflict, .conflicting = learning.previous};
  }
  const bool learnt = is_news(learning);
  if (destination == kSpanningTree) return dropped(Drop::spanning_tree, learnt);
  const auto peer = macs_.find(destination);
  if (!peer) return {.learnt = learnt, .flood = true, .source = us_};
  if (*peer == us_) return dropped(Drop::local, learnt);
  return {.learnt = learnt, .relay = true, .source = us_, .destination = *peer};
}

Verdict Forwarding::on_received(TimePoint now, const Names& names, ByteView frame) {
  if (!is_forwardable(frame)) return dropped(Drop::malformed);
  if (names.source == us_) return dropped(Drop::looped);
  if (names.source != names.sender && !routes_.knows(names.source)) {
    return dropped(Drop::unknown_source);
  }
  if (names.destination != us_) {
    return {.relay = true, .source = names.source, .destination = names.destination};
  }
  const auto learning = macs_.add_forced(now, packet::source_mac(frame), names.source);
  const auto peer = macs_.find(packet::destination_mac(frame));
  return {
      .learnt = is_news(learning), .inject = true, .flood = peer != us_, .source = names.source};
}

}  // namespace weft::overlay
