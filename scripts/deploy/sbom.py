# SPDX-License-Identifier: Apache-2.0
"""A bill of materials in SPDX 2.3 JSON, from what dpkg knows: the packages in an image, and those
that were compiled or linked into our programs."""
import datetime
import hashlib
import re
import subprocess

FIELDS = ("Package", "Version", "Architecture", "Maintainer", "Homepage", "Source")


def installed(names):
    """What dpkg knows of installed packages, a dict of fields for each."""
    pattern = "\\t".join("${%s}" % field for field in FIELDS) + "\\n"
    text = subprocess.run(["dpkg-query", "-W", "-f", pattern, *names], capture_output=True,
                          text=True, check=True).stdout
    return [dict(zip(FIELDS, line.split("\t"))) for line in text.splitlines()]


def of_archive(path):
    """The same of a .deb file, with its checksum."""
    text = subprocess.run(["dpkg-deb", "-f", path, *FIELDS], capture_output=True, text=True,
                          check=True).stdout
    fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", text, re.MULTILINE))
    with open(path, "rb") as file:
        return {**{field: "" for field in FIELDS}, **fields,
                "sha256": hashlib.sha256(file.read()).hexdigest()}


def _reference(package):
    return "SPDXRef-deb-" + re.sub(r"[^A-Za-z0-9.-]", "-",
                                   f"{package['Package']}-{package['Architecture']}")


def _entry(package):
    """An SPDX package. Its licence is in the image, /usr/share/doc/<package>/copyright."""
    name, version, machine = package["Package"], package["Version"], package["Architecture"]
    locator = f"pkg:deb/debian/{name}@{version.replace('+', '%2B').replace(':', '%3A')}"
    out = {"SPDXID": _reference(package), "name": name, "versionInfo": version,
           "supplier": f"Organization: {package['Maintainer']}",
           "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
           "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION",
           "copyrightText": "NOASSERTION",
           "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                             "referenceLocator": f"{locator}?arch={machine}&distro=debian-12"}]}
    if package["Homepage"]:
        out["homepage"] = package["Homepage"]
    if package["Source"]:
        out["sourceInfo"] = f"built from Debian's source package {package['Source']}"
    if package.get("sha256"):
        out["checksums"] = [{"algorithm": "SHA256", "checksumValue": package["sha256"]}]
    return out


def document(name, version, contained, built_with, created):
    """`contained` and `built_with`: packages as above. `created`: seconds since 1970."""
    ours = {"SPDXID": "SPDXRef-weft", "name": name, "versionInfo": version,
            "supplier": "NOASSERTION", "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
            "licenseConcluded": "Apache-2.0", "licenseDeclared": "Apache-2.0",
            "copyrightText": "NOASSERTION", "primaryPackagePurpose": "CONTAINER"}
    known = {_reference(p) for p in contained}
    built_with = [p for p in built_with if _reference(p) not in known]
    entries = [ours] + [_entry(p) for p in contained + built_with]
    digest = hashlib.sha256(repr(entries).encode()).hexdigest()
    links = [("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-weft")]
    links += [("SPDXRef-weft", "CONTAINS", _reference(p)) for p in contained]
    links += [(_reference(p), "BUILD_DEPENDENCY_OF", "SPDXRef-weft") for p in built_with]
    when = datetime.datetime.fromtimestamp(created, datetime.timezone.utc)
    return {"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
            "name": f"{name}-{version}",
            "documentNamespace": f"https://spdx.org/spdxdocs/{name}-{version}-{digest[:32]}",
            "creationInfo": {"created": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
                             "creators": ["Tool: scripts/deploy/image"]},
            "packages": entries,
            "relationships": [{"spdxElementId": one, "relationshipType": kind,
                               "relatedSpdxElement": other} for one, kind, other in links]}
