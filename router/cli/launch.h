// SPDX-License-Identifier: Apache-2.0
// Starting and stopping weaver on a bare host: through systemd where that runs, else as a process
// of our own with a pid file and a log file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "router/cli/context.h"

namespace weft::cli {

// Unless told otherwise, state is kept where Weave's installations have it.
inline constexpr std::string_view kDefaultDbPrefix = "/var/lib/weave/weave";

// The arguments of weaver: the user's, and Weave's defaults for what they leave open.
struct LaunchPlan {
  std::vector<std::string> arguments;
  std::string http_addr;
  std::string db_prefix;
  std::string bridge;
};
LaunchPlan plan_launch(const Context& context, const std::vector<std::string>& given);
// "--name value" or "--name=value".
std::optional<std::string> flag_value(const std::vector<std::string>& arguments,
                                      const std::string& flag);

struct RunningWeaver {
  pid_t pid = 0;
  bool under_systemd = false;
  std::vector<std::string> arguments;  // as it was started
};
// As a unit, as launch() started it, or else whichever is in this network namespace.
std::optional<RunningWeaver> find_weaver(const Context& context);
// Why stop() would not do, for whoever must know before: somebody else keeps it running.
std::optional<std::string> cannot_stop(const Context& context,
                                       const std::optional<RunningWeaver>& weaver);

ExitCode launch(const Context& context, const std::vector<std::string>& given);
// Done as well if none runs.
ExitCode stop(const Context& context);

}  // namespace weft::cli
