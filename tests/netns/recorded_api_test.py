#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the real Weave answered to requests about addresses (tests/golden/http-api), asked of a real
weaver, one after the other: the addresses, the refusals and their words are those. The unit tests
compare the API alone, with a stand-in for the allocator."""
import glob
import http.client
import json
import re

from harness import ROOT, check, main, netns, running, state

REQUEST = re.compile(r"^### host1  (\S+) (\S+)  \[curl: (.*)\]$", re.MULTILINE)


def exchanges(path):
    """(method, target, form, status, content type, body) of each that was answered."""
    with open(path, newline="") as file:
        text = file.read().replace("\r\n", "\n")
    found = [*REQUEST.finditer(text)]
    for this, following in zip(found, [*found[1:], None]):
        answer = text[this.end() + 1:following.start() if following else len(text)]
        head, _, body = answer.partition("\n\n")
        fields = dict(line.split(": ", 1) for line in head.splitlines()[1:])
        form = "&".join(re.findall(r"-d (\S+)", this[3]))
        yield (this[1], this[2], form, int(head.split()[1]), fields.get("Content-Type"),
               body[:int(fields.get("Content-Length", 0))])


def ask(host, method, target, form):
    def work():
        connection = http.client.HTTPConnection(host.record["http"], timeout=10)
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
        connection.request(method, target, form or None, headers)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type"), answer.read().decode()
    return netns.inside(host.ns, work)


def unordered(target, body):
    """Owners are told in random order by Weave."""
    if target != "/ip" or not body.startswith("{"):
        return body
    return sorted(json.loads(body)["owned"], key=lambda owner: owner["containerid"])


def addresses():
    with running("--hosts", "1", "--no-password", "--no-pods"):
        host = state().host("h1")
        files = sorted(glob.glob(f"{ROOT}/tests/golden/http-api/0[1-5]-*.txt"))
        check("api: there are recorded requests about addresses", len(files) == 5, files)
        for path in files:
            wrong = []
            for method, target, form, status, kind, body in exchanges(path):
                got = ask(host, method, target, form)
                if (*got[:2], unordered(target, got[2])) != (status, kind,
                                                             unordered(target, body)):
                    wrong.append(f"{method} {target}: {got}, Weave: {(status, kind, body)}")
            check(f"api: {path.rsplit('/', 1)[1]}: each answer is Weave's", not wrong, wrong)


main(addresses)
