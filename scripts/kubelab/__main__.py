# SPDX-License-Identifier: Apache-2.0
"""A real Kubernetes cluster on this machine, as network namespaces: a control plane and N nodes.

  cluster up [--nodes N]            builds what it needs (once), boots, waits for the nodes
  cluster install                   builds Weft's image, loads it into the nodes, applies its file
  cluster image ARCHIVE             loads a container image into every node
  cluster kubectl ARGS…             as the cluster's administrator
  cluster node k1 CMD…              a command on a node, for example: cluster node k1 ip link
  cluster add | remove k3           one node more; one less, for good
  cluster off k3 | cluster on k3    pulls the plug of a node; boots it again
  cluster api stop | start          the API server alone
  cluster test [NAME…]              the programs of tests/cluster, on this cluster or their own
  cluster e2e [FOCUS]               Kubernetes' own tests of pod networks and services
  cluster status | cluster down

Node kN has the address 10.99.0.N, the control plane 10.99.0.250. All but the built programs is
under $WEFT_CLUSTER_DIR (/tmp/weft-cluster), those under $WEFT_CLUSTER_CACHE
(/var/cache/weft-cluster). WEFT_CLUSTER_IMAGE and WEFT_CLUSTER_MANIFEST name others than this tree
makes. Network namespaces begin with $WEFT_CLUSTER_PREFIX (wf-k)."""
import argparse
import os
import subprocess
import sys

from netlab import netns

from . import cluster as cluster_of
from . import e2e, testing, weft


def parse(argv):
    parser = argparse.ArgumentParser(prog="cluster", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    up = commands.add_parser("up")
    up.add_argument("--nodes", type=int, default=3, choices=range(1, 21), metavar="N")
    commands.add_parser("image").add_argument("archive")
    commands.add_parser("kubectl", add_help=False).add_argument("argv", nargs=argparse.REMAINDER)
    node = commands.add_parser("node")
    node.add_argument("name")
    node.add_argument("argv", nargs=argparse.REMAINDER)
    for name in ("remove", "off", "on"):
        commands.add_parser(name).add_argument("name")
    commands.add_parser("api").add_argument("verb", choices=("stop", "start"))
    commands.add_parser("test").add_argument("names", nargs="*", metavar="NAME")
    commands.add_parser("e2e").add_argument("focus", nargs="?")
    for name in ("install", "add", "status", "down"):
        commands.add_parser(name)
    return parser.parse_args(argv)


def show_status(cluster):
    cluster.need_up()
    for machine in [cluster.control_plane(), *cluster.nodes()]:
        daemons = [f"{name} {'up' if machine.running(name) else 'DOWN'}"
                   for name in machine.record.get("daemons", {})]
        print(f"{machine.name:4} {machine.ns:7} {machine.address:12} "
              f"{', '.join(daemons) if machine.is_on() else 'off'}")
    print(f"logs in {cluster.settings.folder}/NAME/*.log\n")
    sys.stdout.flush()
    subprocess.run(cluster.control_plane().kubectl("get", "nodes,pods", "-A", "-o", "wide"))


def act(cluster, options):
    name = getattr(options, "name", None)
    if options.command == "up":
        cluster.up(options.nodes)
        show_status(cluster)
    elif options.command == "kubectl":
        become(cluster.control_plane().kubectl(*options.argv))
    elif options.command == "node":
        become(cluster.node(name).command(*options.argv))
    elif options.command == "api":
        plane = cluster.control_plane()
        {"stop": plane.stop_api, "start": plane.start_api}[options.verb]()
        cluster.save()
    elif options.command == "test":
        return testing.run(cluster, options.names)
    elif options.command == "e2e":
        return e2e.run(cluster, options.focus)
    else:
        {"image": lambda: cluster.import_image(options.archive),
         "install": lambda: weft.install(cluster),
         "add": lambda: print(*cluster.add_nodes(1)), "remove": lambda: cluster.remove_node(name),
         "off": lambda: cluster.power_off(name), "on": lambda: cluster.boot(name),
         "status": lambda: show_status(cluster), "down": cluster.down}[options.command]()
    return 0


def become(argv):
    sys.stdout.flush()
    os.execvp(argv[0], argv)


def main():
    options = parse(sys.argv[1:])
    if os.geteuid() != 0:
        print("cluster: needs root (it makes namespaces)", file=sys.stderr)
        return 1
    try:
        return act(cluster_of.Cluster(cluster_of.Settings()), options)
    except (netns.LabError, OSError, subprocess.CalledProcessError) as error:
        print(f"cluster: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
