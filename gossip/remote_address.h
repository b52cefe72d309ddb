// SPDX-License-Identifier: Apache-2.0
// The remote end of a connection as its owner reports it. Every peer of a mesh keeps one for each
// connection of all peers, so the usual "ip:port" takes eight bytes and no allocation; any other
// text is kept as it came, because it is passed on.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/ip.h"

namespace weft::gossip {

class RemoteAddress {
 public:
  RemoteAddress() = default;
  RemoteAddress(std::string_view text);  // NOLINT: as a text is
  RemoteAddress(const char* text) : RemoteAddress(std::string_view(text)) {}         // NOLINT
  RemoteAddress(const std::string& text) : RemoteAddress(std::string_view(text)) {}  // NOLINT
  RemoteAddress(Endpoint at) : endpoint_(at), plain_(true) {}                        // NOLINT

  std::string text() const;
  // Nothing if the text is no "ip:port".
  std::optional<Endpoint> endpoint() const {
    return plain_ ? std::optional(endpoint_) : std::nullopt;
  }
  friend bool operator==(const RemoteAddress& a, const RemoteAddress& b) {
    if (a.plain_ || b.plain_) return a.plain_ == b.plain_ && a.endpoint_ == b.endpoint_;
    return a.text() == b.text();
  }

 private:
  Endpoint endpoint_;
  bool plain_ = false;
  std::shared_ptr<const std::string> odd_;  // of any other text but the empty one
};

}  // namespace weft::gossip
