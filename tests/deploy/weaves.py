# SPDX-License-Identifier: Apache-2.0
"""What operators know Weave Net 2.8.1 and its continuation by, from their texts and sources."""

VARIABLES = """
    CHECKPOINT_DISABLE CONN_LIMIT HAIRPIN_MODE IPALLOC_RANGE EXPECT_NPC KUBE_PEERS IPALLOC_INIT
    WEAVE_EXPOSE_IP WEAVE_METRICS_ADDR WEAVE_STATUS_ADDR WEAVE_HTTP_ADDR WEAVE_PASSWORD WEAVE_MTU
    WEAVE_NO_FASTDP NO_MASQ_LOCAL IPTABLES_BACKEND EXTRA_ARGS DB_PREFIX HOST_ROOT INIT_CONTAINER
    HOSTNAME WEAVE_DEBUG DOCKER_API_VERSION""".split()
FLAGS = """
    port name nickname password conn-limit no-discovery mtu http-addr status-addr metrics-addr
    ipalloc-init ipalloc-range ipalloc-default-subnet docker-api no-dns dns-domain
    dns-listen-address dns-ttl dns-fallback-timeout datapath no-fastdp no-bridged-fastdp
    trusted-subnets db-prefix expect-npc no-masq-local awsvpc host-root peer-discovery-url token
    advertise-address plugin plugin-v2 plugin-socket proxy resume log-level pkt-debug profile bufsz
    min-protocol-version print-peer-name""".split()
COMMANDS = """
    launch setup setup-cni connect forget attach detach attach-bridge expose hide dns-add dns-remove
    dns-lookup dns-args status report ps stop reset rmpeer prime version env config""".split()
ENDPOINTS = [line.strip() for line in """
    GET /status; GET /status/connections; GET /status/peers; GET /status/targets; GET /status/ipam;
    GET /status/dns; GET /report; GET /metrics; GET /ip; GET /ip/{}; GET /ip/{}/{}/{}; GET /ring;
    GET /ipinfo/defaultsubnet; GET /ipinfo/tracker; GET /domain; GET /name; GET /dns-address;
    GET /dns-address-port; GET /proxyaddrs; GET /debug/pprof; POST /connect; POST /forget;
    POST /expose/{}/{}; POST /ip/{}; POST /ip/{}/{}/{}; PUT /ip/{}/{}/{}; PUT /name/{}/{};
    DELETE /ip/{}; DELETE /ip/{}/{}; DELETE /name; DELETE /peer; DELETE /peer/{}""".split(";")]
METRICS = """
    weave_connections weave_connection_terminations_total weave_ips weave_max_ips weave_dns_entries
    weave_flows weave_ipam_unreachable_count weave_ipam_unreachable_percentage
    weave_ipam_pending_allocates weave_ipam_pending_claims""".split()
