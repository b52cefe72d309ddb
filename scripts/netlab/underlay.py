# SPDX-License-Identifier: Apache-2.0
"""The wire between the hosts: one switch, one uplink per host, and what is dropped on it."""
from . import netns

MTU = 1500
# For ethtool, at a host's end: what makes a veth pair carry single packets as a wire does.
CUTTING_END = ("tso", "off", "tx-udp-segmentation", "off", "gro", "on")


def address(number):
    return f"10.99.0.{number}"


def build(switch, hosts):
    """Makes the switch and connects each host (number: namespace) to it by its eth0."""
    netns.add(switch)
    netns.ip(switch, "link add br0 type bridge", "link set br0 up")
    for number, ns in hosts.items():
        connect(switch, number, ns)


def connect(switch, number, ns):
    """One more host on the switch."""
    netns.add(ns)
    netns.ip(switch, f"link add h{number} mtu {MTU} type veth peer name eth0 netns {ns}",
             f"link set h{number} master br0 up")
    _set_uplink(number, ns)


def disconnect(switch, number):
    """Takes a host off the switch; its eth0 is gone with its end there."""
    netns.sh("ip", "-n", switch, "link", "del", f"h{number}", check=False)


def pair(hosts):
    """Two hosts on one wire, without a switch between them."""
    for ns in hosts.values():
        netns.add(ns)
    netns.ip(hosts[1], f"link add eth0 mtu {MTU} type veth peer name eth0 mtu {MTU} "
             f"netns {hosts[2]}")
    for number, ns in hosts.items():
        _set_uplink(number, ns)


def _set_uplink(number, ns):
    netns.ip(ns, f"link set eth0 mtu {MTU}", f"addr add {address(number)}/24 dev eth0",
             "link set eth0 up")
    netns.sysctl(ns, net__ipv4__ip_forward=1)


def cut_trains(hosts):
    """Two hosts on one wire, as far as their packets go: their devices cut super-frames and trains
    before the wire, as network cards do, and join them again at the far end."""
    for ns in hosts.values():
        netns.sh(*netns.command(ns, "ethtool", "-K", "eth0", *CUTTING_END))


def lose(switch, hosts, percent):
    """Makes the switch lose packets, each by itself: the hosts' devices cut super-frames before
    the wire, the switch joins none, and only at the far end they are joined again."""
    disturb(switch, hosts, f"numgen random mod 100000 < {round(percent * 1000)} drop")


def lose_and_reorder(switch, hosts, loss, late):
    """Loses `loss` percent of the packets, each by itself, and holds `late` percent back behind a
    narrow passage, so that those which follow overtake them."""
    for number in hosts:
        port = f"dev h{number}"
        rate = "rate 50mbit burst 1600 cburst 1600"
        for what in (f"qdisc add {port} root handle 1: htb default 0",
                     f"class add {port} parent 1: classid 1:2 htb {rate}"):
            netns.sh(*netns.command(switch, "tc", *what.split()))
    disturb(switch, hosts, f"numgen random mod 100000 < {round(loss * 1000)} drop",
            f"numgen random mod 100000 < {round(late * 1000)} meta priority set 1:2")


def disturb(switch, hosts, *rules):
    """nftables rules for every packet that crosses the switch, each as it is on a wire."""
    for number, ns in hosts.items():
        # The device's end on the switch cuts nothing and joins nothing.
        netns.sh(*netns.command(switch, "ethtool", "-K", f"h{number}", "gro", "off", "tso", "off",
                                "gso", "off", "tx-udp-segmentation", "off"))
        netns.sh(*netns.command(ns, "ethtool", "-K", "eth0", *CUTTING_END))
    body = "\n".join("    " + rule for rule in rules)
    netns.sh(*netns.command(switch, "nft", "-f", "-"), stdin=f"""table bridge lab_loss {{
  chain crossing {{
    type filter hook forward priority 0
{body}
  }}
}}
""")


def neighbours(topology, number, count):
    """The hosts that a host may reach."""
    others = set(range(1, count + 1)) - {number}
    if topology == "line":
        return {n for n in others if abs(n - number) == 1}
    if topology == "star":
        return others if number == 1 else {1}
    return others


def apply_faults(hosts, topology, cuts, loss):
    """Every host drops what comes from a host it must not reach, and `loss` percent of the rest.
    Dropping on arrival at both ends makes each fault one of both directions."""
    for number, ns in hosts.items():
        allowed = neighbours(topology, number, len(hosts))
        allowed -= {b for a, b in cuts if a == number} | {a for a, b in cuts if b == number}
        blocked = sorted(set(hosts) - {number} - allowed)
        rules = []
        if blocked:
            saddr = ", ".join(address(n) for n in blocked)
            rules.append(f'iifname "eth0" ip saddr {{ {saddr} }} drop')
        if loss > 0:
            chance = "" if loss >= 100 else f"numgen random mod 10000 < {round(loss * 100)} "
            rules.append(f'iifname "eth0" {chance}drop')
        netns.sh(*netns.command(ns, "nft", "-f", "-"), stdin=_table(rules))


def _table(rules):
    body = "\n".join("    " + rule for rule in rules)
    return f"""table inet lab_underlay
delete table inet lab_underlay
table inet lab_underlay {{
  chain arrival {{
    type filter hook prerouting priority -300
{body}
  }}
}}
"""
