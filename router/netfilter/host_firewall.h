// SPDX-License-Identifier: Apache-2.0
// What we change in rules that are not ours: Weave's are taken away, and where another owner drops
// what is forwarded, a pair of accepts goes in. All else of ours is in our own table
// (masquerade.h).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace weft::netfilter {

struct WeaveRemoved {
  std::size_t rules = 0;
  std::size_t chains = 0;
  std::size_t sets = 0;
  std::vector<std::string> devices;
  std::vector<std::string> problems;  // for people: what could not be removed and why

  bool any() const { return rules + chains + sets + devices.size() > 0; }
  // "7 rules and 4 chains of iptables, 2 ipsets, device datapath"
  std::string text() const;
};
// Nothing there is a success. Weave must not be running: it would put its rules back.
WeaveRemoved remove_weave(std::string_view bridge);

struct Forwarding {
  // Chains that drop, in which our pair now is: "iptables-nft FORWARD",
  // "nft inet firewalld filter_FORWARD".
  std::vector<std::string> accepted_in;
  std::vector<std::string> changed;  // those in which it was not, or was not in its place
  std::vector<std::string> problems;
};
// Puts the pairs where they are needed, and takes them from where they are not any more.
Forwarding accept_forwarding(std::string_view bridge);
// Takes all of them away. What went wrong; nothing there is a success.
std::vector<std::string> withdraw_forwarding();

}  // namespace weft::netfilter
