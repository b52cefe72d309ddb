// SPDX-License-Identifier: Apache-2.0
// Routes that Weave computed for given topologies: unicast tables and broadcast hops, over
// established and symmetric connections and over all.
#include <algorithm>

#include "gossip/routes.h"
#include "tests/golden/golden.h"

using namespace weft;
using namespace weft::gossip;

namespace {

PeerName name_of(const nlohmann::json& text) {
  auto name = PeerName::parse(text.get<std::string>());
  REQUIRE(name.has_value());
  return *name;
}

std::map<PeerName, PeerRecord> topology_of(const nlohmann::json& t) {
  std::map<PeerName, PeerRecord> peers;
  for (std::size_t i = 0; i < t["peers"].size(); ++i) {
    PeerRecord record{.name = name_of(t["peers"][i])};
    for (const auto& c : t["connections_of_peer"][i]) {
      golden::require_known(c, {"established", "to"});
      record.connections.push_back(
          {.peer = name_of(c["to"]), .established = c["established"].get<bool>()});
    }
    std::sort(record.connections.begin(), record.connections.end(),
              [](const auto& a, const auto& b) { return a.peer < b.peer; });
    auto name = record.name;
    peers.emplace(name, std::move(record));
  }
  return peers;
}

nlohmann::json json_of(const std::map<PeerName, PeerName>& table) {
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [to, via] : table)
    json[to.text()] = via.text();
  return json;
}

nlohmann::json json_of(const std::vector<PeerName>& hops) {
  nlohmann::json json = nlohmann::json::array();
  for (auto hop : hops)
    json.push_back(hop.text());
  return json;
}

}  // namespace

TEST_CASE("golden: routes: unicast and broadcast hops are those of Weave") {
  auto vectors = golden::load("routes.json");
  if (!vectors) return;
  golden::require_known(*vectors, {"note", "topologies"});
  for (const auto& t : (*vectors)["topologies"]) {
    golden::require_known(t, {"connections_of_peer", "peers", "routes"});
    auto topology = topology_of(t);
    for (const auto& c : t["routes"]) {
      golden::require_known(c, {"broadcast_all_hops_by_source", "broadcast_hops_by_source", "self",
                                "unicast_all_next_hop", "unicast_next_hop"});
      CAPTURE(c.dump());
      Routes routes(name_of(c["self"]));
      routes.recalculate(topology);
      CHECK(json_of(routes.unicast()) == c["unicast_next_hop"]);
      CHECK(json_of(routes.unicast_all()) == c["unicast_all_next_hop"]);
      for (const auto& item : c["broadcast_hops_by_source"].items()) {
        CHECK(json_of(routes.broadcast(*PeerName::parse(item.key()))) == item.value());
      }
      for (const auto& item : c["broadcast_all_hops_by_source"].items()) {
        CHECK(json_of(routes.broadcast_all(*PeerName::parse(item.key()))) == item.value());
      }
    }
  }
}
