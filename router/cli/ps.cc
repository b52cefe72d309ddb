// SPDX-License-Identifier: Apache-2.0
#include "router/cli/ps.h"

#include <algorithm>
#include <map>

#include "base/json/json.h"
#include "router/cli/addresses.h"
#include "router/linux/addr.h"
#include "router/linux/link.h"
#include "router/linux/living.h"
#include "router/linux/pod_link.h"

namespace weft::cli {

namespace {

namespace net = linux_net;

constexpr std::size_t kIdSize = 12;

using Owners = std::map<Cidr, std::string>;

std::string file_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

// The bridge itself, first, as Weave listed it.
std::optional<PodRow> bridge_row(const std::string& bridge) {
  auto nl = net::Netlink::open();
  if (!nl) return std::nullopt;
  auto link = net::find_link(*nl, bridge);
  if (!link) return std::nullopt;
  auto addresses = net::link_addrs(*nl, link->index);
  return PodRow{.ident = std::string(kExposeIdent),
                .mac = link->mac,
                .addresses = addresses ? *addresses : std::vector<Cidr>(),
                .interface = bridge,
                .netns = {}};
}

// Removes the addresses it accounts for from `unclaimed`.
void add_interfaces(const std::string& netns, const std::string& bridge, const Owners& owners,
                    Owners& unclaimed, std::vector<PodRow>& rows) {
  auto interfaces = net::pod_interfaces(netns, bridge);
  if (!interfaces) return;  // gone meanwhile
  for (const net::PodInterface& interface : *interfaces) {
    PodRow row{.ident = file_name(netns),
               .mac = interface.mac,
               .addresses = interface.addresses,
               .interface = interface.name,
               .netns = netns};
    for (const Cidr& address : interface.addresses) {
      auto owner = owners.find(address);
      if (owner != owners.end()) row.ident = owner->second;
      unclaimed.erase(address);
    }
    rows.push_back(std::move(row));
  }
}

}  // namespace

Answer<std::vector<PodRow>> list_pods(const Context& context, const std::string& bridge) {
  auto owned = Api(context).owned();
  if (auto* complaint = std::get_if<Complaint>(&owned)) return *complaint;
  Owners owners;
  for (const auto& owner : std::get<std::vector<Api::Owned>>(owned)) {
    for (const Cidr& address : owner.addresses)
      owners.emplace(address, owner.ident);
  }
  Owners unclaimed = owners;
  std::vector<PodRow> rows;
  if (auto row = bridge_row(bridge)) {
    for (const Cidr& address : row->addresses)
      unclaimed.erase(address);
    rows.push_back(std::move(*row));
  }
  for (const auto& [inode, path] : net::all_namespaces()) {
    add_interfaces(path, bridge, owners, unclaimed, rows);
  }
  std::map<std::string, std::vector<Cidr>> without_interface;
  for (const auto& [address, ident] : unclaimed)
    without_interface[ident].push_back(address);
  for (const auto& [ident, addresses] : without_interface) {
    rows.push_back(
        {.ident = ident, .mac = {}, .addresses = addresses, .interface = {}, .netns = {}});
  }
  return rows;
}

std::vector<PodRow> filter_pods(std::vector<PodRow> rows,
                                const std::vector<std::string>& prefixes) {
  if (prefixes.empty()) return rows;
  std::vector<PodRow> out;
  for (PodRow& row : rows) {
    if (std::any_of(prefixes.begin(), prefixes.end(),
                    [&](const std::string& prefix) { return row.ident.starts_with(prefix); })) {
      out.push_back(std::move(row));
    }
  }
  return out;
}

std::string pods_text(const std::vector<PodRow>& rows) {
  std::string out;
  for (const PodRow& row : rows) {
    out += row.ident == kExposeIdent ? row.ident : row.ident.substr(0, kIdSize);
    out += " " + (row.mac ? row.mac->text() : "-");
    for (const Cidr& address : row.addresses)
      out += " " + address.text();
    out += "\n";
  }
  return out;
}

std::string pods_json(const std::vector<PodRow>& rows) {
  nlohmann::json out = nlohmann::json::array();
  for (const PodRow& row : rows) {
    nlohmann::json addresses = nlohmann::json::array();
    for (const Cidr& address : row.addresses)
      addresses.push_back(address.text());
    out.push_back({{"ContainerID", row.ident},
                   {"MAC", row.mac ? nlohmann::json(row.mac->text()) : nlohmann::json()},
                   {"Addresses", std::move(addresses)},
                   {"Interface", row.interface},
                   {"Namespace", row.netns}});
  }
  return out.dump(4, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace weft::cli
