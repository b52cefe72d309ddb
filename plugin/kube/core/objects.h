// SPDX-License-Identifier: Apache-2.0
// The API objects that the agent reads, no more of each than it uses. Formats: the Kubernetes API
// reference, core/v1, coordination.k8s.io/v1 and meta/v1.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "plugin/kube/core/json_text.h"

namespace weft::kube {

// Limits of what the API server itself accepts: a name is a DNS label or subdomain.
inline constexpr std::size_t kNameMax = 253;
inline constexpr std::size_t kAddressesMax = 256;
// An object in etcd is 1.5 MB at most; as JSON text, with managed fields, less than this.
inline constexpr std::size_t kObjectTextMax = std::size_t{4} * 1024 * 1024;

struct ObjectMeta {
  std::string name;
  std::string name_space;  // empty for nodes
  std::string uid;
  std::string resource_version;
  std::string deletion_timestamp;  // empty: it is not being deleted

  // What tells objects of one kind apart: "namespace/name", or "name".
  std::string key() const { return name_space.empty() ? name : name_space + "/" + name; }
};
Result<ObjectMeta> parse_meta(const Json& object);

struct NodeCondition {
  std::string type, status, reason, message;
  friend bool operator==(const NodeCondition&, const NodeCondition&) = default;
};

struct Node {
  ObjectMeta meta;
  // IPv4 only, in the order in which they stand there.
  std::vector<Ipv4Addr> internal_ips, external_ips;
  std::vector<NodeCondition> conditions;

  const NodeCondition* condition(std::string_view type) const;
};
Result<Node> parse_node(const Json& object);

struct ConfigMap {
  ObjectMeta meta;
  std::map<std::string, std::string> data, annotations;
};
Result<ConfigMap> parse_config_map(const Json& object);

struct Lease {
  ObjectMeta meta;
  std::string holder;                            // empty: nobody's
  std::optional<std::chrono::seconds> duration;  // how long the holder may be silent
  std::string renew_time, acquire_time;          // by the holder's clock; compared, never computed
  std::int64_t transitions = 0;
};
Result<Lease> parse_lease(const Json& object);

// metav1.Status: what the API server answers instead of an object.
struct ApiStatus {
  int code = 0;
  std::string reason;  // "Expired", "Conflict", "AlreadyExists", …
  std::string message;
  std::optional<std::chrono::seconds> retry_after;
};
// nullopt if this is no Status.
std::optional<ApiStatus> parse_status(const Json& object);

// What an answer that is not 2xx says, in one line: "403 Forbidden: nodes is forbidden: …".
std::string refusal_text(int http_status, std::string_view body);

}  // namespace weft::kube
