// SPDX-License-Identifier: Apache-2.0
// Flags of Weave's weaver that have no meaning here. Each is accepted, so that a unit file or a
// manifest written for Weave starts, with one warning that says what replaces it.
#pragma once

#include <array>
#include <string_view>

namespace weft::daemon {

struct LegacyFlag {
  std::string_view name;
  bool takes_value;
  std::string_view instead;
};

inline constexpr std::array kLegacyFlags{
    LegacyFlag{"--datapath", true, "no Open vSwitch is used: the bridge is captured directly"},
    LegacyFlag{"--no-fastdp", false, "fastdp is not there: links use swift, or sleeve"},
    LegacyFlag{"--no-bridged-fastdp", false, "fastdp is not there: links use swift, or sleeve"},
    LegacyFlag{"--docker-api", true, "no container engine is asked: CNI releases addresses"},
    LegacyFlag{"--docker-bridge", true, "no rule concerns Docker's bridge"},
    LegacyFlag{"--expect-npc", false, "NetworkPolicy is NOT enforced: there is no weave-npc yet"},
    LegacyFlag{"--profile", true, "use perf(1)"},
    LegacyFlag{"--no-dns", false, "weaveDNS is not there yet, so it is always off"},
    LegacyFlag{"--dns-domain", true, "weaveDNS is not there yet"},
    LegacyFlag{"--dns-listen-address", true, "weaveDNS is not there yet"},
    LegacyFlag{"--dns-ttl", true, "weaveDNS is not there yet"},
    LegacyFlag{"--dns-fallback-timeout", true, "weaveDNS is not there yet"},
    LegacyFlag{"--resolv-conf", true, "weaveDNS is not there yet"},
    LegacyFlag{"--proc-path", true, "run weaver in the host's PID namespace"},
    LegacyFlag{"--host-root", true, "the peer name is stored under --db-prefix, not derived"},
    LegacyFlag{"--awsvpc", false, "VPC routing was dropped: links use swift, or sleeve"},
    LegacyFlag{"--peer-discovery-url", true, "the cloud service is gone: name peers as arguments"},
    LegacyFlag{"--token", true, "the cloud service is gone: name peers as arguments"},
    LegacyFlag{"--advertise-address", true, "the cloud service is gone: name peers as arguments"},
    LegacyFlag{"--plugin", false, "the Docker plugin is not there: use CNI or 'weave attach'"},
    LegacyFlag{"--plugin-v2", false, "the Docker plugin is not there: use CNI or 'weave attach'"},
    LegacyFlag{"--plugin-v2-multicast", false, "the Docker plugin is not there"},
    LegacyFlag{"--plugin-socket", true, "the Docker plugin is not there"},
    LegacyFlag{"--plugin-mesh-socket", true, "the Docker plugin is not there"},
    LegacyFlag{"--proxy", false, "the Docker proxy is not there: use CNI or 'weave attach'"},
    LegacyFlag{"-H", true, "the Docker proxy is not there"},
    LegacyFlag{"--hostname-from-label", true, "the Docker proxy is not there"},
    LegacyFlag{"--hostname-match", true, "the Docker proxy is not there"},
    LegacyFlag{"--hostname-replacement", true, "the Docker proxy is not there"},
    LegacyFlag{"--rewrite-inspect", false, "the Docker proxy is not there"},
    LegacyFlag{"--no-default-ipalloc", false, "the Docker proxy is not there"},
    LegacyFlag{"--no-rewrite-hosts", false, "the Docker proxy is not there"},
    LegacyFlag{"--without-dns", false, "the Docker proxy is not there"},
    LegacyFlag{"--no-multicast-route", false, "the Docker proxy is not there"},
    LegacyFlag{"--tls", false, "the Docker proxy is not there"},
    LegacyFlag{"--tlsverify", false, "the Docker proxy is not there"},
    LegacyFlag{"--tlscacert", true, "the Docker proxy is not there"},
    LegacyFlag{"--tlscert", true, "the Docker proxy is not there"},
    LegacyFlag{"--tlskey", true, "the Docker proxy is not there"},
};

}  // namespace weft::daemon
