// SPDX-License-Identifier: Apache-2.0
// Host names to addresses, in a helper thread, because getaddrinfo blocks for as long as a
// name server is silent.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/ip.h"
#include "router/io/event_loop.h"
#include "router/io/stream_address.h"

namespace weft::io {

// Lookups that may wait; more are refused.
inline constexpr std::size_t kLookupsMax = 1000;

class Resolver {
 public:
  using OnDone = std::function<void(Result<std::vector<Ipv4Addr>>)>;
  explicit Resolver(EventLoop& loop);
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;
  ~Resolver();  // does not wait for a lookup under way; its callback never comes

  // Calls back on the loop's thread. A literal address needs no server.
  // not_found: the name has no IPv4 address. Never called from inside resolve().
  void resolve(std::string host, OnDone done);

  // The same for IPv4 and IPv6, in the order in which they should be tried.
  using OnAddresses = std::function<void(Result<std::vector<StreamAddress>>)>;
  void resolve(std::string host, std::uint16_t port, OnAddresses done);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weft::io
