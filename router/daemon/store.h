// SPDX-License-Identifier: Apache-2.0
// What weaver keeps across restarts, in one SQLite file (WAL, synchronous=FULL): peer name, ring,
// allocations, direct targets and exposed addresses. When commit() returns, the changes survive
// SIGKILL and power loss. A damaged file is put aside, never fatal, never silently zeroed.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ip.h"
#include "router/peer/peer.h"

namespace weft::daemon {

struct Exposed {
  Cidr address;
  bool skip_nat = false;
  friend bool operator==(const Exposed&, const Exposed&) = default;
};

struct StoredState {
  std::optional<PeerName> name;
  ipam::StoredAllocator allocator;
  std::vector<std::string> targets;
  std::optional<std::string> given;  // the peer arguments that `targets` came from at first
  std::vector<Exposed> exposed;
  bool ran_before = false;  // a weaver has been started on this file
};

class Store {
 public:
  // Opens or creates `path`, and reads all of it. On failure a Failure with the cure: the folder
  // cannot be written, the file cannot be read, or another weaver (whose pid it names) holds it.
  // What was put aside, being damaged, is told in notices().
  static std::variant<std::unique_ptr<Store>, Failure> open(const std::string& path);
  // The stored name, without taking the lock: a running weaver is not disturbed.
  static std::optional<PeerName> peek_name(const std::string& path);
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  ~Store();

  const std::string& path() const;
  const std::vector<LogLine>& notices() const;
  // All or nothing: half of what is held would have addresses in use given out again.
  Result<StoredState> load() const;

  // Remembers whose state this is. If it was another's, that state is put aside first.
  Result<> adopt_name(PeerName name);
  // All or nothing, durable on return.
  Result<> commit(const std::vector<peer::StoreOp>& ops);
  Result<> set_given(std::string_view peers);
  Result<> set_exposed(const std::vector<Exposed>& exposed);

 private:
  class Core;
  explicit Store(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace weft::daemon
