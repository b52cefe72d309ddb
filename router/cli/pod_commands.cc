// SPDX-License-Identifier: Apache-2.0
// Commands about containers: attach, detach, ps.
#include <algorithm>
#include <memory>

#include <CLI/CLI.hpp>

#include "base/json/json.h"
#include "base/text.h"
#include "router/cli/addresses.h"
#include "router/cli/command.h"
#include "router/cli/ps.h"
#include "router/cli/target.h"
#include "router/linux/pod_link.h"

namespace weft::cli {

namespace {

namespace net = linux_net;

constexpr std::string_view kGroup = "Containers";
// As Weave called the interface that attach makes.
constexpr std::string_view kInterface = "ethwe";
constexpr unsigned kBadRequest = 400;

struct PodOptions {
  std::vector<std::string> words;  // one container, any number of addresses, in any order
  std::string bridge = "weave";
  bool no_multicast_route = false;
};

struct PodCommand {
  PodTarget target;
  std::vector<AddressWish> wishes;
};

// Tells the container from the addresses. Weave's script took the container last, ours takes it
// anywhere: no container's name reads as an address.
std::variant<PodCommand, ExitCode> parse(const Context& context, const PodOptions& options) {
  PodCommand out;
  std::vector<std::string> names;
  for (const std::string& word : options.words) {
    if (auto wish = parse_wish(word)) {
      out.wishes.push_back(*wish);
    } else {
      names.push_back(word);
    }
  }
  if (names.size() != 1) {
    context.err << "weave: give one container (namespace, process or name)"
                << (names.empty() ? "" : ", not " + join(names, " and ")) << "\n";
    return ExitCode::usage;
  }
  auto target = find_target(names.front());
  if (auto* why = std::get_if<std::string>(&target)) return context.fail(*why);
  out.target = std::get<PodTarget>(target);
  return out;
}

std::string plumbing_failed(const PodTarget& target, const Error& error,
                            const std::string& bridge) {
  const bool absent = error.code == Errc::not_found;
  return target.netns + ": " + to_string(error) +
         (absent ? " (does the bridge " + bridge + " exist? weaver makes it)" : "");
}

// A container that a CNI plugin connected has an address under its own id; ours is another one.
std::string owner_of(const PodTarget& target, const std::string& bridge) {
  auto interfaces = net::pod_interfaces(target.netns, bridge);
  if (!interfaces) return target.ident;
  const bool others = std::any_of(interfaces->begin(), interfaces->end(),
                                  [](const auto& i) { return i.name != kInterface; });
  return others ? target.ident + ":" + std::string(kInterface) : target.ident;
}

ExitCode attach(const Context& context, const PodOptions& options) {
  auto parsed = parse(context, options);
  if (auto* code = std::get_if<ExitCode>(&parsed)) return *code;
  const auto& command = std::get<PodCommand>(parsed);
  const Api api(context);
  const std::string owner = owner_of(command.target, options.bridge);
  auto acquired = Acquired::acquire(api, owner, command.wishes);
  if (auto* complaint = std::get_if<Complaint>(&acquired)) return context.fail(complaint->text);
  const auto& held = std::get<Acquired>(acquired);
  net::PodLinkSpec spec{
      .netns = command.target.netns,
      .ifname = std::string(kInterface),
      .host_name = net::host_link_name(short_digest(owner + ":" + std::string(kInterface), 7)),
      .bridge = options.bridge,
      .addresses = held.addresses(),
      .routes = {}};
  if (!options.no_multicast_route) {
    spec.routes.push_back({.to = *Cidr::parse("224.0.0.0/4"), .gateway = {}});
  }
  auto link = net::attach_pod(spec);
  if (!link) {
    held.undo(api);
    return context.fail(plumbing_failed(command.target, link.error(), options.bridge));
  }
  print_addresses(context, held.addresses());
  return ExitCode::done;
}

Action declare_attach(CLI::App& app) {
  auto options = std::make_shared<PodOptions>();
  app.add_option("words", options->words, "NETNS|PID|CONTAINER [addresses]")->required();
  app.add_option("--bridge", options->bridge, "weaver's --weave-bridge (weave)");
  app.add_flag("--no-multicast-route", options->no_multicast_route,
               "leave multicast to the container's other interfaces");
  return [options](const Context& context) {
    return attach(context, *options);
  };
}

// The addresses of the interface that were asked for: all of them, or those that match a wish.
std::vector<Cidr> chosen(const std::vector<Cidr>& present, const std::vector<AddressWish>& wishes) {
  if (wishes.empty()) return present;
  std::vector<Cidr> out;
  for (const Cidr& address : present) {
    const bool wanted = std::any_of(wishes.begin(), wishes.end(), [&](const AddressWish& wish) {
      if (const auto* fixed = std::get_if<FixedAddress>(&wish)) return fixed->cidr == address;
      const auto& subnet = std::get<AnyAddress>(wish).subnet;
      return !subnet || subnet->contains(address.addr());
    });
    if (wanted) out.push_back(address);
  }
  return out;
}

std::optional<Complaint> release_all(const Api& api, const std::vector<Cidr>& addresses) {
  auto owned = api.owned();
  if (auto* complaint = std::get_if<Complaint>(&owned)) return *complaint;
  for (const auto& owner : std::get<std::vector<Api::Owned>>(owned)) {
    for (const Cidr& address : owner.addresses) {
      if (std::find(addresses.begin(), addresses.end(), address) == addresses.end()) continue;
      auto answer = api.release(owner.ident, address.addr());
      auto* complaint = std::get_if<Complaint>(&answer);
      if (complaint != nullptr && complaint->status != kBadRequest) return *complaint;
    }
  }
  return std::nullopt;
}

ExitCode detach(const Context& context, const PodOptions& options) {
  auto parsed = parse(context, options);
  if (auto* code = std::get_if<ExitCode>(&parsed)) return *code;
  const auto& command = std::get<PodCommand>(parsed);
  const PodTarget& target = command.target;
  auto interfaces = net::pod_interfaces(target.netns, options.bridge);
  if (!interfaces) {
    return context.fail(plumbing_failed(target, interfaces.error(), options.bridge));
  }
  auto at = std::find_if(interfaces->begin(), interfaces->end(),
                         [](const auto& i) { return i.name == kInterface; });
  if (at == interfaces->end()) return context.fail(target.netns + " is not attached");
  const std::vector<Cidr> addresses = chosen(at->addresses, command.wishes);
  if (addresses.empty() && !command.wishes.empty()) {
    return context.fail(target.netns + " does not have that address");
  }
  // Links first: an address must not be free while somebody still uses it.
  Result<bool> gone = true;
  if (command.wishes.empty()) gone = net::detach_pod(target.netns, kInterface);
  for (const Cidr& address : addresses) {
    if (gone && !command.wishes.empty()) {
      gone = net::detach_pod_address(target.netns, kInterface, address);
    }
  }
  if (!gone) return context.fail(plumbing_failed(target, gone.error(), options.bridge));
  if (auto complaint = release_all(Api(context), addresses)) return context.fail(complaint->text);
  print_addresses(context, addresses);
  return ExitCode::done;
}

Action declare_detach(CLI::App& app) {
  auto options = std::make_shared<PodOptions>();
  app.add_option("words", options->words, "NETNS|PID|CONTAINER [addresses]")->required();
  app.add_option("--bridge", options->bridge, "weaver's --weave-bridge (weave)");
  return [options](const Context& context) {
    return detach(context, *options);
  };
}

ExitCode list(const Context& context, const PodOptions& options) {
  auto rows = list_pods(context, options.bridge);
  if (auto* complaint = std::get_if<Complaint>(&rows)) return context.fail(complaint->text);
  const auto chosen_rows = filter_pods(std::get<std::vector<PodRow>>(rows), options.words);
  context.out << (context.json ? pods_json(chosen_rows) : pods_text(chosen_rows));
  return ExitCode::done;
}

Action declare_ps(CLI::App& app) {
  auto options = std::make_shared<PodOptions>();
  app.add_option("ids", options->words, "beginnings of container ids; all if left out");
  app.add_option("--bridge", options->bridge, "weaver's --weave-bridge (weave)");
  return [options](const Context& context) {
    return list(context, *options);
  };
}

}  // namespace

std::vector<Command> pod_commands() {
  return {
      {"attach", kGroup, "Plug a container or namespace into the network", declare_attach},
      {"detach", kGroup, "Unplug it", declare_detach},
      {"ps", kGroup, "List what is attached, with MAC and addresses", declare_ps},
  };
}

}  // namespace weft::cli
