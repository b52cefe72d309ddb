// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/agent/options.h"

#include <algorithm>
#include <array>

#include "plugin/kube/files/files.h"

namespace weft::kube {
namespace {

constexpr int kUsageError = 2;
constexpr std::string_view kStatusDefault = "0.0.0.0:6785";
constexpr std::string_view kStandbyDefault = "127.0.0.1:6786";
constexpr std::size_t kNameSpaceMax = 1024;
constexpr const char* kHelp =
    R"(weave-kube runs weaver on a Kubernetes node: finds the peers among the cluster's nodes,
settles who seeds the address ring, takes back the addresses of nodes that are gone, and installs
the CNI plugin. The entry point of the DaemonSet's container; the variables of Weave's DaemonSet are
read as there, and arguments that are not below are weaver's (see weaver --help).

usage: weave-kube [FLAGS] [WEAVER-FLAGS] [PEER...]

  --server URL        API server: https://HOST[:PORT] (default: KUBERNETES_SERVICE_HOST and _PORT);
                      http:// sends everything in the clear
  --token-file FILE   bearer token, read for each request (default: the service account's)
  --ca-file FILE      authorities that the server's certificate must come from (default: likewise)
  --namespace NAME    of ConfigMap, Lease and Secret (default: POD_NAMESPACE, else the service
                      account's, else kube-system)
  --weaver FILE       the daemon (default: beside this program)
  --plugin FILE       the CNI plugin weave-net (default: beside this program)
  --standby           serve this node only while the weave-kube that served it is away: where its
                      pod is replaced, and until the new one is there
  --uninstall         instead of running: wait for weaver's end, then remove from the node what both
                      have put there
  --stay              with --uninstall: then wait to be stopped
  --help, --version

  WEFT_KUBE_STATUS_ADDR  /healthz, /readyz, /status and /metrics of this program
                         (default 0.0.0.0:6785, of a standby 127.0.0.1:6786; none: not served)
  WEFT_PASSWORD_SECRET   Secret that holds the password where WEAVE_PASSWORD is empty; a random one
                         is put there if there is none (default: no encryption without a password)
  WEFT_PASSWORD_FILE     file with that Secret's value, which the kubelet keeps up to date; read
                         whenever this program comes to serve, and used instead of WEAVE_PASSWORD
                         if it is not empty
  POD_NAMESPACE, POD_NAME, POD_UID  of this pod, for Events
)";

struct Raw {
  std::string server, token_file, ca_file, name_space, weaver, plugin;
  bool help = false, version = false, standby = false, uninstall = false, stay = false;
  std::vector<std::string> rest;
};

// The string says what is wrong.
std::variant<Raw, std::string> take_own(const std::vector<std::string>& arguments) {
  Raw raw;
  const std::array<std::pair<std::string_view, std::string*>, 6> valued{
      std::pair{std::string_view("--server"), &raw.server},
      {"--token-file", &raw.token_file},
      {"--ca-file", &raw.ca_file},
      {"--namespace", &raw.name_space},
      {"--weaver", &raw.weaver},
      {"--plugin", &raw.plugin}};
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    const std::string_view name = std::string_view(argument).substr(0, argument.find('='));
    const auto known = std::find_if(valued.begin(), valued.end(),
                                    [&](const auto& option) { return option.first == name; });
    if (argument == "--help" || argument == "-h") {
      raw.help = true;
    } else if (argument == "--version") {
      raw.version = true;
    } else if (argument == "--standby") {
      raw.standby = true;
    } else if (argument == "--uninstall") {
      raw.uninstall = true;
    } else if (argument == "--stay") {
      raw.stay = true;
    } else if (known == valued.end()) {
      raw.rest.push_back(argument);
    } else if (name.size() < argument.size()) {
      *known->second = argument.substr(name.size() + 1);
    } else if (i + 1 < arguments.size()) {
      *known->second = arguments[++i];
    } else {
      return std::string(name) + " needs a value";
    }
  }
  return raw;
}

std::string take(LaunchVariables& variables, const std::string& name) {
  auto node = variables.extract(name);
  return node.empty() ? std::string() : node.mapped();
}

std::string name_space_of(const Raw& raw, const std::string& pod_name_space) {
  if (!raw.name_space.empty()) return raw.name_space;
  if (!pod_name_space.empty()) return pod_name_space;
  auto text = read_file(std::string(kServiceAccountFolder) + "/namespace", kNameSpaceMax);
  return text && !text->empty() ? *text : "kube-system";
}

LogLevel log_level_of(const LaunchSettings& launch) {
  const auto says = [&](std::string_view level) {
    return std::find(launch.weaver_args.begin(), launch.weaver_args.end(),
                     "--log-level=" + std::string(level)) != launch.weaver_args.end();
  };
  if (says("debug")) return LogLevel::debug;
  if (says("warning")) return LogLevel::warning;
  return says("error") ? LogLevel::error : LogLevel::info;
}

EarlyExit fault(const std::string& text) {
  return {.code = kUsageError, .text = "weave-kube: " + text + "\n"};
}

std::optional<EarlyExit> set_addresses(AgentOptions& out, std::string status) {
  auto daemon = io::HttpAddress::parse(out.launch.http_addr);
  if (!daemon) {
    return fault("WEAVE_HTTP_ADDR '" + out.launch.http_addr + "': " + to_string(daemon.error()));
  }
  out.daemon = *daemon;
  if (status.empty()) status = out.role == Role::standby ? kStandbyDefault : kStatusDefault;
  if (status == "none") return std::nullopt;
  auto at = io::HttpAddress::parse(status);
  if (!at) return fault("WEFT_KUBE_STATUS_ADDR '" + status + "': " + to_string(at.error()));
  out.status = *at;
  return std::nullopt;
}

void set_places(AgentOptions& out, const Raw& raw, const std::string& own_folder) {
  const std::string& root = out.launch.host_root;
  const std::string host = root == "/" ? "" : root;
  out.weaver = raw.weaver.empty() ? own_folder + "/weaver" : raw.weaver;
  out.plugin = raw.plugin.empty() ? own_folder + "/weave-net" : raw.plugin;
  out.cni_conf_dir = host + "/etc/cni/net.d";
  out.cni_bin_dir = out.launch.cni_bin_dir.empty() ? host + "/opt/cni/bin" : out.launch.cni_bin_dir;
  if (!out.launch.expose_ip.empty()) out.expose = Cidr::parse(out.launch.expose_ip);
  out.log_level = log_level_of(out.launch);
}

UninstallOptions uninstall_options(const AgentOptions& agent, const Raw& raw,
                                   const std::string& own_folder) {
  return {.places = {.cni_conf_dir = agent.cni_conf_dir,
                     .cni_bin_dir = agent.cni_bin_dir,
                     .db_prefix = agent.launch.db_prefix},
          .weave = own_folder + "/weave",
          .daemon = agent.launch.http_addr,
          .stay = raw.stay};
}

}  // namespace

std::string usage() {
  return kHelp;
}

std::variant<AgentOptions, UninstallOptions, EarlyExit> parse_options(
    const std::vector<std::string>& arguments, const LaunchVariables& variables,
    const std::string& own_folder) {
  auto taken = take_own(arguments);
  if (const auto* wrong = std::get_if<std::string>(&taken)) return fault(*wrong);
  const Raw& raw = std::get<Raw>(taken);
  if (raw.stay && !raw.uninstall) return fault("--stay goes with --uninstall");
  if (raw.standby && raw.uninstall) return fault("--standby and --uninstall exclude each other");
  if (raw.help) return EarlyExit{.code = 0, .text = usage()};
  if (raw.version) return EarlyExit{.code = 0, .text = "weave-kube " WEFT_VERSION "\n"};
  LaunchVariables left = variables;
  AgentOptions out;
  if (raw.standby) out.role = Role::standby;
  const std::string status = take(left, "WEFT_KUBE_STATUS_ADDR");
  out.password_secret = take(left, "WEFT_PASSWORD_SECRET");
  out.password_file = take(left, "WEFT_PASSWORD_FILE");
  out.pod_name = take(left, "POD_NAME");
  out.pod_uid = take(left, "POD_UID");
  out.name_space = name_space_of(raw, take(left, "POD_NAMESPACE"));
  auto launch = read_launch_environment(left, raw.rest);
  if (const auto* failure = std::get_if<Failure>(&launch)) return fault(failure->text());
  out.launch = std::move(std::get<LaunchSettings>(launch));
  set_places(out, raw, own_folder);
  if (raw.uninstall) return uninstall_options(out, raw, own_folder);
  auto cluster =
      find_cluster({.server = raw.server, .token_file = raw.token_file, .ca_file = raw.ca_file},
                   [&](const std::string& name) {
                     const auto at = variables.find(name);
                     return at == variables.end() ? std::string() : at->second;
                   });
  if (const auto* wrong = std::get_if<std::string>(&cluster)) return fault(*wrong);
  out.cluster = std::get<Cluster>(cluster);
  if (auto wrong = set_addresses(out, status)) return *wrong;
  return out;
}

}  // namespace weft::kube
