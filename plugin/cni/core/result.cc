// SPDX-License-Identifier: Apache-2.0
// Shapes.  Up to 0.2.0: {"ip4": {"ip", "gateway", "routes"}, "ip6": …, "dns"}.
// From 0.3.0: {"interfaces": [{"name", "mac", "sandbox"}], "ips": [{"version" (before 1.0.0),
// "interface", "address", "gateway"}], "routes": [{"dst", "gw"}], "dns"}; 1.1.0 adds fields to
// interfaces and routes.  Source: CNI specification, "Success" of each version.
#include "plugin/cni/core/result.h"

#include <algorithm>
#include <climits>

#include "base/json/json.h"

namespace weft::cni {

namespace {

bool is_ipv6(const std::string& address) {
  return address.find(':') != std::string::npos;
}

void put(Json& into, const char* name, const std::string& value) {
  if (!value.empty()) into[name] = value;
}
void put(Json& into, const char* name, const std::optional<int>& value) {
  if (value) into[name] = *value;
}
void put(Json& into, const char* name, const std::vector<std::string>& values) {
  if (!values.empty()) into[name] = values;
}

Json dns_json(const Dns& dns) {
  Json out = Json::object();
  put(out, "nameservers", dns.nameservers);
  put(out, "domain", dns.domain);
  put(out, "search", dns.search);
  put(out, "options", dns.options);
  return out;
}

Json route_json(const ResultRoute& route, SpecVersion version) {
  Json out{{"dst", route.dst}};
  put(out, "gw", route.gw);
  if (version < SpecVersion::v1_1_0) return out;
  put(out, "mtu", route.mtu);
  put(out, "advmss", route.advmss);
  put(out, "priority", route.priority);
  put(out, "table", route.table);
  put(out, "scope", route.scope);
  return out;
}

Json interface_json(const ResultInterface& interface, SpecVersion version) {
  Json out{{"name", interface.name}};
  put(out, "mac", interface.mac);
  put(out, "sandbox", interface.sandbox);
  if (version < SpecVersion::v1_1_0) return out;
  put(out, "mtu", interface.mtu);
  put(out, "socketPath", interface.socket_path);
  put(out, "pciID", interface.pci_id);
  return out;
}

Json ip_json(const ResultIp& ip, SpecVersion version) {
  Json out{{"address", ip.address}};
  if (names_family(version)) out["version"] = is_ipv6(ip.address) ? "6" : "4";
  put(out, "gateway", ip.gateway);
  put(out, "interface", ip.interface);
  return out;
}

void put_old_family(Json& out, const CniResult& result, bool ipv6) {
  auto at = std::find_if(result.ips.begin(), result.ips.end(),
                         [&](const ResultIp& ip) { return is_ipv6(ip.address) == ipv6; });
  if (at == result.ips.end()) return;
  Json& family = out[ipv6 ? "ip6" : "ip4"];
  family["ip"] = at->address;
  put(family, "gateway", at->gateway);
  for (const ResultRoute& route : result.routes) {
    if (is_ipv6(route.dst) == ipv6) {
      family["routes"].push_back(route_json(route, SpecVersion::v0_2_0));
    }
  }
}

// ---- reading ----

constexpr int kNumberMax = INT_MAX;

// Calls `read(fields)` for each object of the list `name`.
template <class Read>
void each(Fields& fields, const char* name, std::optional<Fault>& fault, Read read) {
  const Json* list = fields.array(name);
  if (list == nullptr) return;
  for (const Json& element : *list) {
    if (!element.is_object()) {
      fields.refuse(name, "must be a list of objects");
      return;
    }
    Fields inner(element, fields.where() + name + ".", fault);
    read(inner);
  }
}

void read_routes(Fields& fields, std::optional<Fault>& fault, std::vector<ResultRoute>& into) {
  each(fields, "routes", fault, [&](Fields& f) {
    into.push_back({.dst = f.text("dst"),
                    .gw = f.text("gw"),
                    .mtu = f.number("mtu", 0, kNumberMax),
                    .advmss = f.number("advmss", 0, kNumberMax),
                    .priority = f.number("priority", 0, kNumberMax),
                    .table = f.number("table", 0, kNumberMax),
                    .scope = f.number("scope", 0, kNumberMax)});
  });
}

void read_old_family(Fields& top, const char* name, std::optional<Fault>& fault, CniResult& into) {
  const Json* object = top.object(name);
  if (object == nullptr) return;
  Fields fields(*object, top.where() + name + ".", fault);
  into.ips.push_back(
      {.address = fields.text("ip"), .gateway = fields.text("gateway"), .interface = {}});
  read_routes(fields, fault, into.routes);
}

void read_new_shape(Fields& top, std::optional<Fault>& fault, CniResult& into) {
  each(top, "interfaces", fault, [&](Fields& f) {
    into.interfaces.push_back({.name = f.text("name"),
                               .mac = f.text("mac"),
                               .sandbox = f.text("sandbox"),
                               .mtu = f.number("mtu", 0, kNumberMax),
                               .socket_path = f.text("socketPath"),
                               .pci_id = f.text("pciID")});
  });
  const int last = static_cast<int>(into.interfaces.size()) - 1;
  each(top, "ips", fault, [&](Fields& f) {
    into.ips.push_back({.address = f.text("address"),
                        .gateway = f.text("gateway"),
                        .interface = f.number("interface", 0, last)});
  });
  read_routes(top, fault, into.routes);
}

}  // namespace

Json to_json(const CniResult& result, SpecVersion version) {
  Json out = Json::object();
  out["cniVersion"] = text(version);
  if (has_old_results(version)) {
    put_old_family(out, result, false);
    put_old_family(out, result, true);
  } else {
    for (const auto& i : result.interfaces) {
      out["interfaces"].push_back(interface_json(i, version));
    }
    for (const auto& ip : result.ips)
      out["ips"].push_back(ip_json(ip, version));
    for (const auto& route : result.routes)
      out["routes"].push_back(route_json(route, version));
  }
  out["dns"] = dns_json(result.dns);
  return out;
}

Json to_json(const Fault& fault, SpecVersion version) {
  Json out{{"cniVersion", text(version)},
           {"code", static_cast<unsigned>(fault.code)},
           {"msg", fault.msg}};
  put(out, "details", fault.details);
  return out;
}

Dns read_dns(const Json& object, const std::string& where, std::optional<Fault>& fault) {
  Fields fields(object, where, fault);
  return {.nameservers = fields.texts("nameservers"),
          .domain = fields.text("domain"),
          .search = fields.texts("search"),
          .options = fields.texts("options")};
}

Outcome<CniResult> parse_result(const Json& object, const std::string& where) {
  std::optional<Fault> fault;
  CniResult result;
  Fields top(object, where, fault);
  if (object.contains("ip4") || object.contains("ip6")) {
    read_old_family(top, "ip4", fault, result);
    read_old_family(top, "ip6", fault, result);
  } else {
    read_new_shape(top, fault, result);
  }
  if (const Json* dns = top.object("dns")) result.dns = read_dns(*dns, where + "dns.", fault);
  if (fault) return *fault;
  return result;
}

std::string print(const Json& value) {
  constexpr int kIndent = 4;
  return value.dump(kIndent, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::optional<int> find_in_sandbox(const CniResult& result, const std::string& ifname) {
  for (std::size_t i = 0; i < result.interfaces.size(); ++i) {
    const ResultInterface& interface = result.interfaces[i];
    if (!interface.sandbox.empty() && interface.name == ifname) return static_cast<int>(i);
  }
  return std::nullopt;
}

bool has_default_route(const CniResult& result) {
  return std::any_of(result.routes.begin(), result.routes.end(),
                     [](const ResultRoute& route) { return route.dst == "0.0.0.0/0"; });
}

}  // namespace weft::cni
