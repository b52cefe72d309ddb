// SPDX-License-Identifier: Apache-2.0
// Routes by the definition, not by the product's search: a peer's parent is the least-named of its
// neighbours that are one step nearer to the start. Slow, short, and independent of gossip/routes.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "gossip/node.h"

namespace weft::sim {

// Who is joined with whom by links that both ends call established.
using StrictGraph = std::map<PeerName, std::set<PeerName>>;

StrictGraph strict_graph(const gossip::MeshStatus& status);
// Of every peer within reach the one before it on the way from `start`; none for `start` itself.
std::map<PeerName, PeerName> parents(const StrictGraph& graph, PeerName start);

// Empty if the node's routes are those of the topology it reports; else what differs.
std::string wrong_route(const gossip::Node& node, TimePoint now);
// Empty if the node has no more connections than `limit`, or only those without which some other
// peer would be out of its reach; else what is too much.
std::string needless_connection(const gossip::Node& node, std::size_t limit, TimePoint now);
// Empty if packets between all of them arrive by their routes, and a broadcast of each reaches
// each other one exactly once; else the first pair for which it is not so.
std::string wrong_delivery(const std::map<PeerName, const gossip::Node*>& nodes);

}  // namespace weft::sim
