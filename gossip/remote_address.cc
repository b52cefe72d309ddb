// SPDX-License-Identifier: Apache-2.0
#include "gossip/remote_address.h"

namespace weft::gossip {

RemoteAddress::RemoteAddress(std::string_view text) {
  if (text.empty()) return;
  auto parsed = Endpoint::parse(text);
  // What would be written differently is not the same text.
  if (parsed && parsed->text() == text) {
    endpoint_ = *parsed;
    plain_ = true;
  } else {
    odd_ = std::make_shared<const std::string>(text);
  }
}

std::string RemoteAddress::text() const {
  if (plain_) return endpoint_.text();
  return odd_ ? *odd_ : std::string();
}

}  // namespace weft::gossip
