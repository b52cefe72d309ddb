// SPDX-License-Identifier: Apache-2.0
// What a program that runs weaver has to tell whoever looks at weaver's status. weave-kube tells
// its problems so, since `weave status` is where an operator looks first.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/time_point.h"

namespace weft::daemon {

// One sentence of such a program's: not empty, bounded, without control characters.
class Notice {
 public:
  static constexpr std::size_t kBytesMax = 1024;
  static std::optional<Notice> make(std::string_view text);
  const std::string& text() const { return text_; }

 private:
  explicit Notice(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

class Notices {
 public:
  // More would hide weaver's own sentences.
  static constexpr std::size_t kCountMax = 16;
  // Whoever has something to say repeats it; of a program that hangs nothing stays for ever.
  static constexpr Duration kLife = std::chrono::minutes(2);

  // In place of all that was said before.
  void set(TimePoint now, std::vector<Notice> notices);
  std::vector<std::string> texts(TimePoint now) const;

 private:
  std::vector<Notice> notices_;
  TimePoint set_at_;
};

// The values of all parameters `notice`; the string says why they are refused.
std::variant<std::vector<Notice>, std::string> parse_notices(
    const std::vector<std::pair<std::string, std::string>>& parameters);

}  // namespace weft::daemon
