// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/core/reclaim.h"

#include <algorithm>

#include "plugin/kube/core/objects.h"

namespace weft::kube {

namespace {

ObjectAddress config_map_address(const Reclaim::Config& config) {
  return {.api_version = "v1",
          .kind = "ConfigMap",
          .collection = "/api/v1/namespaces/" + percent_encode(config.name_space) + "/configmaps",
          .name_space = config.name_space,
          .name = config.config_map};
}

std::string uid_of(const Json& object) {
  auto meta = parse_meta(object);
  return meta ? meta->uid : std::string();
}

}  // namespace

std::optional<TimePoint> Reclaim::Watched::due() const {
  if (!mesh_gone_since) return std::nullopt;
  return std::max({node_gone_since + kNodeGrace, *mesh_gone_since + kMeshGrace, paused_until});
}

TimePoint Reclaim::Watched::changed_at() const {
  return std::max(node_gone_since, mesh_gone_since.value_or(node_gone_since));
}

Reclaim::Reclaim(Config config, Rng& rng, RequestIds& ids)
    : config_(std::move(config)),
      rng_(rng),
      ids_(ids),
      lease_({.name_space = config_.name_space,
              .name = config_.lease,
              .identity = config_.own.text(),
              .wall = config_.wall},
             rng, ids),
      object_(config_map_address(config_), rng, ids) {}

void Reclaim::start(TimePoint now, Effects& out) {
  refresh(now, out);
}

// What is level-triggered: list and report anew, whatever was missed.
void Reclaim::refresh(TimePoint now, Effects& out) {
  period_at_ = now + kReclaimPeriod;
  want_report(now, out);
  if (job_ || object_.busy()) return;
  object_.begin(
      now, [this](Json& object) { return edit_listed(object); }, out);
}

void Reclaim::want_report(TimePoint now, Effects& out) {
  if (report_asked_ && now < *report_asked_ + kReportPoll) return;
  report_asked_ = now;
  out.emplace_back(WantReport{});
}

bool Reclaim::edit_listed(Json& object) {
  auto list = read_peer_list(object);
  if (!list) {
    last_error_ = to_string(list.error());
    return false;
  }
  const std::string uid = uid_of(object);
  const bool was_listed = !listed_in_.empty() && listed_in_ == uid;
  if (was_listed && !list->contains(config_.own.text())) return false;  // heed_list says why
  return list_peer(object, *list, {config_.own.text(), config_.own_node});
}

void Reclaim::on_node(TimePoint now, const std::string& name, Effects& out) {
  if (nodes_.insert(name).second) evaluate(now, out);
}

void Reclaim::on_node_gone(TimePoint now, const std::string& name, Effects& out) {
  if (nodes_.erase(name) == 0) return;
  evaluate(now, out);
  if (nodes_synced_) want_report(now, out);
}

void Reclaim::on_nodes_synced(TimePoint now, Effects& out) {
  nodes_synced_ = true;
  evaluate(now, out);
}

void Reclaim::on_report(TimePoint now, MeshReport report, Effects& out) {
  report_ = std::move(report);
  report_at_ = now;
  evaluate(now, out);
}

void Reclaim::evaluate(TimePoint now, Effects& out) {
  evaluated_at_ = now;
  if (!nodes_synced_ || !report_ || !config_map_ || evicted_) return;
  watch_departed(now);
  keep_lease(now, out);
  begin_due(now, out);
}

void Reclaim::watch_departed(TimePoint now) {
  auto departed = departed_peers(*report_, list_, nodes_);
  std::erase_if(watched_, [&](const auto& entry) { return !departed.contains(entry.first); });
  for (auto& [peer, state] : departed) {
    auto [at, fresh] = watched_.try_emplace(
        peer, Watched{.departed = state, .node_gone_since = now, .paused_until = now});
    Watched& watched = at->second;
    // Unlisted while it waits: another agent has taken over from it, and the mesh will say so.
    if (!fresh && watched.departed.listed && !state.listed) watched.node_gone_since = now;
    if (state.alive) {
      watched.mesh_gone_since.reset();
    } else if (!watched.mesh_gone_since) {
      watched.mesh_gone_since = now;
    }
    watched.departed = std::move(state);
  }
}

void Reclaim::keep_lease(TimePoint now, Effects& out) {
  const bool anybody = std::any_of(watched_.begin(), watched_.end(), [](const auto& entry) {
    return entry.second.mesh_gone_since.has_value();
  });
  if (!anybody && !job_) {
    lease_at_.reset();
    return lease_.release(now, out);
  }
  if (lease_.wanted() || lease_at_) return;
  const auto spread = static_cast<std::uint64_t>(kReclaimSpread.count());
  lease_at_ = now + Duration(static_cast<Duration::rep>(rng_.below(spread)));
}

bool Reclaim::lock_is_ours(PeerName peer) const {
  return lock_holder(*config_map_, peer.text()) == config_.own.text();
}

void Reclaim::begin_due(TimePoint now, Effects& out) {
  if (job_ || object_.busy()) return;
  for (const auto& [peer, watched] : watched_) {
    const auto due = watched.due();
    if (!due || now < *due) continue;
    if (!lease_.held(now) && !lock_is_ours(peer)) continue;
    if (!report_at_ || now >= *report_at_ + kReportFresh) return want_report(now, out);
    return begin(now, peer, watched.departed, out);
  }
}

// The copy of the nodes may be old: nobody is taken for gone unless the server says so now.
void Reclaim::begin(TimePoint now, PeerName peer, const Departed& departed, Effects& out) {
  job_ = Job{.peer = peer, .departed = departed};
  if (departed.replaced || departed.host.empty()) return lock(now, out);
  job_->request = ids_.next();
  HttpRequest request{.method = "GET", .target = "/api/v1/nodes/" + percent_encode(departed.host)};
  job_->deadline = now + request.timeout + kAnswerGrace;
  out.emplace_back(Send{job_->request, std::move(request)});
}

void Reclaim::on_verified(TimePoint now, const HttpResponse& response, Effects& out) {
  if (response.status == 404) return lock(now, out);
  if (response.status == 200) return end_job(now, kReclaimPause, out);
  last_error_ = "node " + job_->departed.host + ": " + refusal_text(response.status, response.body);
  end_job(now, kReclaimRetry, out);
}

void Reclaim::lock(TimePoint now, Effects& out) {
  job_->step = Step::locking;
  job_->request = {};
  job_->deadline.reset();
  object_.begin(
      now, [this](Json& object) { return edit_lock(object); }, out);
}

bool Reclaim::edit_lock(Json& object) {
  job_->lock = LockOutcome::held_by_other;
  auto list = read_peer_list(object);
  if (!list) {
    last_error_ = to_string(list.error());
    return false;
  }
  const bool was_listed = listed_in_ == uid_of(object);
  if (was_listed && !list->contains(config_.own.text())) return false;
  // A lock counts only while its holder is listed.
  const bool added = list_peer(object, *list, {config_.own.text(), config_.own_node});
  job_->lock = take_lock(object, *list, job_->peer.text(), config_.own.text());
  return added || job_->lock == LockOutcome::taken;
}

void Reclaim::on_locked(TimePoint now, Effects& out) {
  if (job_->lock == LockOutcome::held_by_other) return end_job(now, kReclaimPause, out);
  const bool still_listed = list_.contains(job_->peer.text());
  const bool done_by_other = job_->departed.listed && !still_listed;
  if (done_by_other || report_->alive.contains(job_->peer)) return unlock(now, out);
  if (!job_->departed.owns_space) return forget(now, out);
  job_->step = Step::removing;
  job_->deadline = now + kRemovalTimeout;
  const std::string host = job_->departed.host.empty() ? "?" : job_->departed.host;
  log(LogLevel::info,
      "taking over the addresses of " + display_name(job_->peer, host) +
          (job_->departed.replaced ? ": another peer runs on that node now" : ": its node is gone"),
      out);
  out.emplace_back(RemovePeer{job_->peer});
}

void Reclaim::on_peer_removed(TimePoint now, PeerName peer, std::optional<std::uint64_t> gained,
                              Effects& out) {
  if (!job_ || job_->step != Step::removing || job_->peer != peer) return;
  job_->deadline.reset();
  if (!gained) {
    last_error_ = "the daemon did not take over from " + peer.text();
    log(LogLevel::warning, last_error_, out);
    return unlock(now, out);
  }
  ++peers_count_;
  addresses_count_ += *gained;
  last_error_.clear();
  log(LogLevel::info, std::to_string(*gained) + " addresses taken over from " + peer.text(), out);
  forget(now, out);
}

void Reclaim::forget(TimePoint now, Effects& out) {
  job_->step = Step::forgetting;
  const std::string peer = job_->peer.text();
  object_.begin(
      now,
      [peer](Json& object) {
        auto list = read_peer_list(object);
        return list && forget_listed(object, *list, peer);
      },
      out);
}

void Reclaim::unlock(TimePoint now, Effects& out) {
  job_->step = Step::unlocking;
  job_->deadline.reset();
  const std::string peer = job_->peer.text();
  const std::string own = config_.own.text();
  object_.begin(
      now, [peer, own](Json& object) { return release_lock(object, peer, own); }, out);
}

void Reclaim::end_job(TimePoint now, Duration pause, Effects& out) {
  auto watched = watched_.find(job_->peer);
  if (watched != watched_.end()) watched->second.paused_until = now + pause;
  job_.reset();
  evaluate(now, out);
}

void Reclaim::on_config_map(TimePoint now, Json object, Effects& out) {
  auto list = read_peer_list(object);
  const std::string uid = uid_of(object);
  config_map_ = std::move(object);
  list_ = list ? *list : PeerList{};
  if (list) heed_list(uid, out);
  if (!job_) return evaluate(now, out);
  switch (job_->step) {
    case Step::locking:
      return on_locked(now, out);
    case Step::forgetting:
      // A report that still calls it an owner is too old by then.
      return end_job(now, kReportFresh, out);
    case Step::unlocking:
      return end_job(now, kReclaimPause, out);
    case Step::verifying:
    case Step::removing:
      return;
  }
}

void Reclaim::heed_list(const std::string& uid, Effects& out) {
  const bool listed = list_.contains(config_.own.text());
  if (listed && listed_in_ != uid) {
    listed_in_ = uid;
    out.emplace_back(StoreListed{uid});
  }
  if (listed || evicted_ || listed_in_.empty() || listed_in_ != uid) return;
  evicted_ = true;
  last_error_ = "another peer took over this peer's addresses, since its node " + config_.own_node +
                " was gone for a while; restart this pod: it begins without its old addresses";
  log(LogLevel::error, last_error_, out);
  out.emplace_back(Tell{"NodeEvicted", last_error_});
}

void Reclaim::on_response(TimePoint now, RequestId id, const HttpResponse& response, Effects& out) {
  if (!id) return;
  if (job_ && job_->step == Step::verifying && job_->request == id) {
    return on_verified(now, response, out);
  }
  if (lease_.on_response(now, id, response, out)) return evaluate(now, out);
  if (auto done = object_.on_response(now, id, response, out)) {
    on_config_map(now, std::move(*done), out);
  }
}

void Reclaim::on_failure(TimePoint now, RequestId id, const Error& error, Effects& out) {
  if (!id) return;
  if (job_ && job_->step == Step::verifying && job_->request == id) {
    last_error_ = "node " + job_->departed.host + ": " + to_string(error);
    return end_job(now, kReclaimRetry, out);
  }
  lease_.on_failure(now, id, error, out);
  object_.on_failure(now, id, error, out);
}

void Reclaim::on_deadline(TimePoint now, Effects& out) {
  lease_.on_deadline(now, out);
  object_.on_deadline(now, out);
  if (job_ && job_->deadline && now >= *job_->deadline) on_job_deadline(now, out);
  if (period_at_ && now >= *period_at_) refresh(now, out);
  if (auto at = next_report(); at && now >= *at) want_report(now, out);
  if (lease_at_ && now >= *lease_at_) {
    lease_at_.reset();
    lease_.want(now, out);
  }
  evaluate(now, out);
}

void Reclaim::on_job_deadline(TimePoint now, Effects& out) {
  job_->deadline.reset();
  if (job_->step == Step::verifying) {
    out.emplace_back(Cancel{job_->request});
    return end_job(now, kReclaimRetry, out);
  }
  last_error_ = "the daemon did not say whether it took over from " + job_->peer.text();
  log(LogLevel::warning, last_error_, out);
  unlock(now, out);
}

// While somebody may be about to go the mesh is looked at often, otherwise once a period.
std::optional<TimePoint> Reclaim::next_report() const {
  if (!report_asked_) return std::nullopt;
  for (const auto& [peer, watched] : watched_) {
    if (*report_asked_ < watched.changed_at() + kReportPolling) return *report_asked_ + kReportPoll;
  }
  return std::nullopt;
}

std::optional<TimePoint> Reclaim::next_deadline() const {
  auto next = earliest(lease_.next_deadline(), object_.next_deadline());
  next = earliest(next, period_at_);
  next = earliest(next, lease_at_);
  next = earliest(next, next_report());
  if (job_) return earliest(next, job_->deadline);
  for (const auto& [peer, watched] : watched_) {
    // One that is due and waits for lease or report is looked at when that comes.
    const auto due = watched.due();
    if (due && *due > evaluated_at_) next = earliest(next, due);
  }
  return next;
}

Reclaim::Status Reclaim::status() const {
  const auto waiting = std::count_if(watched_.begin(), watched_.end(), [](const auto& entry) {
    return entry.second.mesh_gone_since.has_value();
  });
  return {.peers_count = peers_count_,
          .addresses_count = addresses_count_,
          .waiting_count = static_cast<std::size_t>(waiting),
          .evicted = evicted_,
          .last_error = last_error_};
}

void Reclaim::log(LogLevel level, const std::string& text, Effects& out) {
  out.emplace_back(LogLine{.level = level, .component = "reclaim", .text = text});
}

}  // namespace weft::kube
