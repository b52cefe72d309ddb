// SPDX-License-Identifier: Apache-2.0
#include "router/linux/pod_guard.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/json/json.h"
#include "router/linux/internal/sys_error.h"
#include "router/linux/link.h"
#include "router/linux/masquerade.h"

namespace weft::linux_net {
namespace {

using Json = nlohmann::json;

// A frame that is dropped here is not learned from: the bridge looks at sources after this hook.
// IPv4 and ARP are held to the addresses that were given out, all else to the MAC; but a tag
// without a number (VLAN 0) is taken off by whoever receives it, so what is inside would escape. A
// tagged frame is neither IP nor ARP to these rules. "dropped" counts, by port and for a day, for
// the operator's eyes.
constexpr std::string_view kRules =
    "add table bridge weft\n"
    "add set bridge weft guarded { type ifname; }\n"
    "add set bridge weft macs { type ifname . ether_addr; }\n"
    "add set bridge weft addresses { type ifname . ether_addr . ipv4_addr; }\n"
    "add set bridge weft dropped "
    "{ type ifname; size 4096; flags dynamic,timeout; timeout 1d; }\n"
    "add chain bridge weft arrival "
    "{ type filter hook prerouting priority -300; policy accept; }\n"
    "add chain bridge weft guard\n"
    "add chain bridge weft refuse\n"
    "flush chain bridge weft arrival\n"
    "flush chain bridge weft guard\n"
    "flush chain bridge weft refuse\n"
    "add rule bridge weft arrival iifname @guarded goto guard\n"
    "add rule bridge weft guard ether type ip iifname . ether saddr . ip saddr @addresses accept\n"
    "add rule bridge weft guard ether type arp iifname . ether saddr @macs "
    "iifname . arp saddr ether . arp saddr ip @addresses accept comment \"ARP in its own name\"\n"
    "add rule bridge weft guard ether type arp iifname . ether saddr @macs "
    "iifname . arp saddr ether @macs arp saddr ip 0.0.0.0 accept comment \"ARP probe\"\n"
    "add rule bridge weft guard ether type ip iifname . ether saddr @macs ip saddr 0.0.0.0 "
    "ip daddr 255.255.255.255 udp sport 68 udp dport 67 accept comment \"DHCP client\"\n"
    "add rule bridge weft guard ether type { ip, arp } goto refuse\n"
    "add rule bridge weft guard ether type 8021q vlan id 0 goto refuse\n"
    "add rule bridge weft guard ether type 8021ad vlan id 0 goto refuse\n"
    "add rule bridge weft guard ether type ip6 icmpv6 type { nd-router-advert, nd-redirect } "
    "goto refuse comment \"containers are no routers\"\n"
    "add rule bridge weft guard iifname . ether saddr @macs accept\n"
    "add rule bridge weft guard goto refuse\n"
    "add rule bridge weft refuse update @dropped { iifname counter } drop\n";
constexpr std::array kRulesOf{std::pair("arrival", 1), std::pair("guard", 10),
                              std::pair("refuse", 1)};

std::string quoted(const std::string& name) {
  return "\"" + name + "\"";
}

std::string element(const char* verb, const char* set, const std::string& key) {
  return std::string(verb) + " element bridge weft " + set + " { " + key + " }\n";
}

void render_elements(const char* verb, const PodGuard& guard, std::string& out) {
  const std::string port = quoted(guard.host_name);
  const std::string station = port + " . " + guard.mac.text();
  out += element(verb, "guarded", port);
  out += element(verb, "macs", station);
  for (Ipv4Addr address : guard.addresses)
    out += element(verb, "addresses", station + " . " + address.text());
}

// A name inside quotes must not end them.
bool fit_for_nft(const std::string& name) {
  return valid_link_name(name) && name.find_first_of("\"\\*") == std::string::npos;
}

// Calls use(parts) for each element of a set that has as many parts; others are not of our making.
template <class Use>
void each_element(const Json& set, std::size_t parts, Use use) {
  auto elements = set.find("elem");
  if (elements == set.end() || !elements->is_array()) return;
  for (const Json& element : *elements) {
    auto concat = element.find("concat");
    if (concat == element.end() || !concat->is_array() || concat->size() != parts) continue;
    const bool texts = std::all_of(concat->begin(), concat->end(),
                                   [](const Json& part) { return part.is_string(); });
    if (texts) use(*concat);
  }
}

class TableReader {
 public:
  GuardTable read(const Json& objects) {
    for (const Json& object : objects) {
      if (auto set = object.find("set"); set != object.end()) read_set(*set);
      if (auto rule = object.find("rule"); rule != object.end()) ++rules_[text(*rule, "chain")];
    }
    GuardTable out;
    out.intact = sets_ == 3 && std::all_of(kRulesOf.begin(), kRulesOf.end(), [&](auto expected) {
                   return rules_[expected.first] == expected.second;
                 });
    for (auto& [name, guard] : guards_)
      out.guards.push_back(std::move(guard));
    return out;
  }

 private:
  static std::string text(const Json& object, const char* field) {
    auto at = object.find(field);
    return at != object.end() && at->is_string() ? at->get<std::string>() : "";
  }

  PodGuard& guard_of(const std::string& name) {
    PodGuard& guard = guards_[name];
    guard.host_name = name;
    return guard;
  }

  void read_set(const Json& set) {
    const std::string name = text(set, "name");
    if (name == "guarded") {
      ++sets_;
      if (auto elements = set.find("elem"); elements != set.end()) {
        for (const Json& port : *elements)
          if (port.is_string()) guard_of(port.get<std::string>());
      }
    } else if (name == "macs") {
      ++sets_;
      each_element(set, 2, [&](const Json& parts) {
        if (auto mac = MacAddr::parse(parts[1].get<std::string>())) {
          guard_of(parts[0].get<std::string>()).mac = *mac;
        }
      });
    } else if (name == "addresses") {
      ++sets_;
      each_element(set, 3, [&](const Json& parts) {
        if (auto address = Ipv4Addr::parse(parts[2].get<std::string>())) {
          guard_of(parts[0].get<std::string>()).addresses.push_back(*address);
        }
      });
    }
  }

  int sets_ = 0;
  std::map<std::string, int> rules_;
  std::map<std::string, PodGuard> guards_;
};

// The order of elements is the kernel's.
PodGuard in_order(PodGuard guard) {
  std::sort(guard.addresses.begin(), guard.addresses.end());
  return guard;
}

Result<> change(Nft& nft, const PodGuard* from, const PodGuard* to) {
  const std::string text = render_guard_change(from, to);
  return text.empty() ? Result<>() : nft.apply(text);
}

Result<> mend(Nft& nft, const GuardTable& table, const std::vector<PodGuard>& others) {
  std::string text = render_guard_rules();
  for (const PodGuard& other : others) {
    if (fit_for_nft(other.host_name) && table.find(other.host_name) == nullptr) {
      text += render_guard_change(nullptr, &other);
    }
  }
  return nft.apply(text);
}

}  // namespace

const PodGuard* GuardTable::find(std::string_view host_name) const {
  auto at = std::find_if(guards.begin(), guards.end(),
                         [&](const PodGuard& guard) { return guard.host_name == host_name; });
  return at == guards.end() ? nullptr : &*at;
}

std::string render_guard_rules() {
  return std::string(kRules);
}

std::string render_guard_change(const PodGuard* from, const PodGuard* to) {
  if (from != nullptr && to != nullptr && in_order(*from) == in_order(*to)) return "";
  std::string out;
  if (from != nullptr) render_elements("delete", *from, out);
  if (to != nullptr) render_elements("add", *to, out);
  return out;
}

GuardTable parse_guard_table(std::string_view json) {
  const Json top = Json::parse(json, nullptr, false);
  auto objects = top.find("nftables");
  if (!top.is_object() || objects == top.end() || !objects->is_array()) return {};
  GuardTable out = TableReader().read(*objects);
  for (PodGuard& guard : out.guards)
    guard = in_order(std::move(guard));
  return out;
}

Result<GuardTable> list_guards(Nft& nft) {
  auto json = nft.list_table(NftFamily::bridge, kNftTable);
  if (!json && json.error().code == Errc::not_found) return GuardTable{};
  if (!json) return json.error();
  return parse_guard_table(*json);
}

Result<> guard_pod(Nft& nft, const PodGuard& guard,
                   const std::function<std::vector<PodGuard>()>& others) {
  if (!fit_for_nft(guard.host_name)) {
    return Error{Errc::bad_value, 0, "not a name for a guarded interface"};
  }
  auto table = list_guards(nft);
  if (!table) return table.error();
  if (!table->intact) {
    if (auto mended = mend(nft, *table, others()); !mended) return mended;
    table = list_guards(nft);
    if (!table) return table.error();
  }
  return change(nft, table->find(guard.host_name), &guard);
}

Result<bool> unguard_pod(Nft& nft, std::string_view host_name) {
  auto table = list_guards(nft);
  if (!table) return table.error();
  const PodGuard* guard = table->find(host_name);
  if (guard == nullptr) return false;
  auto gone = change(nft, guard, nullptr);
  // Somebody else has swept it meanwhile.
  if (!gone && gone.error().code != Errc::not_found) return gone.error();
  return gone.has_value();
}

Result<> sweep_guards(Nft& nft) {
  auto table = list_guards(nft);
  if (!table) return table.error();
  if (table->guards.empty()) return {};
  auto nl = Netlink::open();
  if (!nl) return nl.error();
  // After the guards: whoever plugs in a container makes the interface first.
  const auto links = list_links(*nl);
  if (!links) return links.error();
  for (const PodGuard& guard : table->guards) {
    const bool there = std::any_of(links->begin(), links->end(),
                                   [&](const Link& link) { return link.name == guard.host_name; });
    if (there) continue;
    // As it was seen: what has been changed meanwhile is somebody's who is at work.
    auto gone = change(nft, &guard, nullptr);
    if (!gone && gone.error().code != Errc::not_found) return gone;
  }
  return {};
}

Result<> remove_guards(Nft& nft) {
  return nft.delete_table(NftFamily::bridge, kNftTable);
}

}  // namespace weft::linux_net
