// SPDX-License-Identifier: Apache-2.0
// Whether this agent may serve its node while nothing enforces NetworkPolicy. A node whose policies
// Weave's controller enforced would lose them in silence, so it is not taken over.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace weft::kube {

// A variable of the environment; 1: take over although policies are not enforced.
inline constexpr const char* kAllowUnenforced = "WEFT_ALLOW_UNENFORCED_POLICIES";

struct TakeoverFacts {
  std::optional<std::size_t> policy_count;  // none: the API server has not said
  std::string example;                      // one of the policies, "namespace/name"
  bool served_before = false;               // this node ran Weft already, by its stored state
  bool allowed = false;                     // the operator set kAllowUnenforced
};

enum class Verdict : std::uint8_t {
  go,
  go_unenforced,  // and say so: log, Event, status
  wait,           // until the API server has said whether there are policies
  refuse,         // and say so; decide anew when the policies change
};

struct TakeoverDecision {
  Verdict verdict = Verdict::wait;
  std::string reason;  // for log and status; empty: nothing to say
  // For an Event: the same whichever policies come and go, or each change would be another Event.
  std::string lasting;
};
TakeoverDecision decide_takeover(const TakeoverFacts& facts);

}  // namespace weft::kube
