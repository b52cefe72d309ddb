// SPDX-License-Identifier: Apache-2.0
// Composition of the agent. It starts weaver once three things are settled: who seeds the address
// ring, that the node may be taken over, and the password; from then on it follows the cluster's
// nodes and keeps this node's network served.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "crypto/sodium_rng.h"
#include "plugin/kube/agent/daemon_api.h"
#include "plugin/kube/agent/machine_of.h"
#include "plugin/kube/agent/node_network.h"
#include "plugin/kube/agent/node_status.h"
#include "plugin/kube/agent/notices.h"
#include "plugin/kube/agent/options.h"
#include "plugin/kube/agent/password.h"
#include "plugin/kube/agent/state_file.h"
#include "plugin/kube/agent/supervisor.h"
#include "plugin/kube/agent/turns.h"
#include "plugin/kube/core/list_watch.h"
#include "plugin/kube/core/peers.h"
#include "plugin/kube/core/reclaim.h"
#include "plugin/kube/core/seed.h"
#include "plugin/kube/core/takeover.h"
#include "plugin/kube/core/troubles.h"

namespace weft::kube {

class Agent {
 public:
  // `loop` and `turns` outlive this. `environment` is for weaver, "NAME=value".
  Agent(io::EventLoop& loop, AgentOptions options, std::vector<std::string> environment,
        Turns& turns, Log log);

  // Until the turn is over or weaver is given up: the exit code.
  int run();

  // For the status pages.
  const AgentOptions& options() const { return options_; }
  const Machines& machines() const { return machines_; }
  const NodeNetwork& network() const { return network_; }
  const Supervisor& supervisor() const { return supervisor_; }
  Role role() const { return turns_.role(); }
  ListWatch::Status nodes() const { return nodes_->status(); }
  std::optional<Reclaim::Status> reclaim() const;
  // What keeps weaver from being started; empty: it was.
  std::string waiting_for() const;
  // What is wrong here and now, one sentence each.
  std::vector<std::string> problems() const;
  // What weaver's status is to show: these, and why weaver is not started or pods are not served.
  // Of policies that are not enforced only if nobody has allowed it.
  std::vector<std::string> notices() const;
  // Why new pods cannot be served; empty: they can.
  std::string not_ready() const;

 private:
  std::vector<std::string> faults() const;
  NodeNetwork::Handlers network_handlers();
  Supervisor::Handlers supervisor_handlers();

  // What comes from the API server (agent_cluster.cc).
  void on_effect(const Effect& effect);
  void on_upsert(const Upsert& upsert);
  void on_deleted(const Deleted& deleted);
  void on_synced(Resource resource);
  void ask_daemon(const Effect& effect);
  void ask_report();
  void on_report(const std::optional<std::string>& text);
  void start_reclaim(PeerName own);

  // What leads to weaver's start, and follows it (agent.cc).
  void start_machines(PeerName own);
  void decide_takeover();
  void on_seed_decided(const SeedDecided& decided);
  bool read_password();
  void ask_password();
  void launch_if_settled();
  void launch();
  std::optional<PeerName> own_name() const;
  void on_daemon_up();
  void on_state(bool up, const std::string& why);
  void on_signal(int number);
  void look_at_turn();
  void install();
  void check_kernel();
  void store(const AgentState& state);
  void note(LogLevel level, const EventText& text);

  io::EventLoop& loop_;
  AgentOptions options_;
  std::vector<std::string> environment_;
  Turns& turns_;
  Log log_;
  crypto::SodiumRng rng_;
  StateFile state_file_;
  AgentState state_;
  Machines machines_;
  DaemonApi daemon_;
  NodeStatus status_;
  NodeNetwork network_;
  Notifier notifier_;
  std::unique_ptr<io::HttpServer> stand_in_;  // until weaver is started
  Supervisor supervisor_;
  io::Timer installer_;
  io::Timer turn_timer_;
  MachineOf<ListWatch> nodes_;
  MachineOf<ListWatch> policies_;
  MachineOf<Peers> peers_;
  std::optional<MachineOf<Seed>> seed_;
  std::optional<MachineOf<Password>> password_;
  std::optional<MachineOf<Reclaim>> reclaim_;  // once weaver is started
  Troubles troubles_;
  std::set<std::string> node_names_;
  std::set<std::string> policy_names_;
  std::optional<SeedDecided> seeding_;
  bool password_known_ = false;
  bool may_take_over_ = false;
  bool launched_ = false;
  bool stopping_ = false;
  std::string obstacle_ = "the plugin is not installed";
  std::string portmap_problem_;
  std::string bridge_filter_problem_;
  std::string ip_forward_problem_;
  std::string not_served_;  // since long enough for the node's condition to say so
  std::optional<Verdict> verdict_;
  std::string policies_said_;  // why not, or what is not enforced
  int exit_code_ = 0;
};

}  // namespace weft::kube
