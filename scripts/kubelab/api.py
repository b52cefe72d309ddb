# SPDX-License-Identifier: Apache-2.0
"""The cluster's API as its administrator uses it, without a process for each request."""
import http.client
import json
import ssl

from netlab import netns

from .control_plane import PORT


class ApiError(Exception):
    def __init__(self, status, text):
        super().__init__(f"{status}: {text.strip()[:500]}")
        self.status = status


class Api:
    def __init__(self, plane):
        self._ns = plane.ns
        self._address = plane.address
        pki = plane.authority
        self._context = ssl.create_default_context(cafile=pki.ca)
        self._context.load_cert_chain(pki.certificate("admin"), pki.key("admin"))

    def call(self, method, path, body=None, kind="application/json", timeout=15):
        """The answer, decoded; ApiError unless it is a 2xx, OSError when nobody answers."""
        def ask():
            connection = http.client.HTTPSConnection(self._address, PORT, timeout=timeout,
                                                     context=self._context)
            try:
                text = None if body is None else json.dumps(body)
                connection.request(method, path, text, {"Content-Type": kind})
                answer = connection.getresponse()
                return answer.status, answer.read().decode()
            except http.client.HTTPException as error:
                raise ConnectionError(str(error)) from error
            finally:
                connection.close()

        status, text = netns.inside(self._ns, ask)
        if not 200 <= status < 300:
            raise ApiError(status, text)
        return json.loads(text)

    def get(self, path):
        return self.call("GET", path)

    def items(self, path):
        return self.get(path)["items"]

    def nodes_ready(self):
        """Names of the nodes whose condition Ready is true."""
        return sorted(node["metadata"]["name"] for node in self.items("/api/v1/nodes")
                      if condition(node, "Ready") == "True")

    def pods(self, namespace, selector=""):
        query = f"?labelSelector={selector}" if selector else ""
        return self.items(f"/api/v1/namespaces/{namespace}/pods{query}")


def condition(thing, kind):
    """Status of a condition of a node or a pod: "True", "False", "Unknown" or None."""
    for entry in thing.get("status", {}).get("conditions", []):
        if entry["type"] == kind:
            return entry["status"]
    return None
