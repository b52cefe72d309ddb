// SPDX-License-Identifier: Apache-2.0
#include "router/netfilter/iptables.h"

#include <fstream>
#include <iterator>
#include <optional>

#include "base/text.h"
#include "router/netfilter/core/iptables_text.h"
#include "router/process/child.h"

namespace weft::netfilter {
namespace {

// Another program may hold the lock while it loads thousands of rules.
constexpr Duration kTimeout = std::chrono::seconds(20);

std::optional<std::string> program(std::string_view name) {
  auto folders = process::path_folders();
  folders.insert(folders.end(), {"/usr/sbin", "/sbin"});
  return process::find_program(folders, name);
}

// Tables that the old backend has loaded, in the calling thread's namespace.
std::string legacy_tables() {
  std::ifstream in("/proc/thread-self/net/ip_tables_names");
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

bool has_legacy_table(std::string_view table) {
  const std::string names = legacy_tables();
  if (table.empty()) return !trim(names).empty();
  for (std::string_view name : split(names, '\n')) {
    if (trim(name) == table) return true;
  }
  return false;
}

process::ChildSpec spec_of(std::string path, std::vector<std::string> arguments) {
  return {.program = std::move(path),
          .arguments = std::move(arguments),
          .environment = {},
          .input = {},
          .timeout = kTimeout,
          .output_max = kSaveTextMax};
}

}  // namespace

std::vector<Iptables> Iptables::present() {
  std::vector<Iptables> out;
  for (const char* name : {"iptables-legacy", "iptables-nft"}) {
    auto save = program(std::string(name) + "-save");
    auto restore = program(std::string(name) + "-restore");
    if (!save || !restore) continue;
    if (name == std::string_view("iptables-legacy") && !has_legacy_table({})) continue;
    out.push_back(Iptables(name, std::move(*save), std::move(*restore)));
  }
  if (!out.empty() || program("iptables-nft-save") || program("iptables-legacy-save")) return out;
  // Where there is but one backend its programs have no longer names.
  auto save = program("iptables-save");
  auto restore = program("iptables-restore");
  if (save && restore) out.push_back(Iptables("iptables", std::move(*save), std::move(*restore)));
  return out;
}

Result<std::string> Iptables::save(std::string_view table) const {
  if (name_ == "iptables-legacy" && !has_legacy_table(table)) return std::string();
  std::vector<std::string> arguments;
  if (!table.empty()) arguments = {"-t", std::string(table)};
  auto end = process::run_child(spec_of(save_, std::move(arguments)));
  if (!end) return end.error();
  if (end->exit_code != 0) return Error{.code = Errc::system, .what = "iptables-save failed"};
  return std::move(end->out);
}

Result<> Iptables::restore(const std::string& input) const {
  auto spec = spec_of(restore_, {"--noflush", "--wait", "10"});
  spec.input = input;
  auto end = process::run_child(spec);
  if (!end) return end.error();
  message_ = std::string(trim(end->err));
  if (end->exit_code != 0) return Error{.code = Errc::system, .what = "iptables-restore failed"};
  return {};
}

std::string list_sets() {
  auto path = program("ipset");
  if (!path) return "";
  auto end = process::run_child(spec_of(*path, {"list", "-name"}));
  return end && end->exit_code == 0 ? std::move(end->out) : std::string();
}

std::string restore_sets(const std::string& input) {
  auto path = program("ipset");
  if (!path) return "ipset is not installed";
  auto spec = spec_of(*path, {"restore"});
  spec.input = input;
  auto end = process::run_child(spec);
  if (!end) return to_string(end.error());
  if (end->exit_code == 0) return "";
  const std::string said(trim(end->err));
  return said.empty() ? "ipset failed" : said;
}

}  // namespace weft::netfilter
