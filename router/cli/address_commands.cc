// SPDX-License-Identifier: Apache-2.0
// Commands about the host's own addresses on the network: expose and hide.
#include <memory>

#include <CLI/CLI.hpp>

#include "router/cli/addresses.h"
#include "router/cli/command.h"

namespace weft::cli {

namespace {

constexpr std::string_view kGroup = "This host on the network";
constexpr unsigned kBadRequest = 400;

struct ExposeOptions {
  std::vector<std::string> words;
  std::string dns_name;
  bool without_masquerade = false;
};

// nullopt after it was said which word is no address.
std::optional<std::vector<AddressWish>> parse_wishes(const Context& context,
                                                     const std::vector<std::string>& words) {
  std::vector<AddressWish> out;
  for (const std::string& word : words) {
    auto wish = parse_wish(word);
    if (!wish) {
      context.err << "weave: \"" << word << "\" is no address; see weave help\n";
      return std::nullopt;
    }
    out.push_back(*wish);
  }
  return out;
}

ExitCode expose(const Context& context, const ExposeOptions& options) {
  auto wishes = parse_wishes(context, options.words);
  if (!wishes) return ExitCode::usage;
  if (!options.dns_name.empty()) {
    context.err << "weave: there is no weaveDNS: the name " << options.dns_name
                << " is not registered\n";
  }
  const Api api(context);
  auto acquired = Acquired::acquire(api, std::string(kExposeIdent), *wishes);
  if (auto* complaint = std::get_if<Complaint>(&acquired)) return context.fail(complaint->text);
  const auto& held = std::get<Acquired>(acquired);
  for (const Cidr& address : held.addresses()) {
    auto answer = api.ask({.method = "POST",
                           .target = "/expose/" + address.text() +
                                     (options.without_masquerade ? "?skipNAT=true" : ""),
                           .form = {}});
    if (auto* complaint = std::get_if<Complaint>(&answer)) {
      held.undo(api);
      return context.fail(complaint->text);
    }
  }
  print_addresses(context, held.addresses());
  return ExitCode::done;
}

Action declare_expose(CLI::App& app) {
  auto options = std::make_shared<ExposeOptions>();
  app.add_option("addresses", options->words, "any of the default subnet if left out");
  app.set_help_flag("--help", "Print this help");
  app.add_option("-h", options->dns_name, "Weave's: a name for the address; has no effect");
  app.add_flag("--without-masquerade", options->without_masquerade,
               "containers reach other networks with their own addresses");
  return [options](const Context& context) {
    return expose(context, *options);
  };
}

// The addresses to hide: those of a subnet are looked up.
Answer<std::vector<Cidr>> exposed(const Api& api, const std::vector<AddressWish>& wishes) {
  std::vector<Cidr> out;
  if (wishes.empty()) {
    auto owned = api.owned();
    if (auto* complaint = std::get_if<Complaint>(&owned)) return *complaint;
    for (const auto& owner : std::get<std::vector<Api::Owned>>(owned)) {
      if (owner.ident == kExposeIdent) out = owner.addresses;
    }
    return out;
  }
  for (const AddressWish& wish : wishes) {
    if (const auto* fixed = std::get_if<FixedAddress>(&wish)) {
      out.push_back(fixed->cidr);
      continue;
    }
    auto found = api.lookup(std::string(kExposeIdent), std::get<AnyAddress>(wish).subnet);
    if (auto* complaint = std::get_if<Complaint>(&found)) return *complaint;
    const auto& more = std::get<std::vector<Cidr>>(found);
    out.insert(out.end(), more.begin(), more.end());
  }
  return out;
}

ExitCode hide(const Context& context, const std::vector<std::string>& words) {
  auto wishes = parse_wishes(context, words);
  if (!wishes) return ExitCode::usage;
  const Api api(context);
  auto addresses = exposed(api, *wishes);
  if (auto* complaint = std::get_if<Complaint>(&addresses)) return context.fail(complaint->text);
  const auto& list = std::get<std::vector<Cidr>>(addresses);
  for (const Cidr& address : list) {
    auto hidden = api.ask({.method = "DELETE", .target = "/expose/" + address.text(), .form = {}});
    if (auto* complaint = std::get_if<Complaint>(&hidden)) return context.fail(complaint->text);
    // One that was exposed without having been allocated cannot be released, which is as well.
    auto released = api.release(std::string(kExposeIdent), address.addr());
    auto* complaint = std::get_if<Complaint>(&released);
    if (complaint != nullptr && complaint->status != kBadRequest) {
      return context.fail(complaint->text);
    }
  }
  print_addresses(context, list);
  return ExitCode::done;
}

Action declare_hide(CLI::App& app) {
  auto words = std::make_shared<std::vector<std::string>>();
  app.add_option("addresses", *words, "all that expose allocated if left out");
  return [words](const Context& context) {
    return hide(context, *words);
  };
}

}  // namespace

std::vector<Command> address_commands() {
  return {
      {"expose", kGroup, "Give this host an address on the network, and containers a way out",
       declare_expose},
      {"hide", kGroup, "Take such addresses away", declare_hide},
  };
}

}  // namespace weft::cli
