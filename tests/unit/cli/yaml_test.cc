// SPDX-License-Identifier: Apache-2.0
#include "router/cli/yaml.h"

#include <doctest/doctest.h>

using namespace weft::cli;

TEST_CASE("yaml: objects and lists are blocks, in order, however they are nested") {
  CHECK(as_yaml(R"({"b": 1, "a": {"x": [], "w": {}, "z": [1, [2, 3], {"k": null, "l": [4]}, [[5]]]},
                    "c": [true, -1.5, "t"]})") ==
        "b: 1\n"
        "a:\n"
        "  x: []\n"
        "  w: {}\n"
        "  z:\n"
        "    - 1\n"
        "    - - 2\n"
        "      - 3\n"
        "    - k: null\n"
        "      l:\n"
        "        - 4\n"
        "    - - - 5\n"
        "c:\n"
        "  - true\n"
        "  - -1.5\n"
        "  - t\n");
  CHECK(as_yaml("[]") == "[]\n");
  CHECK(as_yaml("7") == "7\n");
}

TEST_CASE("yaml: a string that could be read as anything else is quoted, as value and as name") {
  for (const char* word : {"",
                           "yes",
                           "No",
                           "TRUE",
                           "null",
                           "~",
                           "1",
                           "0x1f",
                           "1e3",
                           "- a",
                           "a: b",
                           "a #b",
                           " a",
                           "a ",
                           "{",
                           "[",
                           "&a",
                           "*a",
                           "!t",
                           "%d",
                           "@x",
                           "`",
                           "'",
                           "?",
                           "|",
                           ">",
                           "7a:00:00:00:00:01",
                           "10.32.0.0/12",
                           ".inf",
                           "2001-01-01"}) {
    const std::string quoted = "\"" + std::string(word) + "\"";
    CHECK(as_yaml("[" + quoted + "]") == "- " + quoted + "\n");
    CHECK(as_yaml("{" + quoted + ": 1}") == quoted + ": 1\n");
  }
  CHECK(as_yaml(R"(["host-1.example/x_2", "weave:expose"])") ==
        "- host-1.example/x_2\n- \"weave:expose\"\n");
}

TEST_CASE("yaml: whatever a string holds stays on its line") {
  CHECK(as_yaml(R"(["a\nb: 1", "q\"\\", "\u0007\u007f\u0085\u009f\u2028\u2029", "ü 😀"])") ==
        "- \"a\\nb: 1\"\n"
        "- \"q\\\"\\\\\"\n"
        "- \"\\u0007\\x7f\\x85\\x9f\\u2028\\u2029\"\n"
        "- \"ü 😀\"\n");
}

TEST_CASE("yaml: what is no JSON stays as it is") {
  CHECK(as_yaml("10.32.0.1/12\n") == "10.32.0.1/12\n");
  CHECK(as_yaml("") == "");
}

TEST_CASE("yaml: depth costs no stack") {
  const std::size_t depth = 5000;
  const std::string out = as_yaml(std::string(depth, '[') + "1" + std::string(depth, ']'));
  CHECK(out.ends_with("- 1\n"));
  CHECK(out.size() == 2 * depth + 2);
}
