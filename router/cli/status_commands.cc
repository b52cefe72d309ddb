// SPDX-License-Identifier: Apache-2.0
// Commands that look: status and report. The texts are the daemon's; runbooks read them.
#include <memory>

#include <CLI/CLI.hpp>

#include "base/json/json.h"
#include "router/cli/api.h"
#include "router/cli/command.h"
#include "router/io/http_text.h"

namespace weft::cli {

namespace {

constexpr std::string_view kGroup = "Looking";
constexpr std::string_view kNotReady = "weaver is not ready yet";

struct StatusOptions {
  std::string view;
  bool check = false;
};

// Prints what is wrong, one sentence a line, where scripts that read the text do not stumble on it.
ExitCode check_health(const Context& context, const Api& api) {
  bool ready = true;  // the report says it as well
  auto answer =
      api.read({.method = "GET", .target = "/report", .form = {}, .wants_json = true}, &ready);
  if (auto* complaint = std::get_if<Complaint>(&answer)) return context.fail(complaint->text);
  const auto report = nlohmann::json::parse(std::get<std::string>(answer), nullptr, false);
  if (!report.is_object()) return context.fail("the daemon's report is no JSON");
  std::vector<std::string> wrong;
  if (!report.value("Ready", true)) wrong.emplace_back(kNotReady);
  if (auto list = report.find("Degraded"); list != report.end() && list->is_array()) {
    for (const auto& sentence : *list) {
      if (sentence.is_string()) wrong.push_back(sentence.get<std::string>());
    }
  }
  for (const std::string& sentence : wrong)
    context.err << "degraded: " << sentence << "\n";
  return wrong.empty() ? ExitCode::done : ExitCode::degraded;
}

ExitCode show_status(const Context& context, const StatusOptions& options) {
  const Api api(context);
  std::string target = options.view.empty() ? "/status" : "/status/" + options.view;
  if (context.json) target += "?format=json";
  bool ready = true;
  auto answer =
      api.read({.method = "GET", .target = target, .form = {}, .wants_json = context.json}, &ready);
  if (auto* complaint = std::get_if<Complaint>(&answer)) return context.fail(complaint->text);
  const std::string& body = std::get<std::string>(answer);
  // The overview stands between blank lines, as Weave's script had it.
  const bool framed = options.view.empty() && !context.json;
  context.out << (framed ? "\n" : "") << body << (framed ? "\n" : "");
  if (context.json && !body.ends_with("\n")) context.out << "\n";
  if (options.check) return check_health(context, api);
  if (!ready) context.err << "weave: " << kNotReady << "\n";
  return ExitCode::done;
}

Action declare_status(CLI::App& app) {
  auto options = std::make_shared<StatusOptions>();
  app.add_option("view", options->view,
                 "connections, peers, targets, ipam or dns; the overview if left out")
      ->check(CLI::IsMember({"connections", "peers", "targets", "ipam", "dns"}));
  app.add_flag("--check", options->check, "exit with 3 if anything is wrong, and say what");
  return [options](const Context& context) {
    return show_status(context, *options);
  };
}

ExitCode show_report(const Context& context, const std::string& format) {
  const std::string query = format.empty() ? "" : "?format=" + io::percent_encode(format);
  auto answer = Api(context).read(
      {.method = "GET", .target = "/report" + query, .form = {}, .wants_json = format.empty()});
  if (auto* complaint = std::get_if<Complaint>(&answer)) return context.fail(complaint->text);
  const std::string& body = std::get<std::string>(answer);
  context.out << body << (body.ends_with("\n") ? "" : "\n");
  return ExitCode::done;
}

Action declare_report(CLI::App& app) {
  auto format = std::make_shared<std::string>();
  app.add_option("-f,--format", *format,
                 "a part of it: /Router/Name, {{.Router.Name}} or {{json .Router}}");
  return [format](const Context& context) {
    return show_report(context, *format);
  };
}

}  // namespace

std::vector<Command> status_commands() {
  return {
      {"status", kGroup, "How the daemon and its peers are", declare_status},
      {"report", kGroup, "Everything the daemon knows, as JSON", declare_report},
  };
}

}  // namespace weft::cli
