// SPDX-License-Identifier: Apache-2.0
// The first start on a host that Weave served: peer name, ring, addresses and targets are taken
// from the database that it left, once. That file is never written; a note beside our own state
// keeps it from coming to life again after a reset or the loss of our state.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "router/daemon/store.h"

namespace weft::daemon {

struct MovedIn {
  std::optional<PeerName> name;  // Weave's, if its state is now in the store
  std::vector<LogLine> notices;
};

struct MovingIn {
  std::string db_prefix;          // as --db-prefix
  std::optional<PeerName> given;  // by --name: the state of another name is not taken
};

// Before a name is chosen. A Failure: Weave is running and holds its database. One that cannot be
// read is left alone with a notice, since the ring can be had from the peers.
std::variant<MovedIn, Failure> move_in(const MovingIn& where, Store& store);
// After the name was stored: from now on Weave's database is not looked at.
Result<> end_moving_in(const std::string& db_prefix);

}  // namespace weft::daemon
