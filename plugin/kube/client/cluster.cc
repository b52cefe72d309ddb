// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/client/cluster.h"

#include "base/text.h"

namespace weft::kube {
namespace {

constexpr std::uint16_t kHttpsPort = 443;
constexpr std::uint16_t kHttpPort = 80;
constexpr std::string_view kHttps = "https://";
constexpr std::string_view kHttp = "http://";

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const auto number = parse_u64(text);
  if (!number || *number == 0 || *number > UINT16_MAX) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

// "api.example", "10.0.0.1:6443", "[fd00::1]:6443".
std::optional<io::HostAndPort> parse_host(std::string_view text, std::uint16_t default_port) {
  io::HostAndPort out{.host = {}, .port = default_port};
  std::string_view rest;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    out.host = text.substr(1, end - 1);
    rest = text.substr(end + 1);
  } else {
    const std::size_t colon = text.find(':');
    out.host = text.substr(0, colon);
    rest = colon == std::string_view::npos ? std::string_view() : text.substr(colon);
  }
  if (out.host.empty()) return std::nullopt;
  if (rest.empty()) return out;
  const auto port = parse_port(rest.substr(1));
  if (!rest.starts_with(':') || !port) return std::nullopt;
  out.port = *port;
  return out;
}

std::variant<Cluster, std::string> named_server(const ClusterOptions& options) {
  std::string_view url = options.server;
  Cluster out{.server = {}, .tls = !url.starts_with(kHttp), .token_file = {}, .ca_file = {}};
  if (url.starts_with(kHttps)) url.remove_prefix(kHttps.size());
  if (!out.tls) url.remove_prefix(kHttp.size());
  if (url.ends_with('/')) url.remove_suffix(1);
  const auto host = parse_host(url, out.tls ? kHttpsPort : kHttpPort);
  if (!host || url.find('/') != std::string_view::npos) {
    return "--server '" + options.server + "' is not https://HOST[:PORT]";
  }
  out.server = *host;
  return out;
}

std::variant<Cluster, std::string> server_of_pod(const Environ& environ) {
  Cluster out;
  out.server.host = environ("KUBERNETES_SERVICE_HOST");
  if (out.server.host.empty()) {
    return std::string(
        "KUBERNETES_SERVICE_HOST is not set: outside of a pod, name the API server by --server");
  }
  // The one that manifests set, with the host, to reach the server without kube-proxy: the kubelet
  // goes on to set the other.
  std::string port = environ("KUBERNETES_SERVICE_PORT");
  if (port.empty()) port = environ("KUBERNETES_SERVICE_PORT_HTTPS");
  if (port.empty()) port = std::to_string(kHttpsPort);
  const auto number = parse_port(port);
  if (!number) return "KUBERNETES_SERVICE_PORT '" + port + "' is not a port";
  out.server.port = *number;
  return out;
}

}  // namespace

std::variant<Cluster, std::string> find_cluster(const ClusterOptions& options,
                                                const Environ& environ) {
  auto found = options.server.empty() ? server_of_pod(environ) : named_server(options);
  auto* cluster = std::get_if<Cluster>(&found);
  if (cluster == nullptr) return found;
  const std::string folder(kServiceAccountFolder);
  cluster->token_file = options.token_file;
  cluster->ca_file = options.ca_file;
  const bool in_pod = options.server.empty();
  if (cluster->token_file.empty() && in_pod) cluster->token_file = folder + "/token";
  if (cluster->ca_file.empty() && in_pod) cluster->ca_file = folder + "/ca.crt";
  if (cluster->tls && cluster->ca_file.empty()) {
    return std::string("--server needs --ca-file: whom are we to believe that it is the server?");
  }
  // A token in the clear is everybody's.
  if (!cluster->tls && !cluster->token_file.empty()) {
    return std::string("--token-file needs https: a token is not sent in the clear");
  }
  return found;
}

}  // namespace weft::kube
