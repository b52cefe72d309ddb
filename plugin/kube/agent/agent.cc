// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/agent/agent.h"

#include <csignal>

#include "base/text.h"
#include "plugin/kube/agent/host_addresses.h"
#include "plugin/kube/agent/status_server.h"
#include "plugin/kube/files/files.h"
#include "plugin/kube/host/bridge_filter.h"
#include "plugin/kube/host/ip_forward.h"
#include "plugin/kube/host/plugin_binaries.h"
#include "router/process/child.h"

namespace weft::kube {
namespace {

// How often the plugin's programs on the host are looked at, and how soon again after a failure.
constexpr Duration kInstallPeriod = std::chrono::minutes(5);
constexpr Duration kInstallRetry = std::chrono::seconds(10);
constexpr const char* kPortmapFolder = "/usr/lib/cni";
constexpr std::size_t kPasswordMax = 4096;  // as weaver has it
constexpr std::string_view kDaemonDefault = "127.0.0.1:6784";

CniConfig cni_config(const AgentOptions& options) {
  const std::string at = options.daemon.text();
  return {options.cni_conf_dir,
          {.hairpin = options.launch.hairpin,
           .anti_spoofing = options.launch.anti_spoofing != AntiSpoofing::off,
           .opt_out_by_annotation = options.launch.anti_spoofing == AntiSpoofing::by_annotation,
           .chain = options.launch.cni_chain,
           .daemon_address = at == kDaemonDefault ? "" : at}};
}

// Of two entries of one name a program finds the first, though it be empty: that one goes.
void set_variable(std::vector<std::string>& environment, const std::string& name,
                  const std::string& value) {
  std::erase_if(environment,
                [&](const std::string& entry) { return entry.starts_with(name + "="); });
  environment.push_back(name + "=" + value);
}

}  // namespace

Agent::Agent(io::EventLoop& loop, AgentOptions options, std::vector<std::string> environment,
             Turns& turns, Log log)
    : loop_(loop),
      options_(std::move(options)),
      environment_(std::move(environment)),
      turns_(turns),
      log_(std::move(log)),
      state_file_(options_.launch.db_prefix),
      state_(state_file_.load()),
      machines_(loop, options_.cluster, log_, [this](const Effect& e) { on_effect(e); }),
      daemon_(loop, options_.daemon),
      status_(loop, machines_, options_.launch.node_name,
              {options_.name_space, options_.pod_name, options_.pod_uid}, rng_),
      network_(loop, daemon_, cni_config(options_), options_.expose, network_handlers()),
      notifier_(loop, daemon_, [this] { return notices(); }),
      supervisor_(loop, supervisor_handlers()),
      installer_(loop, [this] { install(); }),
      turn_timer_(loop, [this] { look_at_turn(); }),
      nodes_(ListWatch::Config{.resource = Resource::nodes, .path = "/api/v1/nodes"}, rng_,
             machines_.ids()),
      policies_(ListWatch::Config{.resource = Resource::network_policies,
                                  .path = "/apis/networking.k8s.io/v1/networkpolicies"},
                rng_, machines_.ids()),
      peers_(Peers::Config{.own_node = options_.launch.node_name,
                           .own_addresses = host_addresses(),
                           .named = options_.launch.named_peers},
             rng_) {}

NodeNetwork::Handlers Agent::network_handlers() {
  return {.on_daemon_up = [this] { on_daemon_up(); },
          .on_hang = [this](const std::string& why) { supervisor_.kill_hanging(why); },
          .on_state = [this](bool up, const std::string& why) { on_state(up, why); },
          .on_event = [this](const EventText& text) { status_.event(text); },
          .obstacle = [this] { return obstacle_; },
          .log = log_};
}

Supervisor::Handlers Agent::supervisor_handlers() {
  return {.on_started = [this] { network_.on_daemon_started(); },
          .on_ended =
              [this] {
                network_.on_daemon_ended();
                status_.event({true, "WeaverRestarted",
                               "weaver ended and is started again; its "
                               "log says why"});
              },
          .on_over =
              [this](int exit_code) {
                exit_code_ = exit_code;
                loop_.stop();
              },
          .another_would_serve = [this] { return turns_.another_would_serve(); },
          .log = log_};
}

int Agent::run() {
  for (const std::string& warning : options_.launch.warnings)
    log_(line(LogLevel::warning, "options", warning));
  const std::vector<int> signals{SIGTERM, SIGINT, SIGQUIT, SIGCHLD};
  if (auto watched = loop_.on_signals(signals, [this](int number) { on_signal(number); });
      !watched) {
    log_(line(LogLevel::error, "main", to_string(watched.error())));
    return 1;
  }
  const StatusServer server(loop_, *this, log_);
  if (options_.status && !server.serves()) return 1;
  {
    const SignalsHeard heard;
    const auto own = own_name();
    if (!own) return 1;
    install();
    start_machines(*own);
    turn_timer_.arm(loop_.now());
    loop_.run();
  }
  loop_.run_for(Duration{0});  // a signal that was taken, but not told of yet
  return exit_code_;
}

void Agent::on_signal(int number) {
  if (number == SIGCHLD) return supervisor_.on_child_signal();
  if (number == SIGQUIT) return supervisor_.signal(number);
  turns_.on_end_asked(loop_.now());  // also in the middle of a hand-over
  if (stopping_) return;
  look_at_turn();
  if (stopping_) return;
  if (supervisor_.pid()) {
    log_(line(LogLevel::info, "main", "asked to end; goes on until another is there to take over"));
  }
  supervisor_.end_with_weaver();
}

void Agent::look_at_turn() {
  turn_timer_.arm(loop_.now() + turns_.pause());
  if (stopping_) return;
  const Turns::Verdict verdict = turns_.look(loop_.now());
  if (verdict == Turns::Verdict::go_on) return;
  stopping_ = true;
  log_(line(LogLevel::info, "main",
            verdict == Turns::Verdict::end ? "asked to end; weaver ends first"
                                           : "weave-net's pod is back; weaver ends here first"));
  supervisor_.stop();
}

// weaver chooses its name, and stores it; which the seed of the ring is made of.
std::optional<PeerName> Agent::own_name() const {
  auto end = process::run_child(
      {.program = options_.weaver,
       .arguments = {"--print-peer-name", "--db-prefix=" + options_.launch.db_prefix},
       .environment = environment_,
       .input = {},
       .capture_stderr = false});
  const auto name = end ? PeerName::parse(trim(end->out)) : std::nullopt;
  if (name) return name;
  const std::string why =
      end ? "it ended with code " + std::to_string(end->exit_code) : to_string(end.error());
  log_(line(LogLevel::error, "main",
            options_.weaver + " --print-peer-name: " + why + "; is " + options_.launch.db_prefix +
                "… in a folder that can be written?"));
  return std::nullopt;
}

void Agent::start_machines(PeerName own) {
  stand_in_ = stand_in_for_weaver(
      loop_, options_.daemon, options_.launch.node_name, [this] { return notices(); }, log_);
  machines_.add(nodes_);
  machines_.add(policies_);
  machines_.add(peers_);
  const auto& launch = options_.launch;
  seed_.emplace(Seed::Config{.own = own,
                             .range = launch.range,
                             .forced_init = launch.forced_init,
                             .patience = turns_.fresh() ? kSeedPatienceFresh : kSeedPatience,
                             .name_space = options_.name_space},
                Seed::Stored{.ring = state_.ring,
                             .listed_in = state_.listed_in,
                             .from_weave = state_.from_weave,
                             .listed_by_weave = state_.listed_by_weave},
                rng_, machines_.ids());
  machines_.add(*seed_);
  password_known_ = read_password() || launch.has_password || options_.password_secret.empty();
  machines_.run([this](TimePoint now, Effects& out) {
    nodes_->start(now, out);
    policies_->start(now, out);
    (*seed_)->start(now, out);
  });
  decide_takeover();
}

void Agent::on_seed_decided(const SeedDecided& decided) {
  seeding_ = decided;
  AgentState state = state_;
  state.from_weave = decided.from_weave;
  store(state);
  if (!password_known_ && decided.from_weave) {
    // One of ours would keep this node apart from those that Weave still runs.
    password_known_ = true;
    note(LogLevel::warning,
         {true, "NotEncrypted",
          "Weave ran this mesh without a password, so it stays without encryption. Once Weft runs "
          "on all nodes, put a password into Secret " +
              options_.password_secret + " and restart the DaemonSet"});
  }
  if (!password_known_) ask_password();
  launch_if_settled();
}

// A pod that has stood by since before the password was made, or changed, has an old one in its
// environment.
bool Agent::read_password() {
  if (options_.password_file.empty()) return false;
  auto text = read_file(options_.password_file, kPasswordMax);
  if (!text && text.error().code != Errc::not_found) {
    log_(line(LogLevel::warning, "password",
              options_.password_file + ": " + to_string(text.error())));
  }
  if (!text || text->empty()) return false;
  set_variable(environment_, "WEAVE_PASSWORD", *text);
  return true;
}

void Agent::ask_password() {
  password_.emplace(
      Password::Config{.name_space = options_.name_space, .secret = options_.password_secret}, rng_,
      machines_.ids(), [this](const std::string& password) {
        set_variable(environment_, "WEAVE_PASSWORD", password);
        password_known_ = true;
        launch_if_settled();
      });
  machines_.add(*password_);
  machines_.run([this](TimePoint now, Effects& out) { (*password_)->start(now, out); });
}

void Agent::decide_takeover() {
  const bool known = policies_->status().synced;
  const TakeoverDecision decision = kube::decide_takeover(
      {.policy_count = known ? std::optional(policy_names_.size()) : std::nullopt,
       .example = policy_names_.empty() ? "" : *policy_names_.begin(),
       .served_before = state_.served,
       .allowed = options_.launch.allow_unenforced});
  const bool go = decision.verdict == Verdict::go || decision.verdict == Verdict::go_unenforced;
  const bool turned = verdict_ != decision.verdict;
  const bool worth_saying = known && decision.reason != policies_said_ && !decision.reason.empty();
  verdict_ = decision.verdict;
  policies_said_ = decision.reason;
  if (worth_saying) {
    log_(line(go ? LogLevel::warning : LogLevel::error, "node", policies_said_));
    if (!go && !launched_) status_.on_state(false, policies_said_);
  }
  if (worth_saying && turned) {
    status_.event({true, go ? "NetworkPolicyNotEnforced" : "TakeoverRefused", decision.lasting});
  }
  may_take_over_ = may_take_over_ || go;
  launch_if_settled();
}

void Agent::launch_if_settled() {
  if (launched_ || stopping_ || !seeding_ || !may_take_over_ || !password_known_) return;
  launched_ = true;
  loop_.post([this] { launch(); });
}

void Agent::launch() {
  if (stopping_) return;
  if (seeding_->discard_state) {
    state_file_.set_aside();
    state_ = AgentState{.served = state_.served, .from_weave = state_.from_weave};
  }
  const auto own = own_name();
  if (!own) {
    exit_code_ = 1;
    return loop_.stop();
  }
  log_(line(LogLevel::info, "seed",
            "--ipalloc-init=" + seeding_->ipalloc_init + ": " + seeding_->reason));
  stand_in_.reset();
  // Peers that are named would take the place of those that weaver has stored.
  const bool stored = state_.served && !seeding_->discard_state;
  const auto peers = peers_->synced() ? peers_->addresses()
                     : stored         ? std::vector<std::string>()
                                      : options_.launch.named_peers;
  supervisor_.start({.path = options_.weaver,
                     .arguments = weaver_arguments(options_.launch, seeding_->ipalloc_init, peers),
                     .environment = environment_});
  start_reclaim(*own);
}

void Agent::on_daemon_up() {
  notifier_.on_daemon_up();
  machines_.run([this](TimePoint, Effects& out) { peers_->on_daemon_started(out); });
}

void Agent::on_state(bool up, const std::string& why) {
  status_.on_state(up, why);
  not_served_ = up ? "" : why;
  if (!up || state_.served) return;
  AgentState served = state_;
  served.served = true;
  store(served);
  ask_report();
}

void Agent::store(const AgentState& state) {
  if (state == state_) return;
  state_ = state;
  auto stored = state_file_.store(state_);
  if (!stored) {
    log_(line(LogLevel::error, "main",
              state_file_.path() + " cannot be written: " + to_string(stored.error()) +
                  "; without the API server the next start will not be possible"));
  }
}

void Agent::install() {
  auto report = options_.launch.init_container ? Result<InstallReport>(InstallReport{})
                                               : install_plugin({.source = options_.plugin,
                                                                 .folder = options_.cni_bin_dir,
                                                                 .version = WEFT_VERSION,
                                                                 .portmap_dir = kPortmapFolder});
  installer_.arm(loop_.now() + (report ? kInstallPeriod : kInstallRetry));
  check_kernel();
  const std::string before = obstacle_;
  obstacle_ = report ? ""
                     : "the plugin cannot be installed in " + options_.cni_bin_dir + ": " +
                           to_string(report.error());
  if (!report) {
    if (before != obstacle_) note(LogLevel::error, {true, "PluginNotInstalled", obstacle_});
    return;
  }
  if (!report->changed.empty()) {
    log_(line(LogLevel::info, "cni",
              "installed in " + options_.cni_bin_dir + ": " + join(report->changed, ", ")));
  }
  portmap_problem_ = !report->portmap_missing
                         ? ""
                         : "there is no portmap plugin in " + options_.cni_bin_dir +
                               ": no pod can start; install the CNI project's plugins there";
  if (report->portmap_missing) note(LogLevel::error, {true, "PortmapMissing", portmap_problem_});
}

void Agent::check_kernel() {
  const auto look = [this](std::string& problem, std::string now, const char* reason) {
    const std::string before = std::exchange(problem, std::move(now));
    if (problem.empty() || problem == before) return;
    note(LogLevel::warning, {true, reason, problem});
  };
  look(bridge_filter_problem_, ensure_bridge_filter("/proc/sys"), "BridgeFilterOff");
  look(ip_forward_problem_, check_ip_forward("/proc/sys"), "IpForwardOff");
}

void Agent::note(LogLevel level, const EventText& text) {
  log_(line(level, "node", text.message));
  status_.event(text);
}

}  // namespace weft::kube
