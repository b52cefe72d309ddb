// SPDX-License-Identifier: Apache-2.0
// Commands of Weave's script that Weft does without, and what to do instead.
#include "router/cli/command.h"

namespace weft::cli {

const std::vector<RemovedCommand>& removed_commands() {
  static const std::vector<RemovedCommand> kRemoved = {
      {"run", "start the container with your engine, then `weave attach CONTAINER`"},
      {"start", "start the container with your engine, then `weave attach CONTAINER`"},
      {"restart", "restart the container with your engine, then `weave attach CONTAINER`"},
      {"launch-router", "use `weave launch`"},
      {"launch-proxy", "there is no Docker proxy; use CNI, or `weave attach CONTAINER`"},
      {"launch-plugin", "there is no Docker plugin; use CNI, or `weave attach CONTAINER`"},
      {"stop-router", "use `weave stop`"},
      {"stop-proxy", "there is no Docker proxy to stop"},
      {"stop-plugin", "there is no Docker plugin to stop"},
      {"proxy", "there is no Docker proxy; use CNI, or `weave attach CONTAINER`"},
      {"env", "there is no Docker proxy to point DOCKER_HOST at; use CNI, or `weave attach`"},
      {"config", "there is no Docker proxy to configure a client for; use CNI, or `weave attach`"},
      {"setup", "there are no images to pull; copy weave-net and weave-ipam to /opt/cni/bin"},
      {"setup-cni", "copy weave-net and weave-ipam to /opt/cni/bin; see docs/cni.md"},
      {"attach-bridge", "the daemon looks after its bridge itself"},
      {"create-bridge", "the daemon makes its bridge itself"},
      {"bridge-type", "there is one kind of bridge; see `weave report -f /Router/Interface`"},
      {"docker-bridge-ip", "ask docker: `docker network inspect bridge`"},
      {"dns-add", "there is no weaveDNS; give containers their names with your engine"},
      {"dns-remove", "there is no weaveDNS; give containers their names with your engine"},
      {"dns-lookup", "there is no weaveDNS; ask your resolver"},
      {"dns-args", "there is no weaveDNS; containers use their engine's resolver"},
  };
  return kRemoved;
}

}  // namespace weft::cli
