# SPDX-License-Identifier: Apache-2.0
"""The build configurations. Each is a meson folder under build/, set up once and built once."""
import dataclasses
import json
import os
import subprocess
import time

from .tally import ROOT

JOBS = os.environ.get("WEFT_JOBS", str(os.cpu_count() or 1))
SANITIZED = ("--buildtype=debug",)
# Precompiled headers are no reason to compile again what another folder has compiled, nor is
# another clone.
os.environ["CCACHE_NOHASHDIR"] = "true"
os.environ["CCACHE_SLOPPINESS"] = "pch_defines,time_macros,include_file_mtime,include_file_ctime"


@dataclasses.dataclass(frozen=True)
class Config:
    name: str
    compiler: str
    options: tuple

    @property
    def folder(self):
        return f"{ROOT}/build/{self.name}"


# Checks of each single pointer are a third of the compiler's work, and the address sanitizer sees
# most of what they would; the clang build has them all.
ASAN = Config("asan", "g++", (*SANITIZED, "-Db_sanitize=address,undefined",
                              "-Dcpp_args=-fno-sanitize=null,alignment,vptr"))
# clang's precompiled headers name the clone they were made in, and save it nothing: without them
# what one clone has compiled serves the next.
CLANG = ("-Db_pch=false",)
FUZZ = Config("fuzz", "clang++-14",
              (*SANITIZED, *CLANG, "-Doptimization=1", "-Db_sanitize=address,undefined",
               "-Db_lundef=false", "-Dfuzz=true"))
CLANG_ASAN = Config("clang-asan", "clang++-14",
                    (*SANITIZED, *CLANG, "-Db_sanitize=address,undefined", "-Db_lundef=false"))
GCC_RELEASE = Config("gcc-release", "g++", ("--buildtype=release",))
CLANG_RELEASE = Config("clang-release", "clang++-14", ("--buildtype=release", *CLANG))
BENCH = Config("bench", "g++", ("--buildtype=release", "-Dbench=true"))
TSAN = Config("tsan", "g++", (*SANITIZED, "-Db_sanitize=thread"))


class BuildFailed(Exception):
    """Holds the end of what the compiler said."""


def configure(config):
    if os.path.exists(f"{config.folder}/build.ninja"):
        return
    _run(["meson", "setup", config.folder, ROOT, *config.options],
         dict(os.environ, CXX=f"ccache {config.compiler}"))


def build(config, targets=()):
    """Builds everything, or only some targets (paths inside the build folder)."""
    start = time.monotonic()
    configure(config)
    _run(["ninja", "-C", config.folder, "-j", JOBS, *targets])
    print(f"{'build':7}{config.name:14}{'':48}{time.monotonic() - start:7.1f} s", flush=True)


def executables(config):
    """Name → path inside the build folder, of every executable the configuration can build."""
    configure(config)
    _run(["ninja", "-C", config.folder, "build.ninja"])  # a target may have been added
    text = subprocess.run(["meson", "introspect", "--targets", config.folder], check=True,
                          capture_output=True, text=True).stdout
    return {target["name"]: os.path.relpath(target["filename"][0], config.folder)
            for target in json.loads(text) if target["type"] == "executable"}


def _run(argv, env=None):
    done = subprocess.run(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace")
    if done.returncode != 0:
        raise BuildFailed(done.stdout)
