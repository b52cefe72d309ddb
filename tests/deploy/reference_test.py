#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The reference pages and the sources say the same of variables, endpoints, error codes and rights,
both ways; and nothing that Weave had goes without a word. (Flags of
weaver and weave-kube, and metrics, are asked of the programs by tests/netns/reference_test.py.)"""
import json
import os
import re
import subprocess
import sys
import unittest

import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, f"{ROOT}/tests/netns")
from kube_rbac import MANIFEST, Rights, rights_of  # noqa: E402  (the path comes first)

import weaves  # noqa: E402

BIN = os.environ.get("WEFT_BIN", f"{ROOT}/build/bin")
NAME = r"[A-Z][A-Z0-9_]+[A-Z0-9]"
# Words of others, in docs/troubleshooting.md.
OTHERS = {"--field-selector", "ContainerCreating", "NotReady"}


def read(path):
    with open(f"{ROOT}/{path}", encoding="utf-8") as file:
        return file.read()


def section(page, title):
    """The part of a page under a heading, up to the next one of its rank."""
    found = re.search(rf"^#+ {re.escape(title)}$(.*?)(?=^#{{1,2}} |\Z)", read(page),
                      re.MULTILINE | re.DOTALL)
    assert found, f"{page} has no section '{title}'"
    return found[1]


def first_cells(text):
    return [line.split("|")[1] for line in text.splitlines() if line.startswith("| ")]


def spans(text):
    """What stands between backquotes in the first column of the tables."""
    return [span for cell in first_cells(text) for span in re.findall(r"`([^`]+)`", cell)]


def named(path, *patterns):
    """The first group of every match in a source."""
    text = read(path)
    return {name for pattern in patterns for name in re.findall(pattern, text)}


class Variables(unittest.TestCase):
    def setUp(self):
        core = read("plugin/kube/core/launch_environment.cc")
        allow = re.search(rf'kAllowUnenforced = "({NAME})"', read("plugin/kube/core/takeover.h"))[1]
        core = core.replace(" kAllowUnenforced,", f' "{allow}",')
        self.replaced, self.listed = (set(re.findall(rf'"({NAME})"', re.search(
            rf" {name}\{{(.*?)\}};", core, re.DOTALL)[1])) for name in ("kReplaced", "kRead"))
        self.core = named("plugin/kube/core/launch_environment.cc",
                          rf'(?:text|read_number)\("({NAME})"') | {allow}
        self.agent = named("plugin/kube/agent/options.cc", rf'take\(left, "({NAME})"')
        self.cluster = named("plugin/kube/client/cluster.cc", rf'environ\("({NAME})"')

    def test_what_weave_kube_reads_is_not_warned_of(self):
        ours = {name for name in self.core | self.agent if not name.startswith("POD_")}
        self.assertEqual(ours, self.listed)

    def test_weave_kube_has_each_on_its_page(self):
        documented = set(spans(section("docs/reference/weave-kube.md", "Variables")))
        self.assertTrue(self.cluster and self.agent)
        self.assertEqual((self.core | self.agent | self.cluster) - {"EXPECT_NPC"}, documented)

    def test_those_without_a_meaning_are_on_its_page_with_a_reason(self):
        page = section("docs/reference/weave-kube.md",
                       "Variables of Weave's without a meaning here")
        self.assertEqual(self.replaced | {"EXPECT_NPC"}, set(spans(page)))
        for line in page.splitlines():
            if line.startswith("| `"):
                self.assertGreater(len(line.split("|")[2].strip()), 10, line)

    def test_every_one_of_weaves_is_read_or_answered(self):
        self.assertEqual(set(weaves.VARIABLES) - self.core - self.replaced, set())

    def test_the_manifest_sets_only_what_is_read(self):
        pods = [part["spec"]["template"]["spec"]
                for part in yaml.safe_load_all(read(os.path.relpath(MANIFEST, ROOT)))
                if part and part["kind"] == "DaemonSet"]
        names = {entry["name"] for pod in pods for entry in pod["containers"][0]["env"]}
        self.assertLessEqual(names, self.core | self.agent | self.cluster)

    def test_weave_has_each_on_its_page(self):
        read_here = set()
        for name in os.listdir(f"{ROOT}/router/cli"):
            if name.endswith(".cc"):
                read_here |= named(f"router/cli/{name}", rf'variable(?:_or)?\("({NAME})"')
        self.assertEqual(read_here, set(spans(section("docs/cli.md", "Environment"))))

    def test_weaver_has_each_on_its_page(self):
        read_here = (named("router/daemon/main.cc", rf'getenv\("({NAME})"')
                     | named("router/io/service_manager.cc", rf'\("((?:NOTIFY|WATCHDOG)_{NAME})"'))
        self.assertEqual(read_here,
                         set(spans(section("docs/reference/weaver.md", "Environment"))))

    def test_the_plugin_has_each_on_its_page(self):
        read_here = named("plugin/cni/plugin.cc", rf'variable\("({NAME})"')
        documented = set(re.findall(rf"`({NAME})`", section("docs/cni.md", "Environment")))
        self.assertEqual(read_here, documented)


def endpoint(method, path):
    return f"{method} " + re.sub(r"\{[a-z]*\}", "{}", path)


class Endpoints(unittest.TestCase):
    def setUp(self):
        served = set()
        for name in ("api.cc", "api_ipam.cc", "api_status.cc"):
            text = read(f"router/daemon/{name}")
            table = re.search(r"constexpr std::array kRoutes\{(.*?)^\};", text,
                              re.MULTILINE | re.DOTALL)[1]
            served |= {endpoint(*found) for found in re.findall(
                r'(?:change|ipam_change)\("([A-Z]+)", "([^"]+)"', table)}
            served |= {endpoint("GET", found) for found in re.findall(
                r'(?:\bread|ipam_read)\("([^"]+)"', table)}
            served |= {endpoint(*found) for found in re.findall(
                r'\.method = "([A-Z]+)",\s*\.pattern = "([^"]+)"', table)}
            # Each row of the table was understood.
            rows = len(re.findall(r"(?:Route\{|read\(|change\()", table))
            self.assertEqual(rows, len(re.findall(r'"/', table)))
        self.served = served

    def documented(self):
        out = set()
        page = read("docs/reference/http-api.md").split("## Weave's that are not there")[0]
        for cell in first_cells(page):
            method = ""
            for span in re.findall(r"`([^`]+)`", cell):
                method, path = span.split() if " " in span else (method, span)
                if path.startswith("/") and "…" not in path:
                    out.add(endpoint(method, path.split("?")[0]))
        return out

    def test_weaver_serves_what_its_page_says(self):
        self.assertEqual(self.served, self.documented())

    def test_every_one_of_weaves_is_served_or_its_absence_told(self):
        page = section("docs/reference/http-api.md", "Weave's that are not there")
        for wanted in weaves.ENDPOINTS:
            path = wanted.split()[1].split("/{}")[0]
            self.assertTrue(wanted in self.served or path in page, wanted)

    def test_weave_kubes_pages_are_on_its_page(self):
        served = named("plugin/kube/agent/status_server.cc", r'request\.path == "(/\w+)"')
        self.assertEqual(served, set(spans(section("docs/reference/weave-kube.md", "Pages")))
                         - {span for span in spans(section("docs/reference/weave-kube.md", "Pages"))
                            if not span.startswith("/")})

    def test_every_metric_of_weaves_is_on_the_page(self):
        page = read("docs/reference/metrics.md")
        self.assertEqual([name for name in weaves.METRICS if f"`{name}`" not in page], [])


class Programs(unittest.TestCase):
    def test_weave_has_the_flags_that_are_on_its_page(self):
        def helped(*words):
            return subprocess.run([f"{BIN}/weave", *words], capture_output=True, text=True,
                                  check=True).stdout
        commands = set(re.findall(r"^  ([a-z][a-z-]*) {2,}\S", helped("help"), re.MULTILINE))
        self.assertGreater(len(commands), 15)
        text = helped("help") + helped("ipam", "check", "--help") + "".join(
            helped("help", command) for command in commands - {"help"})
        program = set(re.findall(r"^  (?:-\w,)?(--[a-z][a-z-]*)", text, re.MULTILINE))
        page = set(re.findall(r"(?<![\w-])(--[a-z][a-z-]*)", read("docs/cli.md")))
        self.assertEqual(program - page, set())
        weavers = set(re.findall(r"`(--[a-z-]+)`", read("docs/reference/weaver.md")))
        self.assertEqual(page - program - weavers, set())

    def test_every_flag_and_command_of_weaves_is_on_a_page(self):
        flags = set(re.findall(r"--([a-z][a-z0-9-]*)", read("docs/reference/weaver.md")))
        self.assertEqual(set(weaves.FLAGS) - flags, set())
        commands = set(re.findall(r"[a-z][a-z-]*", " ".join(
            re.findall(r"`([^`]+)`", read("docs/cli.md")))))
        self.assertEqual(set(weaves.COMMANDS) - commands, set())

    def test_the_plugins_configuration_has_the_fields_that_are_on_its_page(self):
        source = read("plugin/cni/core/config.cc")
        plain = re.search(r"void read_plain_fields\(\) \{(.*?)\n  \}", source, re.DOTALL)[1]
        fields = set(re.findall(r'"([a-z]\w*)"', plain))
        own = re.search(r"void read_ipam\(.*?\n  \}", source, re.DOTALL)[0]
        fields |= {f"ipam.{name}" for name in re.findall(
            r'(?:fields\.\w+\(|ip\(fields, )"(\w+)"', own)}
        documented = set(spans(section("docs/cni.md", "Configuration")))
        self.assertEqual(fields | {"cniVersion", "dns"}, documented)


class Words(unittest.TestCase):
    """What an operator is told to look for is there."""

    def test_the_events_of_the_page_are_those_that_are_sent(self):
        folder = "plugin/kube/agent"
        sent = {name for file in os.listdir(f"{ROOT}/{folder}") if file.endswith(".cc")
                for name in named(f"{folder}/{file}", r'"((?:[A-Z][a-z]+){2,})"')}
        sent |= {name for file in ("seed.cc", "reclaim.cc")
                 for name in named(f"plugin/kube/core/{file}", r'(?:Tell\{|warn\()"(\w+)"')}
        page = read("docs/reference/weave-kube.md").split("| Event |")[1]
        self.assertEqual(sent, set(spans(page)))

    def test_troubleshooting_names_metrics_flags_variables_and_events_that_there_are(self):
        reference = "".join(read(f"docs/{name}") for name in (
            "reference/metrics.md", "reference/weave-kube.md", "reference/weaver.md", "cli.md"))
        known = set(re.findall(r"[\w-]+", reference))
        page = read("docs/troubleshooting.md")
        for pattern in (r"\b(?:weft|weave|process)_\w+", r"(?<![\w-])--[a-z][a-z-]+",
                        r"\b[A-Z]+(?:_[A-Z]+)+\b", r"`((?:[A-Z][a-z]+){2,})`"):
            words = set(re.findall(pattern, " ".join(re.findall(r"`[^`]+`", page))))
            self.assertTrue(words, pattern)
            self.assertEqual(words - known - OTHERS, set(), pattern)

    def test_what_troubleshooting_quotes_of_the_log_is_said(self):
        sources = " ".join(re.sub(r'"\s*"', "", read(path)) for path in (
            "router/daemon/rules_keeper.cc", "router/daemon/host_network.cc",
            "plugin/kube/core/troubles.h"))
        page = read("docs/troubleshooting.md")
        for words in ("our table was gone", "set the accepts for ", "overlaps the host's route",
                      "adopted ", "weave-kube: "):
            self.assertIn(words, page)
            self.assertIn(words, sources)


class Codes(unittest.TestCase):
    def test_the_plugins_error_codes_are_on_its_page(self):
        enum = re.search(r"enum class FaultCode : unsigned \{(.*?)\};",
                         read("plugin/cni/core/fault.h"), re.DOTALL)[1]
        codes = {int(code) for code in re.findall(r"^\s*\w+ = (\d+)", enum, re.MULTILINE)}
        rows = {int(cell) for cell in first_cells(section("docs/cni.md", "Errors"))
                if cell.strip().isdigit()}
        self.assertGreater(len(codes), 10)
        self.assertEqual(codes, rows)

    def test_the_commands_exit_codes_are_on_their_page(self):
        enum = re.search(r"enum class ExitCode[^{]*\{(.*?)\};", read("router/cli/context.h"),
                         re.DOTALL)[1]
        codes = {int(code) for code in re.findall(r"= (\d+)", enum)}
        rows = {int(cell) for cell in first_cells(section("docs/cli.md", "Exit codes"))
                if cell.strip().isdigit()}
        self.assertEqual(codes, rows)


class Configuration(unittest.TestCase):
    def test_the_configuration_that_is_shipped_is_that_of_the_page(self):
        page = re.search(r"^```json\n(.*?)^```", read("docs/cni.md"), re.MULTILINE | re.DOTALL)[1]
        shipped = json.loads(read("scripts/deploy/systemd/10-weave.conflist"))
        self.assertEqual(shipped, json.loads(page))
        self.assertEqual(shipped["plugins"][0]["capabilities"],
                         {"mac": True, "ips": True, "dns": True})


class Roles(unittest.TestCase):
    def test_the_scripted_api_server_reads_them_as_a_real_one(self):
        rights = Rights()

        def allowed(method, kind, ns="", name="", group="", status="", watch=False):
            return rights.allow(method, {"kind": kind, "ns": ns, "name": name, "group": group,
                                         "status": status}, watch)
        ours = {"ns": "kube-system", "name": "weave-net"}
        self.assertTrue(allowed("GET", "configmaps", **ours))
        self.assertFalse(allowed("GET", "configmaps", ns="kube-system"), "list is another verb")
        self.assertFalse(allowed("GET", "configmaps", ns="kube-system", name="other"))
        self.assertFalse(allowed("GET", "configmaps", ns="default", name="weave-net"))
        self.assertFalse(allowed("PATCH", "configmaps", **ours))
        self.assertFalse(allowed("PUT", "leases", **ours), "of another group")
        self.assertTrue(allowed("PUT", "leases", group="coordination.k8s.io", **ours))
        self.assertTrue(allowed("POST", "events", ns="default"), "of a cluster's role")
        self.assertFalse(allowed("GET", "nodes", status="/status", name="n1"))
        self.assertTrue(allowed("PATCH", "nodes", status="/status", name="n1"))
        self.assertFalse(allowed("PATCH", "nodes", name="n1"))
        self.assertFalse(allowed("GET", "pods"), "they are for Weave's nodes")
        self.assertTrue(allowed("GET", "nodes", watch=True))
        self.assertIn("list nodes", rights.unused())
        self.assertNotIn("watch nodes", rights.unused())
        self.assertEqual(len(rights.refused), 8)

    def test_the_page_has_the_verbs_that_the_manifest_grants(self):
        """That weave-kube uses each, and needs no other, is what tests/netns/kube_test.py finds."""
        granted = {}
        for right in rights_of([part for part in yaml.safe_load_all(
                read(os.path.relpath(MANIFEST, ROOT))) if part]):
            granted.setdefault(right.resource, set()).add(right.verb)
        rows = [line.split("|") for line in section("docs/kubernetes.md", "What it may do")
                .splitlines() if line.startswith("| API: ")]
        documented = {resource: set(re.findall(r"[a-z]+", row[2].split(":")[0]))
                      for row in rows for resource in re.findall(r"`([a-z/]+)`", row[1])}
        self.assertEqual(granted, documented)


if __name__ == "__main__":
    unittest.main()
