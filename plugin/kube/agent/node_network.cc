// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/agent/node_network.h"

#include "base/text.h"

namespace weft::kube {

NodeNetwork::NodeNetwork(io::EventLoop& loop, DaemonApi& daemon, CniConfig cni,
                         std::optional<Cidr> expose_wish, Handlers handlers)
    : loop_(loop),
      daemon_(daemon),
      cni_(std::move(cni)),
      expose_wish_(expose_wish),
      handlers_(std::move(handlers)),
      timer_(loop, [this] { poll(); }) {}

void NodeNetwork::on_daemon_started() {
  heard_at_ = loop_.now();
  answered_ = false;
  not_serving(Phase::starting, "weaver is starting");
  timer_.arm(loop_.now() + kPollFirst);
}

void NodeNetwork::on_daemon_ended() {
  daemon_.cancel_expose();
  not_serving(Phase::stopped, "weaver has ended and is started again");
  timer_.arm(loop_.now() + kPoll);  // to say so, if it takes long
}

Duration NodeNetwork::poll_interval() const {
  if (serving()) return kPoll;
  return loop_.now() - *unwell_since_ < kPollFirstFor ? kPollFirst : kPollLater;
}

void NodeNetwork::poll() {
  timer_.arm(loop_.now() + poll_interval());
  if (!serving() && loop_.now() - *unwell_since_ >= kDownGrace) {
    handlers_.on_state(false, reason_);
  }
  if (phase_ == Phase::stopped || asking_) return;
  asking_ = true;
  daemon_.health([this](const DaemonApi::Health& health) {
    asking_ = false;
    on_health(health);
  });
}

void NodeNetwork::on_health(const DaemonApi::Health& health) {
  if (phase_ == Phase::stopped) return;
  const TimePoint now = loop_.now();
  if (health.answers) {
    heard_at_ = now;
    if (!answered_) handlers_.on_daemon_up();
    answered_ = true;
  } else if (now - heard_at_ >= kHangMax) {
    heard_at_ = now;
    return handlers_.on_hang(health.text);
  }
  if (!health.ready) {
    daemon_.cancel_expose();
    return not_serving(Phase::starting, "weaver is not ready: " + health.text);
  }
  if (phase_ == Phase::starting) expose();
  if (phase_ == Phase::serving) keep_config();
}

// Whatever address the bridge had before, weaver gives the same again.
void NodeNetwork::expose() {
  not_serving(Phase::exposing,
              "no address for the bridge: the peers have not agreed on the "
              "address ring; see weave status ipam");
  daemon_.expose(expose_wish_, [this](const DaemonApi::Exposed& exposed) {
    if (phase_ != Phase::exposing) return;
    if (const auto* why = std::get_if<std::string>(&exposed)) {
      return not_serving(Phase::starting, *why);
    }
    exposed_ = std::get<Cidr>(exposed);
    phase_ = Phase::serving;
    handlers_.log(line(LogLevel::info, "node",
                       "the bridge has the address " + exposed_->text() + "; pods can be served"));
    keep_config();
  });
}

void NodeNetwork::keep_config() {
  if (const std::string obstacle = handlers_.obstacle(); !obstacle.empty()) {
    return handlers_.on_state(false, obstacle);
  }
  auto report = cni_.ensure();
  if (!report) {
    const std::string why = "cannot write " + cni_.path() + ": " + to_string(report.error());
    if (why != last_complaint_) note(LogLevel::error, {true, "CniConfigFailed", why});
    last_complaint_ = why;
    return handlers_.on_state(false, why);
  }
  last_complaint_.clear();
  using Outcome = CniConfig::Report::Outcome;
  if (report->outcome == Outcome::written) {
    note(LogLevel::info, {false, "CniConfigWritten", "wrote " + cni_.path()});
  } else if (report->outcome == Outcome::mended) {
    note(LogLevel::warning, {true, "CniConfigMended",
                             cni_.path() + " had been changed or removed; it is as it must be"});
  }
  if (report->before_ours != before_ours_) {
    before_ours_ = report->before_ours;
    if (!before_ours_.empty()) {
      note(LogLevel::warning,
           {true, "CniConfigShadowed",
            join(before_ours_, ", ") + " sorts before " + std::string(kCniFile) +
                ", so pods of this node get their network from there: remove it if they should "
                "not"});
    }
  }
  handlers_.on_state(true, "");
}

void NodeNetwork::not_serving(Phase phase, const std::string& why) {
  if (serving() || !unwell_since_) unwell_since_ = loop_.now();
  if (serving()) {
    handlers_.log(line(LogLevel::warning, "node", "pods are not served: " + why));
    timer_.arm(loop_.now() + kPollFirst);
  }
  phase_ = phase;
  reason_ = why;
}

void NodeNetwork::note(LogLevel level, const EventText& text) {
  handlers_.log(line(level, "cni", text.message));
  handlers_.on_event(text);
}

}  // namespace weft::kube
