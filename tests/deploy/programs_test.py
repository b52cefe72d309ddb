#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What comes with the programs on a bare host: man pages, completion, options file, unit."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("WEFT_BIN", f"{ROOT}/build/bin")
SYSTEMD = f"{ROOT}/scripts/deploy/systemd"
FLAG = re.compile(r"(?<![\w-])(--[a-z][a-z0-9-]*)")
# Of weaver's flags those that are no options of a file.
NOT_IN_FILE = {"--config", "--help", "--version", "--print-peer-name"}


def output(*argv, **more):
    return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=True, **more).stdout


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def weaver_flags():
    return set(FLAG.findall(output(f"{BIN}/weaver", "--help")))


def weave_commands():
    """Rows of the help: two blanks, a name, its summary."""
    return set(re.findall(r"^  ([a-z][a-z-]*) {2,}\S", output(f"{BIN}/weave", "help"),
                          re.MULTILINE))


class ManPages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        subprocess.run([f"{ROOT}/scripts/deploy/man/make", cls.folder], check=True)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def shown(self, page):
        """As man shows it, unbroken; it must have nothing to complain of."""
        done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", f"{self.folder}/{page}"],
                              env=dict(os.environ, LC_ALL="C.UTF-8", MANWIDTH="1000"),
                              capture_output=True, text=True, check=True)
        self.assertEqual(done.stderr, "", page)
        return done.stdout

    def test_pages_have_no_warnings_and_the_parts_of_a_page(self):
        for page in ("weaver.8", "weave.1", "weave-cni.8", "weaver.conf.5"):
            text = self.shown(page)
            for part in ("NAME", "SYNOPSIS", "DESCRIPTION", "SEE ALSO"):
                self.assertIn(f"\n{part}\n", text, page)
            self.assertNotIn("`", text, page)
            self.assertNotIn("**", text, page)

    def test_weaver_8_has_every_flag(self):
        self.assertEqual(weaver_flags() - set(FLAG.findall(self.shown("weaver.8"))), set())

    def test_weave_1_has_every_command(self):
        text = self.shown("weave.1")
        missing = {name for name in weave_commands() - {"help"} if f"weave {name}" not in text}
        self.assertEqual(missing, set())

    def test_weaver_conf_5_has_every_option(self):
        text = self.shown("weaver.conf.5")
        for flag in weaver_flags() - NOT_IN_FILE:
            if f"\n#{flag[2:]} = " in read(f"{SYSTEMD}/weaver.conf"):
                self.assertIn(f"{flag[2:]} = ", text)


class OptionsFile(unittest.TestCase):
    def test_every_option_in_it_is_one_that_weaver_understands(self):
        text = re.sub(r"^#([a-z-]+ = )", r"\1", read(f"{SYSTEMD}/weaver.conf"), flags=re.MULTILINE)
        # These cannot be set together with others.
        text = re.sub(r"^(resume|password-file|db-prefix) = .*$", "", text, flags=re.MULTILINE)
        with tempfile.TemporaryDirectory() as folder:
            with open(f"{folder}/weaver.conf", "w", encoding="utf-8") as file:
                file.write(text + f'\ndb-prefix = "{folder}/w"\n')
            name = output(f"{BIN}/weaver", f"--config={folder}/weaver.conf", "--print-peer-name")
            self.assertRegex(name, r"^([0-9a-f]{2}:){5}[0-9a-f]{2}\n$")

    def test_one_that_it_does_not_know_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(f"{folder}/weaver.conf", "w", encoding="utf-8") as file:
                file.write("no-such-option = 1\n")
            done = subprocess.run([f"{BIN}/weaver", f"--config={folder}/weaver.conf",
                                   "--print-peer-name"], capture_output=True, check=False)
            self.assertEqual(done.returncode, 2)


class Launch(unittest.TestCase):
    def test_help_is_that_of_weaver_and_starts_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            environment = dict(os.environ, WEFT_RUN_DIR=folder, WEFT_LOG_DIR=folder)
            for flag in ("--help", "-h"):
                said = output(f"{BIN}/weave", "launch", flag, env=environment)
                self.assertIn("usage: weave launch", said)
                self.assertIn("--ipalloc-range", said)
            self.assertEqual(os.listdir(folder), [])


class Completion(unittest.TestCase):
    def script(self, shell):
        return output(f"{BIN}/weave", "completion", shell)

    def bash(self, *words):
        """What bash offers for the last of the words, by its own completion machinery."""
        line = " ".join(words)
        text = self.script("bash") + (
            f"\nCOMP_LINE='{line}' COMP_POINT={len(line)} COMP_CWORD={len(words) - 1}\n"
            "COMP_WORDS=(" + " ".join(f"'{word}'" for word in words) + ")\n"
            "function=$(complete -p weave | sed 's/.*-F \\([^ ]*\\) .*/\\1/')\n"
            "$function weave\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n")
        return set(output("bash", "-u", "-c", text).split())

    def test_bash_completes_commands_views_options_and_values(self):
        self.assertLessEqual(weave_commands(), self.bash("weave", ""))
        self.assertEqual(self.bash("weave", "stat"), {"status"})
        self.assertEqual(self.bash("weave", "status", "pe"), {"peers"})
        self.assertEqual(self.bash("weave", "-o", ""), {"text", "json", "yaml"})
        self.assertEqual(self.bash("weave", "-o", "json", "status", "con"), {"connections"})
        self.assertEqual(self.bash("weave", "--http-addr", "status", "ipam", "check", "--fi"),
                         {"--fix"})
        self.assertEqual(self.bash("weave", "reset", "--for"), {"--force"})
        self.assertEqual(self.bash("weave", "nonsense", "zzz"), set())

    @unittest.skipUnless(shutil.which("fish"), "needs fish")
    def test_fish_completes_them_too(self):
        with tempfile.TemporaryDirectory() as home:
            def fish(line):
                said = output("fish", "--no-config", "-c",
                              self.script("fish") + f"\ncomplete -C '{line}'",
                              env=dict(os.environ, HOME=home))
                return {row.split("\t")[0] for row in said.splitlines()}
            self.assertEqual(fish("weave stat"), {"status"})
            self.assertEqual(fish("weave status pe"), {"peers"})
            self.assertEqual(fish("weave ipam check --fi"), {"--fix"})
            self.assertLessEqual(weave_commands(), fish("weave "))

    @unittest.skipUnless(shutil.which("zsh"), "needs zsh")
    def test_zsh_takes_the_script(self):
        text = self.script("zsh")
        subprocess.run(["zsh", "-n"], input=text, text=True, check=True)
        # The function with zsh's own means replaced by ones that print.
        said = output("zsh", "-f", "-c", "compdef() { :; }; _describe() { print -l -- $offered; }\n"
                      + text + "\nwords=(weave status pe); CURRENT=3; _weave")
        self.assertIn("peers:", said)


class Plugin(unittest.TestCase):
    """Called by hand, as people try it: `weave-net add ID NETNS`."""

    def call(self, name, *arguments, **more):
        environment = {key: value for key, value in os.environ.items()
                       if not key.startswith("CNI_")}
        return subprocess.run([f"{BIN}/{name}", *arguments], text=True, check=False,
                              env=environment, timeout=30, **more)

    def explained(self, name, printed):
        version = re.search(r"version: '([^']+)'", read(f"{ROOT}/meson.build"))[1]
        self.assertTrue(printed.startswith(f"{name} {version} is a CNI plugin: "), printed)
        for word in ("It takes no arguments", "CNI_COMMAND", "CNI_NETNS", f"CNI_COMMAND=VERSION "
                     f"{name}", "weave attach", "docs/cni.md"):
            self.assertIn(word, printed)

    def test_with_arguments_it_explains_itself_and_fails(self):
        for name in ("weave-net", "weave-ipam"):
            for arguments in (("add", "c1", "/run/netns/x"), ("del", "c1"), ("--help",), ("-h",),
                              ("--version",)):
                done = self.call(name, *arguments, stdin=subprocess.DEVNULL, capture_output=True)
                self.assertEqual((done.returncode, done.stdout), (2, ""), arguments)
                self.explained(name, done.stderr)

    def test_in_a_terminal_it_does_not_wait_for_input(self):
        ours, its = os.openpty()
        try:
            done = self.call("weave-net", stdin=its, capture_output=True)
        finally:
            os.close(ours)
            os.close(its)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.explained("weave-net", done.stderr)

    def test_what_the_explanation_says_to_try_works(self):
        said = self.call("weave-net", "--help", stdin=subprocess.DEVNULL, capture_output=True)
        line = re.search(r"^  echo (.*\n.*)$", said.stderr, re.MULTILINE)[0]
        environment = dict(os.environ, PATH=f"{BIN}:{os.environ['PATH']}")
        reply = json.loads(output("sh", "-c", line, env=environment))
        self.assertIn("1.1.0", reply["supportedVersions"])

    def test_without_the_runtimes_variables_it_says_which_is_missing(self):
        done = self.call("weave-net", input="{}", capture_output=True)
        self.assertEqual(done.returncode, 1)
        fault = json.loads(done.stdout)
        self.assertEqual(fault["code"], 4)
        self.assertIn("CNI_COMMAND", fault["msg"])
        self.assertIn("CNI plugin weave-net", done.stderr)


class Unit(unittest.TestCase):
    @unittest.skipUnless(shutil.which("systemd-analyze"), "needs systemd-analyze")
    def test_it_is_as_guarded_as_the_docs_say(self):
        said = output("systemd-analyze", "security", "--offline=yes",
                      f"{SYSTEMD}/weaver.service", env=dict(os.environ, LC_ALL="C"))
        score = re.search(r"Overall exposure level[^:]*: ([0-9.]+)", said)[1]
        self.assertIn(f"exposure level {score}", read(f"{ROOT}/docs/install.md"))

    @unittest.skipUnless(shutil.which("systemd-analyze"), "needs systemd-analyze")
    def test_systemd_has_nothing_to_say_against_it(self):
        with tempfile.TemporaryDirectory() as folder:
            unit = read(f"{SYSTEMD}/weaver.service").replace("/usr/local/bin/weaver", "/bin/true")
            with open(f"{folder}/weaver.service", "w", encoding="utf-8") as file:
                file.write(unit)
            self.assertEqual(output("systemd-analyze", "verify", f"{folder}/weaver.service"), "")


if __name__ == "__main__":
    unittest.main()
