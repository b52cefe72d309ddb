// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/core/troubles.h"

#include <algorithm>

#include "base/text.h"

namespace weft::kube {

namespace {

// One that counts something is the same sentence whatever the number is by now.
std::string without_numbers(const std::string& sentence) {
  std::vector<std::string> words;
  for (std::string_view word : split(sentence, ' '))
    words.emplace_back(parse_u64(word) ? "#" : word);
  return join(words, " ");
}

}  // namespace

std::vector<std::string> Troubles::on_report(TimePoint now,
                                             const std::vector<std::string>& sentences) {
  std::erase_if(told_at_, [&](TimePoint at) { return now >= at + kTroublesPeriod; });
  std::map<std::string, Standing> before;
  standing_.swap(before);
  std::vector<std::string> out;
  for (const std::string& sentence : sentences) {
    if (sentence.starts_with(kOwnPrefix)) continue;
    const std::string key = without_numbers(sentence);
    const auto known = before.find(key);
    Standing& standing =
        standing_.emplace(key, known == before.end() ? Standing{.since = now} : known->second)
            .first->second;
    const bool due = !standing.told && now >= standing.since + kTroublePatience;
    if (!due || told_at_.size() >= kTroublesTold) continue;
    standing.told = true;
    told_at_.push_back(now);
    out.push_back(sentence);
  }
  return out;
}

}  // namespace weft::kube
