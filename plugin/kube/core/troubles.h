// SPDX-License-Identifier: Apache-2.0
// Which of the sentences in weaver's report about what is wrong are worth an Event: those that have
// stood for a while, each once for as long as it stands, and not too many.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/time_point.h"

namespace weft::kube {

// Begins what we have told weaver ourselves, of which Events were raised already.
inline constexpr std::string_view kOwnPrefix = "weave-kube: ";
// What ends by itself sooner is none of an operator's business: peers that are just coming.
inline constexpr Duration kTroublePatience = std::chrono::seconds(30);
// So many in any hour, and other Events have room beside them.
inline constexpr std::size_t kTroublesTold = 10;
inline constexpr Duration kTroublesPeriod = std::chrono::hours(1);

class Troubles {
 public:
  // All sentences of a report. Those to be told now.
  std::vector<std::string> on_report(TimePoint now, const std::vector<std::string>& sentences);

 private:
  struct Standing {
    TimePoint since;
    bool told = false;
  };

  std::map<std::string, Standing> standing_;  // by the sentence without its numbers
  std::vector<TimePoint> told_at_;            // of the last hour
};

}  // namespace weft::kube
