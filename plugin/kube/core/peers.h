// SPDX-License-Identifier: Apache-2.0
// Which addresses the daemon is to connect to: those of the cluster's nodes, followed as they come
// and go. Decides what the daemon must be told, and tells it again until it has heard.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/rng.h"
#include "base/time_point.h"
#include "plugin/kube/core/back_off.h"
#include "plugin/kube/core/effects.h"
#include "plugin/kube/core/objects.h"

namespace weft::kube {

// Where a node's weaver is reached: its InternalIP, the last one if there are several, as Weave
// chose; without one its ExternalIP.
std::optional<Ipv4Addr> peer_address(const Node& node);

class Peers {
 public:
  struct Config {
    std::string own_node;
    // Addresses of this host: a node that has one of them is this one, whatever its name.
    std::set<Ipv4Addr> own_addresses;
    // Peers that the operator named; they are always among those to connect to.
    std::vector<std::string> named;
  };
  // `rng` outlives this.
  Peers(Config config, Rng& rng);

  void on_node(const Node& node);
  void on_node_gone(const std::string& name);
  // The list of nodes is complete, and the daemon is told of changes from here on. Before that
  // nobody is forgotten: without an API server the peers of the last run stay.
  void on_synced(Effects& out);
  // After changes, once for a batch of them.
  void on_changed(Effects& out);
  // A daemon that was started anew knows what it was started with, or what it stored.
  void on_daemon_started(Effects& out);
  // The answer to Connect or Forget.
  void on_told(TimePoint now, bool well, Effects& out);
  void on_deadline(TimePoint now, Effects& out);
  std::optional<TimePoint> next_deadline() const { return retry_at_; }

  bool synced() const { return synced_; }
  // Sorted, without duplicates.
  std::vector<std::string> addresses() const;

 private:
  void tell(Effects& out);
  std::set<std::string> wanted() const;

  Config config_;
  Rng& rng_;
  std::map<std::string, std::optional<Ipv4Addr>> nodes_;  // by name; no address: none to reach
  bool synced_ = false;
  std::optional<std::set<std::string>> told_;  // what the daemon knows; none: not certain
  std::set<std::string> telling_;              // what it knows if it hears what is under way
  bool under_way_ = false;
  std::optional<TimePoint> retry_at_;
  BackOff back_off_;
};

}  // namespace weft::kube
