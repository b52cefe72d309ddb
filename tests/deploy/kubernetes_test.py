#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The manifest and the chart: made from one source, agreeing, with Weave's names, and asking for no
more rights than they say."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HERE = f"{ROOT}/scripts/deploy/kubernetes"
sys.path.insert(0, HERE)
from options import OPTIONS, tree  # noqa: E402
from template import TemplateError, render, to_yaml  # noqa: E402

TEMPLATES = ("serviceaccount", "clusterrole", "role", "configmap", "lease", "secret", "service",
             "daemonset")
# A value unlike the default for each option, and what must be set besides for it to matter.
OTHER = {"image.pullPolicy": "Always", "image.pullSecrets": [{"name": "x"}],
         "ipam.range": "10.40.0.0/16", "mtu": 9000, "connectionLimit": 7, "peers": ["10.0.0.1"],
         "env": {"EXTRA_ARGS": "--log-level=debug"}, "apiServer.port": 7443, "http.port": 7784,
         "http.host": "127.0.0.2", "metrics.port": 7782, "metrics.kubePort": 7785,
         "standby.port": 7786, "standby.resources": {"limits": {"cpu": 1}},
         "nodeSelector": {"net": "weft"},
         "tolerations": [{"operator": "Exists", "effect": "NoSchedule"}], "maxUnavailable": "10%",
         "resources": {"limits": {"cpu": 2}}, "seccompProfile": {"type": "Unconfined"},
         "seLinuxOptions": {"type": "spc_t"}}
# Debian's has a folder of its own.
STANDBY = "weave-net-standby"
GO = shutil.which("go") or shutil.which("go", path="/usr/lib/go-1.19/bin")
BESIDES = {"apiServer.port": {"apiServer.host": "10.0.0.1"}}


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def documents(text):
    return [part for part in yaml.safe_load_all(text) if part]


def manifest():
    return documents(read(f"{HERE}/weave-daemonset-k8s.yaml"))


def one(kind, name="weave-net"):
    found = [part for part in manifest() if part["kind"] == kind and
             (part["metadata"]["name"] == name or kind != "DaemonSet")]
    assert len(found) == 1, f"{len(found)} of {kind}"
    return found[0]


def pod(name="weave-net"):
    return one("DaemonSet", name)["spec"]["template"]["spec"]


def dot(values):
    version = yaml.safe_load(read(f"{HERE}/chart/Chart.yaml"))["appVersion"]
    return {"Values": values, "Chart": {"AppVersion": version},
            "Release": {"Namespace": "kube-system", "Name": "weft"}}


def chart(values):
    """Every document of the chart, as Helm would render it."""
    return [part for name in TEMPLATES
            for part in documents(render(read(f"{HERE}/chart/templates/{name}.yaml"), dot(values)))]


def with_value(path, value):
    values = json.loads(json.dumps(tree()))
    for name, setting in {**BESIDES.get(path, {}), path: value}.items():
        *groups, last = name.split(".")
        at = values
        for group in groups:
            at = at[group]
        at[last] = setting
    return values


class OneSource(unittest.TestCase):
    def test_what_is_in_the_tree_is_what_render_makes(self):
        done = subprocess.run([f"{HERE}/render", "--check"], stdout=subprocess.PIPE, text=True,
                              check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ""), "run scripts/deploy/kubernetes/"
                         "render")

    def test_the_chart_with_its_values_file_is_the_manifest(self):
        self.assertEqual(chart(yaml.safe_load(read(f"{HERE}/chart/values.yaml"))), manifest())

    def test_every_template_is_known_here(self):
        present = {name.removesuffix(".yaml") for name in os.listdir(f"{HERE}/chart/templates")}
        self.assertEqual(present, {*TEMPLATES, "NOTES.txt"})

    @unittest.skipUnless(GO, "needs Go, whose template engine Helm uses")
    def test_gos_own_template_engine_makes_the_same(self):
        for values in (tree(), with_value("env", {"B": "1", "A": "x y"}),
                       with_value("encryption.enabled", False), with_value("mtu", 1400),
                       with_value("cni.antiSpoofing", "annotation"),
                       with_value("cni.chain", [{"type": "tuning", "mtu": 1}]),
                       with_value("standby.enabled", False), with_value("metrics.enabled", False),
                       with_value("apiServer.host", "api.example")):
            with tempfile.TemporaryDirectory() as folder:
                with open(f"{folder}/dot.json", "w", encoding="utf-8") as file:
                    json.dump(dot(values), file)
                out = subprocess.run(
                    [GO, "run", f"{ROOT}/tests/deploy/gotemplate.go", f"{folder}/dot.json",
                     *(f"{HERE}/chart/templates/{name}.yaml" for name in TEMPLATES)],
                    env=dict(os.environ, GO111MODULE="off"),
                    stdout=subprocess.PIPE, check=True, text=True).stdout
            self.assertEqual(documents(out), chart(values))


class Values(unittest.TestCase):
    def test_every_option_changes_what_is_made(self):
        for option in OPTIONS:
            value = OTHER.get(option.path)
            if value is None:
                value = not option.default if isinstance(option.default, bool) else "/other/x"
            usual = chart(with_value(option.path, option.default))
            self.assertNotEqual(chart(with_value(option.path, value)), usual, option.path)

    def test_without_metrics_nothing_is_served_beyond_loopback(self):
        made = chart(with_value("metrics.enabled", False))
        self.assertNotIn("0.0.0.0", json.dumps(made))
        (container,) = next(part for part in made if part["kind"] == "DaemonSet")[
            "spec"]["template"]["spec"]["containers"]
        env = {e["name"]: e.get("value") for e in container["env"]}
        self.assertEqual((env["WEAVE_METRICS_ADDR"], env["WEFT_KUBE_STATUS_ADDR"]),
                         ("127.0.0.1:6782", "127.0.0.1:6785"))

    def test_the_schema_takes_the_defaults_and_refuses_what_it_should(self):
        schema = json.loads(read(f"{HERE}/chart/values.schema.json"))
        self.assertEqual(faults(schema, tree()), [])
        for path, wrong in {"ipam.range": "10.32.0.0", "mtu": "big", "http.port": 70000,
                            "image.pullPolicy": "Sometimes", "http.host": "0.0.0.0",
                            "env": {"A": 1}}.items():
            self.assertNotEqual(faults(schema, with_value(path, wrong)), [], path)
        self.assertNotEqual(faults(schema, {**tree(), "ipamRange": "10.32.0.0/12"}), [])

    def test_yaml_that_we_write_is_read_back_as_it_was(self):
        for value in ({}, [], {"a": [1, {"b": "yes", "c": ["x", {"d": {}}]}]}, "on", "10m", 0.5,
                      None, True, {"k/x.y": "a: b # c", "": "\"'"}, [[1, 2], [{"a": 1, "b": 2}]]):
            self.assertEqual(yaml.safe_load(to_yaml(value)), value)

    def test_a_template_that_uses_what_is_not_there_is_refused(self):
        for source in ("{{ .Values.nothing }}", "{{ include \"x\" . }}", "{{ if .Values.mtu }}x",
                       "{{ $x }}"):
            with self.assertRaises(TemplateError, msg=source):
                render(source, dot(tree()))


TYPES = {"string": str, "integer": int, "boolean": bool, "object": dict, "array": list}


def faults(schema, value, at="values"):
    """The part of JSON Schema that we use."""
    out = []
    names = schema.get("type", [])
    kinds = [TYPES[name] for name in ([names] if isinstance(names, str) else names)]
    if kinds and type(value) not in kinds:
        return [f"{at}: is no {names}"]
    if "enum" in schema and value not in schema["enum"]:
        out.append(f"{at}: not among {schema['enum']}")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        out.append(f"{at}: does not match")
    if isinstance(value, int) and not schema.get("minimum", value) <= value <= schema.get(
            "maximum", value):
        out.append(f"{at}: out of bounds")
    if isinstance(value, dict):
        known, more = schema.get("properties", {}), schema.get("additionalProperties", True)
        for key, item in value.items():
            part = known.get(key, more)
            if part is False:
                out.append(f"{at}: unknown {key}")
            elif isinstance(part, dict):
                out += faults(part, item, f"{at}.{key}")
    return out


class WeavesNames(unittest.TestCase):
    def test_objects_have_the_names_that_an_installation_of_weave_has(self):
        names = {(part["kind"], part["metadata"]["name"]) for part in manifest()}
        self.assertLessEqual({(kind, "weave-net") for kind in (
            "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding",
            "DaemonSet", "ConfigMap", "Service")}, names)
        for part in manifest():
            label = STANDBY if part["metadata"]["name"] == STANDBY else "weave-net"
            self.assertEqual(part["metadata"]["labels"], {"name": label})
            if not part["kind"].startswith("Cluster"):
                self.assertEqual(part["metadata"]["namespace"], "kube-system")

    def test_the_daemonset_replaces_weaves_in_place(self):
        spec = one("DaemonSet")["spec"]
        self.assertEqual(spec["selector"], {"matchLabels": {"name": "weave-net"}})
        self.assertEqual(spec["template"]["metadata"]["labels"], {"name": "weave-net"})
        self.assertEqual([c["name"] for c in pod()["containers"]], ["weave"])
        self.assertEqual(spec["template"]["metadata"]["annotations"],
                         {"kubectl.kubernetes.io/default-container": "weave"})
        self.assertEqual(spec["updateStrategy"]["type"], "RollingUpdate")
        numbers = [port["containerPort"] for port in pod()["containers"][0]["ports"]]
        self.assertEqual(len(numbers), len(set(numbers)), "kubectl apply merges ports by number")

    def test_the_standby_is_like_it_but_for_what_both_would_want_to_have(self):
        spec = one("DaemonSet", STANDBY)["spec"]
        self.assertEqual(spec["selector"], {"matchLabels": {"name": STANDBY}})
        (ours,), (its,) = pod()["containers"], pod(STANDBY)["containers"]
        self.assertEqual(its["command"], [*ours["command"], "--standby"])
        self.assertNotIn("ports", its, "the scheduler gives a node's port to one pod alone")
        env = {e["name"]: e.get("value", e.get("valueFrom")) for e in ours["env"]}
        other = {e["name"]: e.get("value", e.get("valueFrom")) for e in its["env"]}
        self.assertEqual({name for name in env.keys() | other.keys()
                          if env.get(name) != other.get(name)},
                         {"WEFT_KUBE_STATUS_ADDR", "WEFT_PASSWORD_FILE"})
        secret = next(v["secret"] for v in pod(STANDBY)["volumes"] if "secret" in v)
        self.assertEqual((secret["secretName"], secret["optional"]), ("weave-passwd", True))
        self.assertEqual(other["WEFT_PASSWORD_FILE"], "/secret/weave-passwd")
        same = pod(STANDBY) | {"containers": [], "volumes": []}
        self.assertEqual(same, pod() | {"containers": [], "volumes": []})

    def test_prometheus_finds_the_metrics_where_weaves_were(self):
        service = one("Service")["spec"]
        self.assertEqual(service["selector"], {"name": "weave-net"})
        self.assertEqual([(p["name"], p["port"]) for p in service["ports"]],
                         [("weave-net-metrics", 6782), ("weave-kube-metrics", 6785)])

    def test_the_range_can_be_seen_in_the_environment(self):
        env = {e["name"]: e.get("value") for e in pod()["containers"][0]["env"]}
        self.assertEqual(env["IPALLOC_RANGE"], "10.32.0.0/12")
        self.assertEqual(env["DB_PREFIX"], "/weavedb/weave-net")


class Rights(unittest.TestCase):
    def test_the_container_has_three_capabilities_and_a_root_that_it_cannot_write(self):
        for spec in (pod(), pod(STANDBY)):
            self.assertEqual(spec["containers"][0]["securityContext"], {
                "privileged": False, "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN", "NET_RAW", "SYS_ADMIN"]}})
            self.assertEqual(spec["securityContext"],
                             {"seccompProfile": {"type": "RuntimeDefault"}})
            self.assertFalse({"hostPID", "hostIPC", "initContainers"} & set(spec))

    def test_no_more_of_the_node_is_mounted_than_is_needed(self):
        for spec in (pod(), pod(STANDBY)):
            paths = {v["hostPath"]["path"] for v in spec["volumes"] if "hostPath" in v}
            self.assertEqual(paths, {"/var/lib/weave", "/opt/cni/bin", "/etc/cni/net.d",
                                     "/run/netns", "/dev/net", "/run/xtables.lock",
                                     "/proc/sys/net"})
            mounted = {m["name"] for m in spec["containers"][0]["volumeMounts"]}
            self.assertEqual(mounted, {v["name"] for v in spec["volumes"]})

    def test_roles_name_what_they_are_for(self):
        roles = {(part["kind"], part["metadata"]["name"]): part["rules"] for part in manifest()
                 if part["kind"] in ("ClusterRole", "Role")}
        self.assertEqual(set(roles), {("ClusterRole", "weave-net"), ("Role", "weave-net"),
                                      ("ClusterRole", "weave-net-until-moved")})
        for (kind, _), rules in roles.items():
            for rule in rules:
                self.assertNotIn("*", rule["apiGroups"] + rule["resources"] + rule["verbs"])
                self.assertNotIn("delete", rule["verbs"])
                if kind == "ClusterRole":
                    self.assertNotIn("secrets", rule["resources"])

    def test_what_only_weaves_nodes_need_can_be_left_out(self):
        extra = [part for part in manifest() if part["metadata"]["name"] == "weave-net-until-moved"]
        self.assertEqual(extra[0]["rules"], [{"apiGroups": [""],
                                              "resources": ["pods", "namespaces"],
                                              "verbs": ["get", "list", "watch"]}])
        self.assertEqual([part["kind"] for part in extra], ["ClusterRole", "ClusterRoleBinding"])
        left = [part for part in manifest() if part not in extra]
        self.assertEqual(chart(with_value("moveFromWeave", False)), left)

    def test_nobody_else_s_secret_can_be_read_and_none_be_made(self):
        rules = [r for r in one("Role")["rules"] if "secrets" in r["resources"]]
        self.assertEqual([(r["resourceNames"], r["verbs"]) for r in rules],
                         [(["weave-passwd"], ["get", "update"])])

    def test_applying_again_leaves_what_was_put_into_configmap_lease_and_secret(self):
        for kind in ("ConfigMap", "Lease", "Secret"):
            self.assertFalse({"data", "stringData", "binaryData", "spec"} & set(one(kind)))
            self.assertNotIn("annotations", one(kind)["metadata"])

    def test_the_uninstaller_has_no_account_and_less_than_what_it_takes_away(self):
        (leaving,) = documents(read(f"{HERE}/weave-uninstall-k8s.yaml"))
        spec = leaving["spec"]["template"]["spec"]
        self.assertFalse(spec["automountServiceAccountToken"])
        self.assertNotIn("serviceAccountName", spec)
        paths = {v["hostPath"]["path"] for v in spec["volumes"]}
        self.assertEqual(paths, {"/var/lib/weave", "/opt/cni/bin", "/etc/cni/net.d",
                                 "/run/xtables.lock"})
        for container in spec["initContainers"] + spec["containers"]:
            self.assertEqual(container["image"], pod()["containers"][0]["image"])
            self.assertEqual(container["securityContext"]["capabilities"],
                             {"drop": ["ALL"], "add": ["NET_ADMIN", "NET_RAW"]})

    def test_probes_ask_this_node_alone_where_it_answers(self):
        for (container,) in (pod()["containers"], pod(STANDBY)["containers"]):
            env = {e["name"]: e.get("value", "") for e in container["env"]}
            port = int(env["WEFT_KUBE_STATUS_ADDR"].rpartition(":")[2])
            for probe in ("livenessProbe", "readinessProbe"):
                asked = container[probe]["httpGet"]
                self.assertEqual((asked["host"], asked["port"]), ("127.0.0.1", port))


if __name__ == "__main__":
    unittest.main()
