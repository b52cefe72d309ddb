// SPDX-License-Identifier: Apache-2.0
// The agent's half that follows the cluster: what the machines want done, and what is to be said of
// it all.
#include "base/text.h"
#include "plugin/kube/agent/agent.h"
#include "plugin/kube/core/mesh_report.h"

namespace weft::kube {

void Agent::on_effect(const Effect& effect) {
  if (const auto* upsert = std::get_if<Upsert>(&effect)) return on_upsert(*upsert);
  if (const auto* deleted = std::get_if<Deleted>(&effect)) return on_deleted(*deleted);
  if (const auto* synced = std::get_if<Synced>(&effect)) return on_synced(synced->resource);
  if (const auto* decided = std::get_if<SeedDecided>(&effect)) return on_seed_decided(*decided);
  if (const auto* listed = std::get_if<StoreListed>(&effect)) {
    AgentState state = state_;
    state.listed_in = listed->config_map_uid;
    return store(state);
  }
  if (const auto* tell = std::get_if<Tell>(&effect)) {
    return status_.event({true, tell->reason, tell->text});
  }
  ask_daemon(effect);
}

void Agent::on_upsert(const Upsert& upsert) {
  if (upsert.resource == Resource::network_policies) {
    policy_names_.insert(upsert.key);
    if (policies_->status().synced) decide_takeover();
    return;
  }
  auto node = parse_node(upsert.object);
  if (!node) {
    return log_(line(LogLevel::warning, "nodes",
                     "cannot read node " + upsert.key + ": " + to_string(node.error())));
  }
  node_names_.insert(node->meta.name);
  status_.on_node(*node);
  machines_.run([&](TimePoint now, Effects& out) {
    peers_->on_node(*node);
    peers_->on_changed(out);
    if (reclaim_) (*reclaim_)->on_node(now, node->meta.name, out);
  });
}

void Agent::on_deleted(const Deleted& deleted) {
  if (deleted.resource == Resource::network_policies) {
    policy_names_.erase(deleted.key);
    return decide_takeover();
  }
  node_names_.erase(deleted.key);
  machines_.run([&](TimePoint now, Effects& out) {
    peers_->on_node_gone(deleted.key);
    peers_->on_changed(out);
    if (reclaim_) (*reclaim_)->on_node_gone(now, deleted.key, out);
  });
}

void Agent::on_synced(Resource resource) {
  if (resource == Resource::network_policies) return decide_takeover();
  machines_.run([this](TimePoint now, Effects& out) {
    peers_->on_synced(out);
    if (reclaim_) (*reclaim_)->on_nodes_synced(now, out);
  });
}

// Reclaim begins when weaver does, with the nodes that were seen before.
void Agent::start_reclaim(PeerName own) {
  reclaim_.emplace(Reclaim::Config{.own = own,
                                   .own_node = options_.launch.node_name,
                                   .wall = loop_.wall_offset(),
                                   .name_space = options_.name_space,
                                   .lease = "weave-net"},
                   rng_, machines_.ids());
  machines_.add(*reclaim_);
  machines_.run([this](TimePoint now, Effects& out) {
    (*reclaim_)->start(now, out);
    for (const std::string& name : node_names_)
      (*reclaim_)->on_node(now, name, out);
    if (nodes_->status().synced) (*reclaim_)->on_nodes_synced(now, out);
  });
}

void Agent::ask_daemon(const Effect& effect) {
  const auto told = [this](bool well) {
    machines_.run([&](TimePoint now, Effects& out) { peers_->on_told(now, well, out); });
  };
  if (const auto* connect = std::get_if<Connect>(&effect)) {
    log_(line(LogLevel::info, "peers",
              (connect->replace ? "the peers are " : "new peers: ") + join(connect->peers, " ")));
    daemon_.connect(connect->peers, connect->replace, told);
  } else if (const auto* forget = std::get_if<Forget>(&effect)) {
    log_(line(LogLevel::info, "peers", "no peers any more: " + join(forget->peers, " ")));
    daemon_.forget(forget->peers, told);
  } else if (const auto* removal = std::get_if<RemovePeer>(&effect)) {
    daemon_.remove_peer(
        removal->peer, [this, peer = removal->peer](std::optional<std::uint64_t> gained) {
          if (gained) {
            note(LogLevel::info, {false, "AddressesReclaimed",
                                  std::to_string(*gained) + " addresses taken over from " +
                                      peer.text() + ", whose node is gone"});
          }
          machines_.run([&](TimePoint now, Effects& out) {
            (*reclaim_)->on_peer_removed(now, peer, gained, out);
          });
        });
  } else if (std::holds_alternative<WantReport>(effect)) {
    ask_report();
  }
}

void Agent::ask_report() {
  daemon_.report([this](const std::optional<std::string>& text) { on_report(text); });
}

void Agent::on_report(const std::optional<std::string>& text) {
  if (!text || !reclaim_) return;
  auto report = parse_report(*text);
  if (!report) {
    return log_(line(LogLevel::warning, "reclaim",
                     "weaver's report cannot be read: " + to_string(report.error())));
  }
  for (const std::string& sentence : troubles_.on_report(loop_.now(), report->degraded))
    status_.event({true, "WeaverDegraded", sentence});
  if (report->ring_known()) {
    AgentState state = state_;
    state.ring = true;
    store(state);
  }
  machines_.run([&](TimePoint now, Effects& out) {
    (*seed_)->on_ring(now, report->ring_known(), out);
    (*reclaim_)->on_report(now, std::move(*report), out);
  });
}

std::optional<Reclaim::Status> Agent::reclaim() const {
  return reclaim_ ? std::optional((*reclaim_)->status()) : std::nullopt;
}

std::string Agent::waiting_for() const {
  if (launched_) return "";
  if (!may_take_over_) {
    const ListWatch::Status policies = policies_->status();
    const bool in_trouble = !policies.synced && !policies.last_error.empty();
    return policies_said_ + (in_trouble ? ": " + policies.last_error : "");
  }
  if (!seeding_) {
    const std::string why = (*seed_)->last_error();
    return "the API server must say who seeds the address ring" + (why.empty() ? "" : ": " + why);
  }
  const std::string why = password_ ? (*password_)->last_error() : "";
  return "the password is to come from Secret " + options_.password_secret +
         (why.empty() ? "" : ": " + why);
}

std::vector<std::string> Agent::faults() const {
  std::vector<std::string> out;
  const auto add = [&out](const std::string& what, const std::string& text) {
    if (!text.empty()) out.push_back(what + text);
  };
  add("API server: ", machines_.api().trouble());
  add("nodes: ", nodes_->status().last_error);
  add("NetworkPolicies: ", policies_->status().last_error);
  if (seed_) add("seed: ", (*seed_)->trouble());
  add("plugin: ", obstacle_);
  add("plugin: ", portmap_problem_);
  add("CNI configuration: ", network_.config_fault());
  add("kernel: ", bridge_filter_problem_);
  add("kernel: ", ip_forward_problem_);
  add("", turns_.bridging(loop_.now()));
  if (!network_.before_ours().empty()) {
    add("CNI configuration: ", join(network_.before_ours(), ", ") + " sorts before ours");
  }
  if (reclaim_) {
    const Reclaim::Status status = (*reclaim_)->status();
    add("reclaim: ", status.last_error);
    if (status.evicted) {
      add("reclaim: ",
          "others took this node for gone and took its addresses over; delete this "
          "pod to start anew");
    }
  }
  return out;
}

std::vector<std::string> Agent::problems() const {
  std::vector<std::string> out = faults();
  if (launched_ && !policies_said_.empty()) out.push_back("NetworkPolicy: " + policies_said_);
  return out;
}

std::vector<std::string> Agent::notices() const {
  std::vector<std::string> out = options_.launch.allow_unenforced ? faults() : problems();
  const bool told = not_served_ == obstacle_ || not_served_ == network_.config_fault();
  if (const std::string waiting = waiting_for(); !waiting.empty()) {
    out.insert(out.begin(), "weaver is not started: " + waiting);
  } else if (!not_served_.empty() && !told) {
    out.insert(out.begin(), "pods are not served: " + not_served_);
  }
  return out;
}

std::string Agent::not_ready() const {
  if (std::string waiting = waiting_for(); !waiting.empty()) return waiting;
  if (!network_.serving()) return network_.reason();
  return obstacle_.empty() ? network_.config_fault() : obstacle_;
}

}  // namespace weft::kube
