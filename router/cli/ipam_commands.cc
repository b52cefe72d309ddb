// SPDX-License-Identifier: Apache-2.0
// Commands about the addresses of this host as a whole: ipam check.
#include <algorithm>
#include <memory>

#include <CLI/CLI.hpp>

#include "base/json/json.h"
#include "router/cli/api.h"
#include "router/cli/command.h"

namespace weft::cli {

namespace {

constexpr std::string_view kGroup = "Looking";
// The daemon looks twice, ten seconds apart, before it calls anybody gone.
constexpr Duration kFixTimeout = std::chrono::seconds(60);

// The daemon's report in words: a line for each finding, and how much was looked at.
std::string report_text(const nlohmann::json& report) {
  std::string out;
  for (const auto& finding : report.value("findings", nlohmann::json::array())) {
    out += finding.value("fault", "") + ": " + finding.value("text", "");
    out += finding.value("fixed", false) ? " (mended)\n" : "\n";
  }
  out += std::to_string(report.value("held", 0U)) + " addresses held, " +
         std::to_string(report.value("living", 0U)) + " alive on the bridge";
  if (report.value("complete", false)) {
    out += report.value("clean", false) ? ": all is well\n" : "\n";
  } else {
    out += "; not every namespace could be seen, so nobody was looked for who may be gone\n";
  }
  return out;
}

ExitCode check(const Context& context, bool fix) {
  Api::Request request{.method = "GET", .target = "/ipam/check", .form = {}};
  if (fix) {
    request = {
        .method = "POST", .target = "/ipam/check?fix=true", .form = {}, .timeout = kFixTimeout};
  }
  auto answer = Api(context).ask(request);
  if (auto* complaint = std::get_if<Complaint>(&answer)) return context.fail(complaint->text);
  const auto report = nlohmann::json::parse(std::get<std::string>(answer), nullptr, false);
  if (!report.is_object()) return context.fail("the daemon's answer is no JSON");
  if (context.json) {
    context.out << report.dump(4) << "\n";
  } else {
    context.out << report_text(report);
  }
  return report.value("clean", false) ? ExitCode::done : ExitCode::degraded;
}

Action declare_ipam(CLI::App& app) {
  auto fix = std::make_shared<bool>(false);
  auto* check_app = app.add_subcommand(
      "check", "compare the ring, the state file and what is alive in the namespaces");
  check_app->add_flag("--fix", *fix, "mend what can be: takes ten seconds if somebody is gone");
  app.require_subcommand(1);
  return [fix](const Context& context) {
    return check(context, *fix);
  };
}

}  // namespace

std::vector<Command> ipam_commands() {
  return {
      {"ipam", kGroup, "check [--fix]: whether the addresses of this host are as recorded",
       declare_ipam},
  };
}

}  // namespace weft::cli
