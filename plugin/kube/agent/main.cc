// SPDX-License-Identifier: Apache-2.0
// weave-kube: reads flags and environment, and runs the agent when it is its turn.
#include <csignal>
#include <cstdio>

#include <unistd.h>

#include "plugin/kube/agent/agent.h"
#include "router/process/child.h"

namespace {

using namespace weft;

// What weaver is not to see: variables that the agent has translated into its arguments stay, since
// weaver does not read them; the password it takes out itself.
kube::LaunchVariables variables(std::vector<std::string>& environment) {
  kube::LaunchVariables out;
  for (char** at = environ; *at != nullptr; ++at) {
    const std::string text = *at;
    environment.push_back(text);
    const std::size_t equals = text.find('=');
    if (equals != std::string::npos) out[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  std::vector<std::string> environment;
  auto parsed =
      kube::parse_options({argv + 1, argv + argc}, variables(environment), process::own_folder());
  if (const auto* early = std::get_if<kube::EarlyExit>(&parsed)) {
    std::fputs(early->text.c_str(), early->code == 0 ? stdout : stderr);
    return early->code;
  }
  if (const auto* leaving = std::get_if<kube::UninstallOptions>(&parsed)) {
    return kube::uninstall(*leaving, kube::log_to_stderr(LogLevel::info));
  }
  const auto& options = std::get<kube::AgentOptions>(parsed);
  const kube::Log log = kube::log_to_stderr(options.log_level);
  kube::Turns turns({.role = options.role,
                     .db_prefix = options.launch.db_prefix,
                     .node = options.launch.node_name,
                     .status = options.status},
                    log);
  return turns.run([&] {
    io::EventLoop loop;
    kube::Agent agent(loop, options, environment, turns, log);
    return agent.run();
  });
}
