// SPDX-License-Identifier: Apache-2.0
// Commands that change the mesh: connect, forget, rmpeer, prime.
#include <memory>
#include <set>

#include <CLI/CLI.hpp>

#include "base/json/json.h"
#include "base/text.h"
#include "router/cli/api.h"
#include "router/cli/command.h"
#include "router/io/http_text.h"

namespace weft::cli {

namespace {

constexpr std::string_view kGroup = "The mesh";
constexpr unsigned kConflict = 409;

struct PeerOptions {
  std::vector<std::string> peers;
  bool flag = false;  // --replace or --force
};

ExitCode change_targets(const Context& context, const std::string& target,
                        const PeerOptions& options) {
  Api::Request request{.method = "POST", .target = target, .form = {}};
  for (const std::string& peer : options.peers)
    request.form.emplace_back("peer", peer);
  if (options.flag) request.form.emplace_back("replace", "true");
  auto answer = Api(context).ask(request);
  if (auto* complaint = std::get_if<Complaint>(&answer)) return context.fail(complaint->text);
  if (context.json) context.out << nlohmann::json{{"peers", options.peers}}.dump(4) << "\n";
  return ExitCode::done;
}

Action declare_connect(CLI::App& app) {
  auto options = std::make_shared<PeerOptions>();
  app.add_option("peers", options->peers, "host[:port] …");
  app.add_flag("--replace", options->flag, "these and no others; forget those given before");
  return [options](const Context& context) {
    if (options->peers.empty() && !options->flag) {
      context.err << "weave connect: name a peer (host[:port])\n";
      return ExitCode::usage;
    }
    return change_targets(context, "/connect", *options);
  };
}

Action declare_forget(CLI::App& app) {
  auto options = std::make_shared<PeerOptions>();
  app.add_option("peers", options->peers, "as given to connect")->required();
  return [options](const Context& context) {
    return change_targets(context, "/forget", *options);
  };
}

// Who owns addresses, "name(nickname)", by the daemon's report.
struct Owners {
  std::set<std::string> names;  // and nicknames
  std::set<std::string> labels;
};

Answer<Owners> owners(const Api& api) {
  auto answer = api.read({.method = "GET", .target = "/report", .form = {}, .wants_json = true});
  if (auto* complaint = std::get_if<Complaint>(&answer)) return *complaint;
  const auto report = nlohmann::json::parse(std::get<std::string>(answer), nullptr, false);
  Owners out;
  if (!report.is_object()) return out;
  const auto entries =
      report.value(nlohmann::json::json_pointer("/IPAM/Entries"), nlohmann::json::array());
  for (const auto& entry : entries) {
    const std::string name = entry.value("Peer", "");
    const std::string nickname = entry.value("Nickname", "");
    out.names.insert({name, nickname});
    out.labels.insert(std::string(name).append("(").append(nickname).append(")"));
  }
  return out;
}

// That nothing was taken over may mean that the name was mistyped: says who there is.
std::string nothing_taken(const Api& api, const std::string& peer) {
  auto answer = owners(api);
  if (auto* complaint = std::get_if<Complaint>(&answer)) return complaint->text;
  const Owners& known = std::get<Owners>(answer);
  if (known.names.contains(peer)) return "";
  const std::vector<std::string> labels(known.labels.begin(), known.labels.end());
  return "no peer " + peer + " owns addresses, so there is nothing to take over; owners: " +
         (labels.empty() ? "none" : join(labels, ", "));
}

// All peers are tried; the worst outcome counts.
ExitCode remove_peers(const Context& context, const PeerOptions& options) {
  const Api api(context);
  ExitCode code = ExitCode::done;
  nlohmann::json results = nlohmann::json::array();
  for (const std::string& peer : options.peers) {
    auto answer = api.ask(
        {.method = "DELETE",
         .target = "/peer/" + io::percent_encode(peer) + (options.flag ? "?force=true" : ""),
         .form = {}});
    if (auto* complaint = std::get_if<Complaint>(&answer)) {
      const std::string hint = complaint->status == kConflict && !options.flag
                                   ? "\nIf you are sure: weave rmpeer --force " + peer
                                   : "";
      code = context.fail(complaint->text + hint);
      continue;
    }
    const std::string& text = std::get<std::string>(answer);
    if (text.starts_with("0 IPs ")) {
      if (const std::string why = nothing_taken(api, peer); !why.empty()) {
        code = context.fail(why);
        continue;
      }
    }
    if (context.json) {
      results.push_back({{"peer", peer}, {"result", trim(text)}});
    } else {
      context.out << text;
    }
  }
  if (context.json) context.out << results.dump(4) << "\n";
  return code;
}

Action declare_rmpeer(CLI::App& app) {
  auto options = std::make_shared<PeerOptions>();
  app.add_option("peers", options->peers, "names or nicknames of dead peers")->required();
  app.add_flag("--force", options->flag, "even if the peer seems to be alive");
  return [options](const Context& context) {
    return remove_peers(context, *options);
  };
}

Action declare_prime(CLI::App&) {
  return [](const Context& context) {
    auto answer = Api(context).ask({.method = "GET", .target = "/ring", .form = {}, .timeout = {}});
    if (auto* complaint = std::get_if<Complaint>(&answer)) return context.fail(complaint->text);
    return ExitCode::done;
  };
}

}  // namespace

std::vector<Command> mesh_commands() {
  return {
      {"connect", kGroup, "Connect to peers, now and after restarts", declare_connect},
      {"forget", kGroup, "Do not connect to peers any more", declare_forget},
      {"rmpeer", kGroup, "Take over the addresses of peers that will not come back",
       declare_rmpeer},
      {"prime", kGroup, "Wait until addresses can be allocated", declare_prime},
  };
}

}  // namespace weft::cli
