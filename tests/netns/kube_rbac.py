# SPDX-License-Identifier: Apache-2.0
"""What the manifest's roles let weave-kube do at the API server, and what of that it ever did: the
scripted server refuses the rest, so no right is missing and none is too many."""
import dataclasses
import os

import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MANIFEST = f"{ROOT}/scripts/deploy/kubernetes/weave-daemonset-k8s.yaml"
ACCOUNT = {"kind": "ServiceAccount", "name": "weave-net", "namespace": "kube-system"}
# Of nodes that Weave still runs, under the same account.
NOT_OURS = "weave-net-until-moved"
VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclasses.dataclass(frozen=True, order=True)
class Right:
    """One verb on one kind of objects; namespace and name "": all of them."""
    group: str
    resource: str
    verb: str
    namespace: str = ""
    name: str = ""

    def __str__(self):
        return f"{self.verb} {self.resource}" + (f" {self.name}" if self.name else "")


def rights_of(documents):
    """All that is granted to weave-net's service account, rule by rule."""
    roles = {(part["kind"], part["metadata"]["name"]): part["rules"] for part in documents
             if part["kind"] in ("Role", "ClusterRole")}
    out = set()
    for binding in documents:
        if binding["kind"] not in ("RoleBinding", "ClusterRoleBinding"):
            continue
        ref = binding["roleRef"]
        if ACCOUNT not in binding["subjects"] or ref["name"] == NOT_OURS:
            continue
        namespace = binding["metadata"].get("namespace", "")
        out |= {Right(group, resource, verb, namespace, name)
                for rule in roles[ref["kind"], ref["name"]]
                for group in rule["apiGroups"] for resource in rule["resources"]
                for verb in rule["verbs"] for name in rule.get("resourceNames", [""])}
    return out


class Rights:
    """The rights of the manifest; remembers which were used and what was asked beyond them."""

    def __init__(self):
        with open(MANIFEST, encoding="utf-8") as file:
            self.granted = rights_of([part for part in yaml.safe_load_all(file) if part])
        self.used = set()
        self.refused = set()

    def allow(self, method, found, watch):
        """Whether a request is let through; `found` is the match of kube_api.PATH."""
        verb = VERBS[method]
        if verb == "get" and not found["name"]:
            verb = "watch" if watch else "list"
        resource = found["kind"] + (found["status"] or "")
        wanted = Right(found["group"] or "", resource, verb, found["ns"] or "",
                       found["name"] or "")
        fitting = {right for right in self.granted if _covers(right, wanted)}
        self.used |= fitting
        if not fitting:
            self.refused.add(wanted)
        return bool(fitting)

    def unused(self):
        return {str(right) for right in self.granted - self.used}


def _covers(right, wanted):
    return ((right.group, right.resource, right.verb)
            == (wanted.group, wanted.resource, wanted.verb)
            and right.namespace in ("", wanted.namespace) and right.name in ("", wanted.name))
