// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/client/cluster.h"

#include <map>

#include <doctest/doctest.h>

using namespace weft;
using namespace weft::kube;

namespace {

using Variables = std::map<std::string, std::string>;

std::variant<Cluster, std::string> find(const ClusterOptions& options, const Variables& variables) {
  return find_cluster(options, [&](const std::string& name) {
    const auto at = variables.find(name);
    return at == variables.end() ? std::string() : at->second;
  });
}

bool refused(const ClusterOptions& options, const Variables& variables = {}) {
  return std::holds_alternative<std::string>(find(options, variables));
}

}  // namespace

TEST_CASE("cluster: in a pod: the service's variables and the service account's files") {
  const auto found = std::get<Cluster>(find({}, {{"KUBERNETES_SERVICE_HOST", "fd00::1"},
                                                 {"KUBERNETES_SERVICE_PORT", "6443"},
                                                 {"KUBERNETES_SERVICE_PORT_HTTPS", "443"}}));
  CHECK(found.server.text() == "[fd00::1]:6443");
  CHECK(found.tls);
  CHECK(found.token_file == "/var/run/secrets/kubernetes.io/serviceaccount/token");
  CHECK(found.ca_file == "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt");
  CHECK(refused({}));
  CHECK(refused({}, {{"KUBERNETES_SERVICE_HOST", "a"}, {"KUBERNETES_SERVICE_PORT", "0"}}));
}

TEST_CASE("cluster: a server that was named goes before, in any way one writes it") {
  const auto at = [](const std::string& server) {
    return std::get<Cluster>(find({.server = server, .token_file = "", .ca_file = "ca"}, {}))
        .server;
  };
  CHECK(at("https://api.test").text() == "api.test:443");
  CHECK(at("https://api.test:6443/").text() == "api.test:6443");
  CHECK(at("10.0.0.1:6443").text() == "10.0.0.1:6443");
  CHECK(at("https://[fd00::1]:6443").text() == "[fd00::1]:6443");
  CHECK(refused({.server = "https://api.test/prefix", .ca_file = "ca"}));
  CHECK(refused({.server = "https://:6443", .ca_file = "ca"}));
  CHECK(refused({.server = "https://api.test"}));
}

TEST_CASE("cluster: plain HTTP only where it was asked for, and never with a token") {
  const auto plain = std::get<Cluster>(find({.server = "http://127.0.0.1:8080"}, {}));
  CHECK_FALSE(plain.tls);
  CHECK(plain.token_file.empty());
  CHECK(refused({.server = "http://127.0.0.1:8080", .token_file = "token"}));
}
