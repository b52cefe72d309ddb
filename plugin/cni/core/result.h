// SPDX-License-Identifier: Apache-2.0
// What ADD returns, as one value for all versions of the specification, and its two JSON shapes.
// Addresses stay texts: a result of another plugin in the chain may hold IPv6, which passes
// through us untouched.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plugin/cni/core/json_text.h"
#include "plugin/cni/core/version.h"

namespace weft::cni {

struct ResultInterface {
  std::string name;
  std::string mac;
  std::string sandbox;  // path of the namespace; empty: on the host
  // Since 1.1.0.
  std::optional<int> mtu;
  std::string socket_path;
  std::string pci_id;
  friend bool operator==(const ResultInterface&, const ResultInterface&) = default;
};

struct ResultIp {
  std::string address;  // with prefix length
  std::string gateway;
  std::optional<int> interface;  // index into CniResult::interfaces
  friend bool operator==(const ResultIp&, const ResultIp&) = default;
};

struct ResultRoute {
  std::string dst;
  std::string gw;
  // Since 1.1.0.
  std::optional<int> mtu, advmss, priority, table, scope;
  friend bool operator==(const ResultRoute&, const ResultRoute&) = default;
};

struct Dns {
  std::vector<std::string> nameservers;
  std::string domain;
  std::vector<std::string> search;
  std::vector<std::string> options;
  bool empty() const {
    return nameservers.empty() && domain.empty() && search.empty() && options.empty();
  }
  friend bool operator==(const Dns&, const Dns&) = default;
};

struct CniResult {
  std::vector<ResultInterface> interfaces;
  std::vector<ResultIp> ips;
  std::vector<ResultRoute> routes;
  Dns dns;
  friend bool operator==(const CniResult&, const CniResult&) = default;
};

// In the shape of `version`; what that shape cannot say is left out.
Json to_json(const CniResult& result, SpecVersion version);
Json to_json(const Fault& fault, SpecVersion version);

// Either shape is recognised, whatever version the object names. `where` prefixes messages.
Outcome<CniResult> parse_result(const Json& object, const std::string& where);
// The {nameservers, domain, search, options} of configurations and results.
Dns read_dns(const Json& object, const std::string& where, std::optional<Fault>& fault);

// Pretty, for stdout; bytes that are no UTF-8 are replaced.
std::string print(const Json& value);

// Index of the interface of that name in the container (sandbox set), or nullopt.
std::optional<int> find_in_sandbox(const CniResult& result, const std::string& ifname);
bool has_default_route(const CniResult& result);

}  // namespace weft::cni
