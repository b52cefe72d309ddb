// SPDX-License-Identifier: Apache-2.0
// Where the API server is and how one proves oneself there: what the kubelet puts into every pod,
// unless flags say otherwise.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>

#include "router/io/http_caller.h"

namespace weft::kube {

// Where the kubelet mounts a pod's service account.
inline constexpr std::string_view kServiceAccountFolder =
    "/var/run/secrets/kubernetes.io/serviceaccount";

struct ClusterOptions {
  std::string server;      // --server: https://host[:port], or http:// where that is meant
  std::string token_file;  // empty: the service account's
  std::string ca_file;
};

struct Cluster {
  io::HostAndPort server;
  bool tls = true;
  // Read anew for every connection or request, since both rotate; empty: none.
  std::string token_file;
  std::string ca_file;
};

// The value of a variable of the environment; empty if it is not set.
using Environ = std::function<std::string(const std::string&)>;

// Flags go before KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT (or _PORT_HTTPS). The string
// says what is missing.
std::variant<Cluster, std::string> find_cluster(const ClusterOptions& options,
                                                const Environ& environ);

}  // namespace weft::kube
