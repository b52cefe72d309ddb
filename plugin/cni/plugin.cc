// SPDX-License-Identifier: Apache-2.0
#include "plugin/cni/plugin.h"

#include <system_error>

#include "base/json/json.h"
#include "plugin/cni/verbs.h"

namespace weft::cni {

namespace {

constexpr std::string_view kDefaultDaemon = "127.0.0.1:6784";

Outcome<io::HttpAddress> daemon_address(const Lookup& variable, const NetConf& conf) {
  auto from_environment = variable("WEAVE_HTTP_ADDR");
  const bool given = from_environment && !from_environment->empty();
  const std::string text = given                    ? *from_environment
                           : conf.http_addr.empty() ? std::string(kDefaultDaemon)
                                                    : conf.http_addr;
  auto address = io::HttpAddress::parse(text);
  if (address) return *address;
  return Fault{given ? FaultCode::bad_environment : FaultCode::bad_config,
               (given ? "WEAVE_HTTP_ADDR \"" : "weaveHttpAddr \"") + text + "\" is no address",
               "host:port, or the path of a unix socket"};
}

std::string state_dir(const Lookup& variable) {
  auto path = variable("WEFT_CNI_STATE_DIR");
  return path && !path->empty() ? *path : std::string(kDefaultStateDir);
}

// Runs the verb; its result as JSON, or nothing for verbs that print nothing.
Outcome<std::string> run_verb(const Call& call) {
  auto silent = [](const Outcome<>& outcome) -> Outcome<std::string> {
    if (!outcome) return outcome.fault();
    return std::string();
  };
  switch (call.env.verb) {
    case Verb::add: {
      auto result = add(call);
      if (!result) return result.fault();
      return print(to_json(*result, call.conf.version));
    }
    case Verb::del:
      return silent(del(call));
    case Verb::check:
      return silent(check(call));
    case Verb::gc:
      return silent(gc(call));
    case Verb::status:
      return silent(status(call));
    case Verb::version:
      break;  // was answered without a configuration
  }
  return std::string();
}

Outcome<std::string> run_configured(const Invocation& invocation, const Environment& env,
                                    std::string& log) {
  if (env.verb == Verb::version) return print(version_reply(invocation.config_text));
  if (invocation.stdin_errno != 0) {
    return Fault{FaultCode::io_failure, "cannot read the network configuration from stdin",
                 std::generic_category().message(invocation.stdin_errno)};
  }
  auto parsed = parse_config(invocation.config_text, env);
  if (!parsed) return parsed.fault();
  if (parsed->fault) {
    if (env.verb != Verb::del) return *parsed->fault;
    log += "DEL goes on in spite of: " + parsed->fault->msg + "\n";
  }
  auto daemon = daemon_address(invocation.variable, parsed->conf);
  if (!daemon) {
    if (env.verb != Verb::del) return daemon.fault();
    // If nobody answers there, the release is queued.
    log += "DEL goes on with " + std::string(kDefaultDaemon) +
           " in spite of: " + daemon.fault().msg + "\n";
    daemon = *io::HttpAddress::parse(kDefaultDaemon);
  }
  return run_verb({.role = invocation.role,
                   .env = env,
                   .conf = std::move(parsed->conf),
                   .config_text = invocation.config_text,
                   .daemon = *daemon,
                   .state = StateDir(state_dir(invocation.variable)),
                   .timeouts = invocation.timeouts,
                   .log = log});
}

// For faults that tell no cure of their own.
std::string usual_cure(FaultCode code) {
  switch (code) {
    case FaultCode::incompatible_version:
      return "correct cniVersion in /etc/cni/net.d";
    case FaultCode::unknown_container:
      return "the container is gone: there is nothing to do";
    case FaultCode::bad_environment:
      return "the container runtime sets it; to try by hand, see weave-net --help";
    case FaultCode::io_failure:
    case FaultCode::undecodable:
      return "the runtime passes a file of /etc/cni/net.d on stdin: mend it there";
    case FaultCode::bad_config:
      return "correct it in /etc/cni/net.d; docs/cni.md has all fields";
    case FaultCode::try_again:
    case FaultCode::not_available:
    case FaultCode::limited:
      return "the runtime tries again by itself; weave status tells of the daemon";
    case FaultCode::plumbing:
      return "see the kernel's log";
    case FaultCode::address:
      return "ask for another address; weave ps tells who holds which";
    case FaultCode::delegate:
      return "that plugin is to be mended, or ipam.type to be another";
    case FaultCode::mismatch:
      return "delete the container's sandbox, to have it made anew";
    case FaultCode::conflict:
      return "use another CNI_IFNAME or interfaceName";
  }
  return "";  // another plugin's code, in its own words
}

// People look for "CNI", the plugin and the container in the journal of the runtime.
std::string prefix(Role role, const Environment* env) {
  std::string out = "CNI plugin " + std::string(plugin_name(role)) + ": ";
  if (env == nullptr) return out;
  out += text(env->verb);
  if (!env->container_id.empty()) {
    out += " for container " + env->container_id + " (" + env->ifname + ")";
  }
  return out + ": ";
}

}  // namespace

Reply run_plugin(const Invocation& invocation) {
  Reply reply;
  auto env = read_environment(invocation.variable);
  auto outcome =
      env ? run_configured(invocation, *env, reply.log) : Outcome<std::string>(env.fault());
  if (outcome) {
    reply.out = std::move(*outcome);
    return reply;
  }
  Fault fault = outcome.fault();
  fault.msg = prefix(invocation.role, env ? &*env : nullptr) + fault.msg;
  if (fault.details.empty()) fault.details = usual_cure(fault.code);
  reply.exit_code = 1;
  reply.out = print(to_json(fault, answer_version(invocation.config_text)));
  reply.log += fault.msg + (fault.details.empty() ? "" : "; " + fault.details) + "\n";
  return reply;
}

std::string explanation(Role role) {
  const std::string name(plugin_name(role));
  return name +
         " " WEFT_VERSION
         " is a CNI plugin: container runtimes (kubelet with containerd, "
         "podman, …) run it.\nIt takes no arguments. The runtime sets CNI_COMMAND (ADD, DEL, "
         "CHECK, GC, STATUS or VERSION), CNI_CONTAINERID,\nCNI_NETNS, CNI_IFNAME and CNI_PATH, "
         "and passes the network configuration on stdin. To try it by hand:\n\n"
         "  echo '{\"cniVersion\": \"1.0.0\", \"name\": \"weave\", \"type\": \"" +
         name + "\"}' |\n    CNI_COMMAND=VERSION " + name +
         "\n\n"
         "To plug in a container without a runtime: weave attach NETNS|PID|CONTAINER\n"
         "See docs/cni.md.\n";
}

}  // namespace weft::cni
