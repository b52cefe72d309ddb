// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/notices.h"

#include "router/daemon/words.h"

namespace weft::daemon {

std::optional<Notice> Notice::make(std::string_view text) {
  if (text.empty() || text.size() > kBytesMax) return std::nullopt;
  return Notice(printable(text));
}

void Notices::set(TimePoint now, std::vector<Notice> notices) {
  notices_ = std::move(notices);
  set_at_ = now;
}

std::vector<std::string> Notices::texts(TimePoint now) const {
  std::vector<std::string> out;
  if (now >= set_at_ + kLife) return out;
  for (const Notice& notice : notices_)
    out.push_back(notice.text());
  return out;
}

std::variant<std::vector<Notice>, std::string> parse_notices(
    const std::vector<std::pair<std::string, std::string>>& parameters) {
  std::vector<Notice> out;
  for (const auto& [name, value] : parameters) {
    if (name != "notice") continue;
    if (out.size() == Notices::kCountMax) {
      return "more than " + std::to_string(Notices::kCountMax) + " notices";
    }
    auto notice = Notice::make(value);
    if (!notice) {
      return "a notice has 1 to " + std::to_string(Notice::kBytesMax) + " bytes, not " +
             std::to_string(value.size());
    }
    out.push_back(std::move(*notice));
  }
  return out;
}

}  // namespace weft::daemon
