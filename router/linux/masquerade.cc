// SPDX-License-Identifier: Apache-2.0
#include "router/linux/masquerade.h"

#include <algorithm>

#include "base/json/json.h"

namespace weft::linux_net {
namespace {

using json = nlohmann::ordered_json;

constexpr const char* kLocalRangesSet = "local_ranges";
constexpr int kFilterPriority = 0;
constexpr int kSourceNatPriority = 100;
const Cidr kMulticast = *Cidr::make(Ipv4Addr{224U << 24}, 4);

json match(const char* op, json left, json right) {
  return {{"match", {{"op", op}, {"left", std::move(left)}, {"right", std::move(right)}}}};
}

json field(const char* protocol, const char* name) {
  return {{"payload", {{"protocol", protocol}, {"field", name}}}};
}

json prefix(Cidr subnet) {
  return {{"prefix", {{"addr", subnet.first().text()}, {"len", subnet.prefix_len()}}}};
}

json from(const char* op, Cidr subnet) {
  return match(op, field("ip", "saddr"), prefix(subnet));
}
json to(const char* op, Cidr subnet) {
  return match(op, field("ip", "daddr"), prefix(subnet));
}
json in_by(const char* op, const std::string& link) {
  return match(op, {{"meta", {{"key", "iifname"}}}}, link);
}
json out_by(const char* op, const std::string& link) {
  return match(op, {{"meta", {{"key", "oifname"}}}}, link);
}

// An answer, or part of a connection that was let through before.
json connection_known(const char* op) {
  return match(op, {{"ct", {{"key", "state"}}}}, {{"set", {"established", "related"}}});
}

json verdict(const char* word) {
  return {{word, nullptr}};
}

// The kernel refuses intervals that overlap; neighbours make a smaller set as one.
std::vector<IpRange> merged(std::vector<IpRange> ranges) {
  std::erase_if(ranges, [](const IpRange& r) { return r.empty(); });
  std::sort(ranges.begin(), ranges.end());
  std::vector<IpRange> out;
  for (const IpRange& r : ranges) {
    if (!out.empty() && r.start <= out.back().end) {
      out.back().end = std::max(out.back().end, r.end);
    } else {
      out.push_back(r);
    }
  }
  return out;
}

// Collects the commands of one transaction.
class Transaction {
 public:
  Transaction() {
    // Adding first makes the deletion of an absent table no error.
    add({{"table", table()}});
    commands_.push_back({{"delete", {{"table", table()}}}});
    add({{"table", table()}});
  }

  void chain(const char* name, const char* type, const char* hook, int priority) {
    add({{"chain",
          {{"family", "ip"},
           {"table", kNftTable},
           {"name", name},
           {"type", type},
           {"hook", hook},
           {"prio", priority},
           {"policy", "accept"}}}});
  }

  void rule(const char* chain, json expression) {
    add({{"rule",
          {{"family", "ip"},
           {"table", kNftTable},
           {"chain", chain},
           {"expr", std::move(expression)}}}});
  }

  void set_of_ranges(const char* name, std::vector<IpRange> ranges) {
    json elements = json::array();
    for (const IpRange& r : merged(std::move(ranges))) {
      const Ipv4Addr last{r.end.value - 1};
      elements.push_back({{"range", {r.start.text(), last.text()}}});
    }
    json set{{"family", "ip"},
             {"table", kNftTable},
             {"name", name},
             {"type", "ipv4_addr"},
             {"flags", {"interval"}}};
    if (!elements.empty()) set["elem"] = std::move(elements);
    add({{"set", std::move(set)}});
  }

  std::string text() const { return json{{"nftables", commands_}}.dump(); }

 private:
  static json table() { return {{"family", "ip"}, {"name", kNftTable}}; }
  void add(json what) { commands_.push_back({{"add", std::move(what)}}); }

  json commands_ = json::array();
};

void render_nat(const HostRules& rules, Transaction& out) {
  if (rules.no_masq_local) out.set_of_ranges(kLocalRangesSet, rules.local_ranges);
  out.chain("postrouting", "nat", "postrouting", kSourceNatPriority);
  if (rules.no_masq_local) {
    out.rule("postrouting", {match("==", field("ip", "daddr"), std::string("@") + kLocalRangesSet),
                             verdict("return")});
  }
  for (const ExposedCidr& exposed : rules.exposed) {
    if (!exposed.nat) continue;
    const Cidr c = exposed.address;
    out.rule("postrouting", {from("==", c), to("==", kMulticast), verdict("return")});
    out.rule("postrouting", {to("==", c), from("!=", c), verdict("masquerade")});
    out.rule("postrouting", {from("==", c), to("!=", c), verdict("masquerade")});
  }
}

void render_forward(const HostRules& rules, Transaction& out) {
  out.chain("forward", "filter", "forward", kFilterPriority);
  out.rule("forward", {in_by("==", rules.bridge), out_by("==", rules.bridge), verdict("accept")});
  for (const ExposedCidr& exposed : rules.exposed) {
    out.rule("forward", {out_by("==", rules.bridge), to("==", exposed.address), verdict("accept")});
  }
  out.rule("forward", {in_by("==", rules.bridge), out_by("!=", rules.bridge), verdict("accept")});
  out.rule("forward", {out_by("==", rules.bridge), connection_known("in"), verdict("accept")});
}

// With route_localnet on, a neighbour could send us packets for 127.0.0.1.
void render_input(std::uint16_t control_port, Transaction& out) {
  out.chain("input", "filter", "input", kFilterPriority);
  out.rule("input", {match("==", field("ip", "daddr"), "127.0.0.1"),
                     match("==", field("tcp", "dport"), control_port),
                     match("!=", {{"fib", {{"result", "type"}, {"flags", {"saddr"}}}}}, "local"),
                     connection_known("!="), verdict("drop")});
}

}  // namespace

std::string render_host_rules(const HostRules& rules) {
  Transaction out;
  render_nat(rules, out);
  render_forward(rules, out);
  if (rules.control_port) render_input(*rules.control_port, out);
  return out.text();
}

Result<> apply_host_rules(Nft& nft, const HostRules& rules) {
  return nft.apply(render_host_rules(rules));
}

Result<> remove_host_rules(Nft& nft) {
  return nft.delete_table(NftFamily::ip, kNftTable);
}

Result<bool> host_rules_present(Nft& nft) {
  const auto table = nft.list_table(NftFamily::ip, kNftTable);
  if (table) return true;
  if (table.error().code == Errc::not_found) return false;
  return table.error();
}

}  // namespace weft::linux_net
