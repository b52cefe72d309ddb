// SPDX-License-Identifier: Apache-2.0
#include "plugin/cni/core/environment.h"

#include <algorithm>

#include "base/text.h"

namespace weft::cni {

namespace {

struct VerbRow {
  Verb verb;
  std::string_view name;
  bool needs_container;  // CNI_CONTAINERID and CNI_IFNAME
  bool needs_netns;
};

constexpr VerbRow kVerbs[] = {
    {Verb::add, "ADD", true, true},         {Verb::del, "DEL", true, false},
    {Verb::check, "CHECK", true, true},     {Verb::gc, "GC", false, false},
    {Verb::status, "STATUS", false, false}, {Verb::version, "VERSION", false, false},
};

bool alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

Fault bad(std::string msg, std::string details) {
  return {FaultCode::bad_environment, std::move(msg), std::move(details)};
}

// "IgnoreUnknown=1;IP=10.32.0.9;MAC=…"
Outcome<> read_args(std::string_view args, Environment& into) {
  if (args.empty()) return {};
  for (std::string_view pair : split(args, ';')) {
    std::size_t at = pair.find('=');
    if (pair.empty()) continue;
    if (at == std::string_view::npos) {
      return bad("CNI_ARGS holds \"" + std::string(pair) + "\", which is not KEY=VALUE", "");
    }
    if (pair.substr(0, at) == "IP") into.arg_ip = pair.substr(at + 1);
    if (pair.substr(0, at) == "MAC") into.arg_mac = pair.substr(at + 1);
  }
  return {};
}

Outcome<> check(const VerbRow& row, const Environment& env) {
  std::vector<std::string> missing;
  if (row.needs_container && env.container_id.empty()) missing.emplace_back("CNI_CONTAINERID");
  if (row.needs_netns && env.netns.empty()) missing.emplace_back("CNI_NETNS");
  if (row.needs_container && env.ifname.empty()) missing.emplace_back("CNI_IFNAME");
  if (!missing.empty()) {
    return bad("required env variables missing: " + join(missing, ", "),
               "the container runtime sets them for " + std::string(row.name));
  }
  if (!row.needs_container) return {};
  if (!valid_name(env.container_id) || env.container_id.size() > kContainerIdMax) {
    return bad("CNI_CONTAINERID is no valid container id",
               "letters, digits, '_', '.' and '-', at most " + std::to_string(kContainerIdMax) +
                   ", beginning with a letter or digit");
  }
  if (!valid_interface_name(env.ifname)) {
    return bad("CNI_IFNAME is no valid interface name",
               "1 to 15 characters without '/', ':' and blanks");
  }
  return {};
}

}  // namespace

bool valid_name(std::string_view name) {
  return !name.empty() && alphanumeric(name[0]) &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return alphanumeric(c) || c == '_' || c == '.' || c == '-'; });
}

bool valid_interface_name(std::string_view name) {
  constexpr std::size_t kNameMax = 15;  // IFNAMSIZ less its zero
  return !name.empty() && name.size() <= kNameMax && name != "." && name != ".." &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return c > ' ' && c != '/' && c != ':' && c != 0x7f; });
}

std::string_view text(Verb verb) {
  return std::find_if(std::begin(kVerbs), std::end(kVerbs),
                      [&](const VerbRow& row) { return row.verb == verb; })
      ->name;
}

std::string_view plugin_name(Role role) {
  return role == Role::ipam ? "weave-ipam" : "weave-net";
}

Role role_of(std::string_view program) {
  return program.ends_with("weave-ipam") ? Role::ipam : Role::network;
}

Outcome<Environment> read_environment(const Lookup& variable) {
  auto value = [&](std::string_view name) {
    return variable(name).value_or("");
  };
  const std::string command = value("CNI_COMMAND");
  if (command.empty()) return bad("required env variables missing: CNI_COMMAND", "");
  const auto* row = std::find_if(std::begin(kVerbs), std::end(kVerbs),
                                 [&](const VerbRow& r) { return r.name == command; });
  if (row == std::end(kVerbs)) {
    return bad("unknown CNI_COMMAND: " + command, "known: ADD, DEL, CHECK, GC, STATUS, VERSION");
  }
  Environment env{.verb = row->verb,
                  .container_id = value("CNI_CONTAINERID"),
                  .netns = value("CNI_NETNS"),
                  .ifname = value("CNI_IFNAME")};
  const std::string path = value("CNI_PATH");
  for (std::string_view folder : split(path, ':')) {
    if (!folder.empty()) env.path.emplace_back(folder);
  }
  if (auto ok = check(*row, env); !ok) return ok.fault();
  if (row->needs_container) {
    if (auto ok = read_args(value("CNI_ARGS"), env); !ok) return ok.fault();
  }
  return env;
}

}  // namespace weft::cni
