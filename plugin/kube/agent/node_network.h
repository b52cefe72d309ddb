// SPDX-License-Identifier: Apache-2.0
// From "weaver runs" to "pods are served", and whether they still are: asks weaver how it is, gives
// the bridge an address (pods' default gateway), and then keeps the CNI configuration in place.
//
//   stopped ─started─▶ starting ─ready─▶ exposing ─address─▶ serving ⇄ (weaver unwell) starting
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "plugin/kube/agent/daemon_api.h"
#include "plugin/kube/agent/log.h"
#include "plugin/kube/core/events.h"
#include "plugin/kube/host/cni_config.h"

namespace weft::kube {

class NodeNetwork {
 public:
  // How often weaver and the configuration are looked at: for ten seconds while pods are not
  // served, since a start takes one or two; later; and while they are served.
  static constexpr Duration kPollFirst = std::chrono::milliseconds(100);
  static constexpr Duration kPollFirstFor = std::chrono::seconds(10);
  static constexpr Duration kPollLater = std::chrono::seconds(1);
  static constexpr Duration kPoll = std::chrono::seconds(2);
  // A weaver that runs and is silent for so long will not come back by itself.
  static constexpr Duration kHangMax = std::chrono::seconds(30);
  // A restart takes less, and is no reason to keep pods off the node.
  static constexpr Duration kDownGrace = std::chrono::seconds(15);

  struct Handlers {
    std::function<void()> on_daemon_up;  // answers for the first time since it was started
    std::function<void(const std::string& why)> on_hang;
    // Pods are served, or have not been for kDownGrace; repeated calls say the same.
    std::function<void(bool up, const std::string& why)> on_state;
    std::function<void(const EventText&)> on_event;
    // Why runtimes must not be led to us yet though weaver is ready; empty: nothing.
    std::function<std::string()> obstacle;
    Log log;
  };
  NodeNetwork(io::EventLoop& loop, DaemonApi& daemon, CniConfig cni,
              std::optional<Cidr> expose_wish, Handlers handlers);

  void on_daemon_started();
  void on_daemon_ended();

  bool serving() const { return phase_ == Phase::serving; }
  const std::string& reason() const { return reason_; }  // why not
  const std::vector<std::string>& before_ours() const { return before_ours_; }
  // Why the CNI configuration is not as it must be; empty: it is, or it is not its turn.
  const std::string& config_fault() const { return last_complaint_; }
  std::optional<Cidr> exposed() const { return exposed_; }

 private:
  enum class Phase { stopped, starting, exposing, serving };

  Duration poll_interval() const;
  void poll();
  void on_health(const DaemonApi::Health& health);
  void expose();
  void keep_config();
  void not_serving(Phase phase, const std::string& why);
  void note(LogLevel level, const EventText& text);

  io::EventLoop& loop_;
  DaemonApi& daemon_;
  CniConfig cni_;
  std::optional<Cidr> expose_wish_;
  Handlers handlers_;
  io::Timer timer_;
  Phase phase_ = Phase::stopped;
  bool asking_ = false;                    // for its health
  bool answered_ = false;                  // since it was started
  TimePoint heard_at_;                     // or was started
  std::optional<TimePoint> unwell_since_;  // none: weaver was never started
  std::string reason_ = "weaver has not been started";
  std::optional<Cidr> exposed_;
  std::vector<std::string> before_ours_;
  std::string last_complaint_;
};

}  // namespace weft::kube
