// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/core/launch_environment.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "plugin/kube/core/argument_list.h"
#include "plugin/kube/core/json_text.h"
#include "plugin/kube/core/takeover.h"

namespace weft::kube {

namespace {

constexpr std::size_t kChainMax = 64 * 1024;

struct Replaced {
  std::string_view name;
  std::string_view instead;
};

// Variables of Weave's scripts and image that mean nothing here.
constexpr std::array kReplaced{
    Replaced{"CHECKPOINT_DISABLE", "nothing is ever asked of a server on the Internet"},
    Replaced{"IPTABLES_BACKEND",
             "rules are in an nftables table of Weft's own; what Weave left is removed through "
             "whichever backend holds it"},
    Replaced{"WEAVE_NO_FASTDP", "--overlays in EXTRA_ARGS says which overlays are used"},
    Replaced{"WEAVE_NO_BRIDGED_FASTDP", "--overlays in EXTRA_ARGS says which overlays are used"},
    Replaced{"DOCKER_API_VERSION", "no container engine is asked"},
    Replaced{"DOCKER_HOST", "no container engine is asked"},
    Replaced{"DOCKER_BRIDGE", "no rule concerns Docker's bridge"},
    Replaced{"EXEC_IMAGE", "no container is started"},
    Replaced{"DOCKERHUB_USER", "the manifest names the image"},
    Replaced{"WEAVE_VERSION", "the manifest names the image"},
    Replaced{"WEAVE_CONTAINER_NAME", "the manifest names the container"},
    Replaced{"WEAVE_DOCKER_ARGS", "the manifest describes the container"},
    Replaced{"WEAVEEXEC_DOCKER_ARGS", "the manifest describes the container"},
    Replaced{"PROXY_HOST", "there is no Docker proxy"},
    Replaced{"AWSVPC", "routes of a cloud are not made; links use an overlay"},
    Replaced{"WEAVE_KUBERNETES_VERSION", "it was for telemetry, which there is not"},
    Replaced{"WEAVE_KUBERNETES_UID", "it was for telemetry, which there is not"},
};

// Those that are read, here or by the agent itself.
constexpr std::array<std::string_view, 27> kRead{"CONN_LIMIT",
                                                 "EXPECT_NPC",
                                                 "HAIRPIN_MODE",
                                                 "IPALLOC_INIT",
                                                 "IPALLOC_RANGE",
                                                 "KUBE_PEERS",
                                                 "NO_MASQ_LOCAL",
                                                 "WEAVE_MTU",
                                                 "WEAVE_PASSWORD",
                                                 "WEAVE_EXPOSE_IP",
                                                 "WEAVE_METRICS_ADDR",
                                                 "WEAVE_STATUS_ADDR",
                                                 "WEAVE_HTTP_ADDR",
                                                 "DB_PREFIX",
                                                 "HOST_ROOT",
                                                 "HOSTNAME",
                                                 "EXTRA_ARGS",
                                                 "INIT_CONTAINER",
                                                 "WEAVE_DEBUG",
                                                 "WEAVE_PORT",
                                                 "WEAVE_CNI_PLUGIN_DIR",
                                                 kAllowUnenforced,
                                                 "WEFT_CNI_ANTI_SPOOFING",
                                                 "WEFT_CNI_CHAIN",
                                                 "WEFT_PASSWORD_FILE",
                                                 "WEFT_PASSWORD_SECRET",
                                                 "WEFT_KUBE_STATUS_ADDR"};

// Kubernetes puts the addresses of services into the environment of every container.
bool of_a_service(std::string_view name) {
  return name.ends_with("_SERVICE_HOST") || name.ends_with("_PORT") ||
         name.find("_SERVICE_PORT") != std::string_view::npos ||
         name.find("_PORT_") != std::string_view::npos;
}

// A list of objects that each name a plugin.
bool is_chain(const std::string& text) {
  const auto held = parse_object(R"({"plugins":)" + text + "}", kChainMax);
  const Json* plugins = held ? member(*held, "plugins") : nullptr;
  return plugins != nullptr && held->size() == 1 && plugins->is_array() &&
         std::all_of(plugins->begin(), plugins->end(),
                     [](const Json& plugin) { return !text_of(plugin, "type").empty(); });
}

class LaunchReader {
 public:
  LaunchReader(const LaunchVariables& variables, const std::vector<std::string>& arguments)
      : variables_(variables), arguments_(arguments) {}

  std::variant<LaunchSettings, Failure> read() {
    line_.add(words_of(text("EXTRA_ARGS")));
    read_numbers();
    read_addresses();
    read_switches();
    read_places();
    read_init();
    line_.add(arguments_);
    read_line();
    warn_of_others();
    if (failure_) return *failure_;
    return std::move(out_);
  }

 private:
  // An empty variable is as one that is not set, as in the shell's ${NAME:-default}.
  std::string text(std::string_view name, std::string_view otherwise = "") const {
    auto at = variables_.find(std::string(name));
    const bool set = at != variables_.end() && !at->second.empty();
    return set ? at->second : std::string(otherwise);
  }

  void refuse(std::string_view name, const std::string& value, std::string_view what,
              const std::string& hint) {
    if (failure_) return;
    failure_ = Failure{.error = {.code = Errc::bad_value, .what = what},
                       .subject = std::string(name) + "='" + value + "'",
                       .hint = hint};
  }

  void read_number(std::string_view name, std::string_view flag, std::string_view otherwise) {
    const std::string value = text(name, otherwise);
    if (value.empty()) return;
    if (!parse_u64(value)) refuse(name, value, "not a number", "give a whole number, or nothing");
    line_.set(flag, value);
  }

  void read_numbers() {
    read_number("WEAVE_PORT", "--port", "6783");
    read_number("CONN_LIMIT", "--conn-limit", "200");
    read_number("WEAVE_MTU", "--mtu", "");
  }

  void read_addresses() {
    line_.set("--http-addr", text("WEAVE_HTTP_ADDR", "127.0.0.1:6784"));
    line_.set("--metrics-addr", text("WEAVE_METRICS_ADDR", "0.0.0.0:6782"));
    const std::string status = text("WEAVE_STATUS_ADDR");
    if (!status.empty()) line_.set("--status-addr", status);
    out_.expose_ip = text("WEAVE_EXPOSE_IP");
    const std::string_view expose = out_.expose_ip;
    const auto cidr = Cidr::parse(expose.starts_with("ip:") ? expose.substr(3) : expose);
    if (!expose.empty() && !cidr) {
      refuse("WEAVE_EXPOSE_IP", out_.expose_ip, "not an address with a prefix length",
             "write it as 10.32.0.1/12");
    }
    if (cidr) out_.expose_ip = cidr->text();
  }

  void read_switches() {
    if (text("NO_MASQ_LOCAL") != "0") line_.set("--no-masq-local");
    const std::string hairpin = text("HAIRPIN_MODE", "true");
    out_.hairpin = hairpin == "true";
    if (hairpin != "true" && hairpin != "false") {
      refuse("HAIRPIN_MODE", hairpin, "neither true nor false", "leave it out for true");
    }
    read_cni();
    const std::string npc = text("EXPECT_NPC", "0");
    if (npc != "0") {
      out_.warnings.push_back("EXPECT_NPC=" + npc +
                              " has no effect here: NetworkPolicy is not enforced. A node is not "
                              "taken over while there are policies, unless " +
                              kAllowUnenforced + "=1");
    }
    out_.init_container = text("INIT_CONTAINER") == "true";
    out_.has_password = !text("WEAVE_PASSWORD").empty();
    const std::string allow = text(kAllowUnenforced, "0");
    out_.allow_unenforced = allow == "1";
    if (allow != "0" && allow != "1") {
      refuse(kAllowUnenforced, allow, "neither 0 nor 1", "1 takes nodes over all the same");
    }
    if (!text("WEAVE_DEBUG").empty() && !line_.has("--log-level")) {
      line_.set("--log-level", "debug");
    }
  }

  void read_cni() {
    const std::string guard = text("WEFT_CNI_ANTI_SPOOFING", "true");
    const std::map<std::string_view, AntiSpoofing> known{
        {"true", AntiSpoofing::on},
        {"false", AntiSpoofing::off},
        {"annotation", AntiSpoofing::by_annotation}};
    if (const auto at = known.find(guard); at != known.end()) {
      out_.anti_spoofing = at->second;
    } else {
      refuse("WEFT_CNI_ANTI_SPOOFING", guard, "none of true, false, annotation",
             "leave it out for true");
    }
    out_.cni_chain = text("WEFT_CNI_CHAIN");
    if (!out_.cni_chain.empty() && !is_chain(out_.cni_chain)) {
      refuse("WEFT_CNI_CHAIN", out_.cni_chain, "not a JSON list of CNI plugins",
             R"(write it as [{"type": "bandwidth", "capabilities": {"bandwidth": true}}])");
    }
  }

  void read_places() {
    const std::string prefix = text("DB_PREFIX", "/weavedb/weave-net");
    line_.set("--db-prefix", prefix);
    // Where the host's /var/lib/weave is mounted, in which the plugin leaves releases for weaver.
    const std::string folder = prefix.substr(0, prefix.find_last_of('/') + 1);
    if (!line_.has("--cni-state-dir")) line_.set("--cni-state-dir", folder + "cni");
    out_.host_root = text("HOST_ROOT", "/host");
    out_.cni_bin_dir = text("WEAVE_CNI_PLUGIN_DIR");
    out_.node_name = text("HOSTNAME");
    if (out_.node_name.empty()) {
      refuse("HOSTNAME", "", "the node's name is not known",
             "set HOSTNAME from the field spec.nodeName in the DaemonSet");
    }
    line_.set("--nickname", out_.node_name);
  }

  void read_init() {
    line_.set("--ipalloc-range", text("IPALLOC_RANGE", "10.32.0.0/12"));
    out_.forced_init = text("IPALLOC_INIT");
    const std::string_view init = out_.forced_init;
    const std::string_view mode = init.substr(0, init.find('='));
    const bool known = mode == "consensus" || init == "observer" ||
                       (mode == "seed" && init.size() > std::string_view("seed=").size());
    if (!init.empty() && !known) {
      refuse(
          "IPALLOC_INIT", out_.forced_init, "no such mode",
          "consensus, consensus=N, seed=NAME,NAME… or observer; leave it out to have it decided");
    }
    if (mode == "consensus") {
      out_.warnings.push_back(
          "IPALLOC_INIT=" + out_.forced_init +
          ": a number of nodes is a guess, and nodes that start apart may guess "
          "differently; leave it out to have the seed settled once, through the "
          "API server");
    }
  }

  // What the line as a whole says, whoever said it last.
  void read_line() {
    for (const std::string& flag : line_.flags()) {
      if (flag.starts_with("--ipalloc-init=")) {
        out_.forced_init = line_.value("--ipalloc-init");
      } else if (flag.starts_with("--password")) {
        refuse_password(flag);
      } else {
        out_.weaver_args.push_back(flag);
      }
    }
    const std::string range = line_.value("--ipalloc-range");
    auto cidr = Cidr::parse_subnet(range);
    if (cidr) {
      out_.range = *cidr;
    } else {
      refuse("IPALLOC_RANGE", range, cidr.error().what, "write it as 10.32.0.0/12");
    }
    out_.http_addr = line_.value("--http-addr");
    out_.db_prefix = line_.value("--db-prefix");
    out_.named_peers = words_of(text("KUBE_PEERS"));
    out_.named_peers.insert(out_.named_peers.end(), line_.peers().begin(), line_.peers().end());
  }

  // A password on the command line shows in ps on the node and in the DaemonSet.
  void refuse_password(const std::string& flag) {
    if (flag.starts_with("--password-file=")) {
      out_.has_password = true;
      out_.weaver_args.push_back(flag);
      return;
    }
    refuse("--password", "…", "a password among the arguments can be read by everybody",
           "put it into a Secret and hand it over as WEAVE_PASSWORD");
  }

  void warn_of_others() {
    for (const auto& variable : variables_) {
      const std::string& name = variable.first;
      if (variable.second.empty()) continue;
      const auto* replaced = std::find_if(kReplaced.begin(), kReplaced.end(),
                                          [&](const Replaced& r) { return r.name == name; });
      if (replaced != kReplaced.end()) {
        out_.warnings.push_back(name + " has no effect here: " + std::string(replaced->instead));
        continue;
      }
      const bool ours =
          name.starts_with("WEAVE_") || name.starts_with("WEFT_") || name.starts_with("IPALLOC_");
      const bool read = std::find(kRead.begin(), kRead.end(), name) != kRead.end();
      if (!ours || read || of_a_service(name)) continue;
      out_.warnings.push_back(name +
                              " is not known here and has no effect; the variables are in "
                              "docs/reference/weave-kube.md");
    }
  }

  const LaunchVariables& variables_;
  const std::vector<std::string>& arguments_;
  ArgumentList line_;
  LaunchSettings out_;
  std::optional<Failure> failure_;
};

}  // namespace

std::variant<LaunchSettings, Failure> read_launch_environment(
    const LaunchVariables& variables, const std::vector<std::string>& arguments) {
  return LaunchReader(variables, arguments).read();
}

std::vector<std::string> weaver_arguments(const LaunchSettings& settings, const std::string& init,
                                          const std::vector<std::string>& peers) {
  std::vector<std::string> out = settings.weaver_args;
  out.push_back("--ipalloc-init=" + init);
  out.insert(out.end(), peers.begin(), peers.end());
  return out;
}

}  // namespace weft::kube
