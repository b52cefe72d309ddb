// SPDX-License-Identifier: Apache-2.0
// A cluster around Reclaim: nodes, agents and their daemons, a mesh with a ring, and Weave's own
// agent as a second kind. Whoever owns space and who took it is checked at every takeover.
#pragma once

#include <memory>
#include <set>

#include "plugin/kube/core/reclaim.h"
#include "tests/unit/kube/core/api_model.h"

namespace weft::kube::test {

inline const std::string kMapPath = "/api/v1/namespaces/kube-system/configmaps/weave-net";

inline PeerName peer_of(int number) {
  return PeerName::from_u48(0x7a0000000000U + static_cast<std::uint64_t>(number));
}
inline std::string node_of(int number) {
  return "node" + std::to_string(number);
}

// The mesh as all daemons see it, told to each with a delay.
struct Mesh {
  std::map<PeerName, std::string> alive;
  std::map<PeerName, std::string> owners;
  std::map<PeerName, int> takeovers;  // how often each was taken over
};

class ReclaimAgent final : public Actor {
 public:
  ReclaimAgent(World& world, Mesh& mesh, int number);
  void start();

  std::optional<TimePoint> next_deadline() const override { return reclaim.next_deadline(); }
  void on_deadline(TimePoint now, Effects& out) override { reclaim.on_deadline(now, out); }
  void on_response(TimePoint now, RequestId id, const HttpResponse& r, Effects& out) override {
    reclaim.on_response(now, id, r, out);
  }
  void on_failure(TimePoint now, RequestId id, const Error& e, Effects& out) override {
    reclaim.on_failure(now, id, e, out);
  }
  void on_effect(TimePoint now, const Effect& effect) override;
  // From the watch of nodes.
  void node(const std::string& name, bool exists);
  void nodes_synced();

  std::string listed_in;
  std::vector<std::string> logged;
  std::vector<std::string> told;  // reasons of Events
  bool daemon_refuses = false;

 private:
  template <class What>
  void act(What what) {
    Effects out;
    what(out);
    world_.carry_out(*this, std::move(out));
  }
  void report();
  void remove(PeerName peer);

  World& world_;
  Mesh& mesh_;
  int number_;
  RequestIds ids_;

 public:
  Reclaim reclaim;
};

class Cluster {
 public:
  Cluster(std::uint64_t seed, double loss) : world(seed, loss) {}

  void add_node(int number);
  // The machine stops and its Node object goes; `told`: the agents' watches say so.
  void delete_node(int number, bool told = true);
  void run(std::chrono::seconds time) { world.run_until(world.now + time); }
  PeerList listed() const;
  ReclaimAgent& agent(int number) { return *agents.at(number); }

  World world;
  Mesh mesh;
  std::map<int, std::unique_ptr<ReclaimAgent>> agents;
  std::vector<std::unique_ptr<ReclaimAgent>> graves;  // answers may still be under way to them
};

}  // namespace weft::kube::test
