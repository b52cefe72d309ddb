// SPDX-License-Identifier: Apache-2.0
#include "router/overlay/decision.h"

#include <array>
#include <cstdio>

#include "router/packet/headers.h"

namespace weft::overlay {
namespace {

std::string drop_text(const Verdict& verdict) {
  switch (verdict.drop) {
    case Drop::none:
      return "";
    case Drop::malformed:
      return "drop, no ordinary Ethernet frame";
    case Drop::mac_conflict:
      return "drop, its source lives behind " + verdict.conflicting.text();
    case Drop::spanning_tree:
      return "drop, bridges talk to their own neighbours only";
    case Drop::local:
      return "leave, both ends are on this bridge";
    case Drop::unknown_source:
      return "drop, in the name of a peer that is not in the mesh";
    case Drop::looped:
      return "drop, our own frame came back";
  }
  return "";
}

std::string verdict_text(const Verdict& verdict) {
  if (verdict.drop != Drop::none) return drop_text(verdict);
  std::string text;
  if (verdict.inject) text += ", inject";
  if (verdict.relay) text += ", relay to " + verdict.destination.text();
  if (verdict.flood) text += ", flood";
  if (verdict.learnt) text += ", learnt its source";
  return text.empty() ? "nothing to do" : text.substr(2);
}

}  // namespace

Decision describe(ByteView frame, PeerName from, const Verdict& verdict) {
  Decision decision{
      .size = static_cast<std::uint32_t>(frame.size()), .from = from, .verdict = verdict};
  if (frame.size() < packet::kEthernetHeaderSize) return decision;
  decision.source_mac = packet::source_mac(frame);
  decision.destination_mac = packet::destination_mac(frame);
  decision.ethertype = load_u16(frame.subspan(12));
  return decision;
}

std::string text(const Decision& decision) {
  std::array<char, 8> type{};
  std::snprintf(type.data(), type.size(), "0x%04x", decision.ethertype);
  return decision.source_mac.text() + " to " + decision.destination_mac.text() + ", " +
         std::to_string(decision.size) + " bytes, type " + type.data() + ", from " +
         decision.from.text() + ": " + verdict_text(decision.verdict);
}

}  // namespace weft::overlay
