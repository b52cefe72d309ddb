// SPDX-License-Identifier: Apache-2.0
#include "router/cli/completion.h"

#include <algorithm>

#include <CLI/CLI.hpp>

#include "fake_api.h"
#include "router/cli/command.h"

using namespace weft;
using namespace weft::cli;

namespace {

const CompletionNode& node(const std::vector<CompletionNode>& nodes, std::string_view path) {
  const auto at = std::find_if(nodes.begin(), nodes.end(),
                               [&](const CompletionNode& n) { return n.path == path; });
  REQUIRE(at != nodes.end());
  return *at;
}

bool offers(const CompletionNode& node, std::string_view word) {
  return std::any_of(node.words.begin(), node.words.end(),
                     [&](const CompletionWord& w) { return w.word == word; });
}

}  // namespace

TEST_CASE("completion: commands, nested commands, choices and options are read from the tree") {
  CLI::App app("", "weave");
  std::string text;
  bool flag = false;
  app.add_option("-o,--output", text, "form")->check(CLI::IsMember({"text", "json"}));
  CLI::App* status = app.add_subcommand("status", "Look");
  status->add_option("view", text, "which")->check(CLI::IsMember({"peers", "dns"}));
  CLI::App* ipam = app.add_subcommand("ipam", "Addresses");
  ipam->add_subcommand("check", "Compare")->add_flag("--fix", flag, "mend it");
  app.add_subcommand("gone", "")->group("");
  const auto nodes = completion_nodes(app);
  CHECK(nodes.size() == 4);
  CHECK(offers(node(nodes, ""), "status"));
  CHECK_FALSE(offers(node(nodes, ""), "gone"));
  CHECK(offers(node(nodes, "status"), "dns"));
  CHECK(offers(node(nodes, "status"), "--output"));
  CHECK(offers(node(nodes, "ipam"), "check"));
  CHECK(offers(node(nodes, "ipam check"), "--fix"));
  CHECK_FALSE(completion_script(nodes, "tcsh"));
}

TEST_CASE("completion: every listed command is offered by each shell's script") {
  FakeApi api;
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const Ran ran = api.run({"completion", shell});
    CHECK(ran.code == 0);
    for (auto group : {status_commands, mesh_commands, address_commands, pod_commands,
                       ipam_commands, host_commands}) {
      for (const Command& command : group()) {
        if (!command.group.empty()) CHECK(has(ran.out, std::string(command.name)));
      }
    }
  }
  CHECK(api.run({"completion", "tcsh"}).code == 2);
  CHECK(api.run({"completion"}).code == 2);
}
