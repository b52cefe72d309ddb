// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/core/takeover.h"

namespace weft::kube {

namespace {

std::string found(const TakeoverFacts& facts) {
  const std::size_t count = *facts.policy_count;
  std::string text = count == 1 ? "there is a NetworkPolicy"
                                : "there are " + std::to_string(count) + " NetworkPolicies";
  return facts.example.empty() ? text : text + " (" + facts.example + ")";
}

std::string unenforced(const std::string& found) {
  return found + ", which nothing enforces: all traffic between pods is let through";
}

std::string refused(const std::string& found) {
  return "this node is not taken over: " + found +
         ", which Weft does not enforce. Delete the policies, keep the former network, or set " +
         kAllowUnenforced + "=1 to run without them";
}

}  // namespace

TakeoverDecision decide_takeover(const TakeoverFacts& facts) {
  if (!facts.policy_count) {
    // A node that Weft serves already loses nothing that it had.
    if (facts.served_before || facts.allowed) return {Verdict::go, "", ""};
    return {Verdict::wait, "the API server has not said yet whether there are NetworkPolicies", ""};
  }
  if (*facts.policy_count == 0) return {Verdict::go, "", ""};
  const bool go = facts.served_before || facts.allowed;
  const auto text = go ? unenforced : refused;
  return {go ? Verdict::go_unenforced : Verdict::refuse, text(found(facts)),
          text("there are NetworkPolicies")};
}

}  // namespace weft::kube
