// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/core/objects.h"

#include <algorithm>

namespace weft::kube {

namespace {

// Longer than any message of the API server that helps.
constexpr std::size_t kMessageMax = 300;
constexpr std::size_t kConditionsMax = 64;

std::map<std::string, std::string> texts_in(const Json& object, const char* name) {
  std::map<std::string, std::string> out;
  const Json* map = member(object, name);
  if (map == nullptr || !map->is_object()) return out;
  for (const auto& [key, value] : map->items()) {
    if (value.is_string()) out.emplace(key, value.get<std::string>());
  }
  return out;
}

const Json& part(const Json& object, const char* name) {
  static const Json kNothing = Json::object();
  const Json* found = member(object, name);
  return found == nullptr ? kNothing : *found;
}

void read_addresses(const Json& status, Node& node) {
  const Json* list = member(status, "addresses");
  if (list == nullptr || !list->is_array()) return;
  for (const Json& entry : *list) {
    const auto addr = Ipv4Addr::parse(text_of(entry, "address"));
    if (!addr) continue;  // a host name or an IPv6 address
    const std::string type = text_of(entry, "type");
    auto& into = type == "InternalIP" ? node.internal_ips : node.external_ips;
    const bool wanted = type == "InternalIP" || type == "ExternalIP";
    if (wanted && into.size() < kAddressesMax) into.push_back(*addr);
  }
}

void read_conditions(const Json& status, Node& node) {
  const Json* list = member(status, "conditions");
  if (list == nullptr || !list->is_array()) return;
  for (const Json& entry : *list) {
    if (node.conditions.size() == kConditionsMax) return;
    node.conditions.push_back({.type = text_of(entry, "type"),
                               .status = text_of(entry, "status"),
                               .reason = text_of(entry, "reason"),
                               .message = text_of(entry, "message")});
  }
}

std::optional<std::chrono::seconds> seconds_of(const Json& object, const char* name) {
  const auto number = number_of(object, name);
  constexpr std::int64_t kDay = 86'400;
  if (!number || *number < 0) return std::nullopt;
  return std::chrono::seconds(std::min(*number, kDay));
}

}  // namespace

Result<ObjectMeta> parse_meta(const Json& object) {
  const Json& meta = part(object, "metadata");
  ObjectMeta out{.name = text_of(meta, "name"),
                 .name_space = text_of(meta, "namespace"),
                 .uid = text_of(meta, "uid"),
                 .resource_version = text_of(meta, "resourceVersion"),
                 .deletion_timestamp = text_of(meta, "deletionTimestamp")};
  if (out.name.empty()) return Error{Errc::bad_value, 0, "the object has no metadata.name"};
  if (out.name.size() > kNameMax || out.name_space.size() > kNameMax) {
    return Error{Errc::too_large, 0, "the object's name is longer than 253 characters"};
  }
  return out;
}

const NodeCondition* Node::condition(std::string_view type) const {
  auto at = std::find_if(conditions.begin(), conditions.end(),
                         [&](const NodeCondition& c) { return c.type == type; });
  return at == conditions.end() ? nullptr : &*at;
}

Result<Node> parse_node(const Json& object) {
  auto meta = parse_meta(object);
  if (!meta) return meta.error();
  Node node{.meta = *meta};
  const Json& status = part(object, "status");
  read_addresses(status, node);
  read_conditions(status, node);
  return node;
}

Result<ConfigMap> parse_config_map(const Json& object) {
  auto meta = parse_meta(object);
  if (!meta) return meta.error();
  return ConfigMap{.meta = *meta,
                   .data = texts_in(object, "data"),
                   .annotations = texts_in(part(object, "metadata"), "annotations")};
}

Result<Lease> parse_lease(const Json& object) {
  auto meta = parse_meta(object);
  if (!meta) return meta.error();
  const Json& spec = part(object, "spec");
  return Lease{.meta = *meta,
               .holder = text_of(spec, "holderIdentity"),
               .duration = seconds_of(spec, "leaseDurationSeconds"),
               .renew_time = text_of(spec, "renewTime"),
               .acquire_time = text_of(spec, "acquireTime"),
               .transitions = number_of(spec, "leaseTransitions").value_or(0)};
}

std::optional<ApiStatus> parse_status(const Json& object) {
  if (text_of(object, "kind") != "Status") return std::nullopt;
  const auto code = number_of(object, "code").value_or(0);
  return ApiStatus{.code = code >= 0 && code <= 999 ? static_cast<int>(code) : 0,
                   .reason = text_of(object, "reason").substr(0, kMessageMax),
                   .message = text_of(object, "message").substr(0, kMessageMax),
                   .retry_after = seconds_of(part(object, "details"), "retryAfterSeconds")};
}

std::string refusal_text(int http_status, std::string_view body) {
  std::string text = std::to_string(http_status);
  auto json = parse_object(body, kObjectTextMax);
  auto status = json ? parse_status(*json) : std::nullopt;
  if (!status) return text;
  if (!status->reason.empty()) text += " " + status->reason;
  if (!status->message.empty()) text += ": " + status->message;
  return text;
}

}  // namespace weft::kube
