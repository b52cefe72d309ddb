// SPDX-License-Identifier: Apache-2.0
// The daemon's HTTP API as far as the plugin needs it. Every failure becomes a Fault that tells
// the address asked and the cure. See docs/cni.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "plugin/cni/core/fault.h"
#include "plugin/cni/deadline.h"
#include "router/io/http_address.h"
#include "router/io/http_client.h"

namespace weft::cni {

// The bridge's own addresses are allocated under this ident.
inline constexpr std::string_view kExposeIdent = "weave:expose";

class DaemonClient {
 public:
  // `deadline` outlives this.
  DaemonClient(io::HttpAddress address, const Timeouts& timeouts, const Deadline& deadline)
      : address_(std::move(address)), timeouts_(timeouts), deadline_(deadline) {}

  // Without a subnet: in the default one.
  Outcome<Cidr> allocate(const std::string& ident, std::optional<Cidr> subnet) const;
  Outcome<> claim(const std::string& ident, Cidr address) const;
  Outcome<std::vector<Cidr>> lookup(const std::string& ident, std::optional<Cidr> subnet) const;
  // All addresses of the ident. Having none is a success.
  Outcome<> release(const std::string& ident) const;
  Outcome<Cidr> default_subnet() const;
  Outcome<> expose(Cidr address) const;
  // Serving? Fault codes are those of STATUS.
  Outcome<> ready() const;

 private:
  Outcome<std::string> ask(const std::string& method, const std::string& target,
                           Duration cap) const;
  Fault unreachable(const Error& error) const;

  io::HttpAddress address_;
  const Timeouts& timeouts_;
  const Deadline& deadline_;
};

}  // namespace weft::cni
