// SPDX-License-Identifier: Apache-2.0
#include "router/cli/target.h"

#include <filesystem>
#include <optional>

#include <sys/stat.h>

#include "base/text.h"
#include "router/process/child.h"

namespace weft::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kNamedFolder = "/run/netns";
constexpr Duration kInspectTimeout = std::chrono::seconds(20);

std::optional<unsigned long> inode_of(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return std::nullopt;
  return info.st_ino;
}

std::string process_path(std::string_view pid) {
  return "/proc/" + std::string(pid) + "/ns/net";
}

// One namespace, one owner, however it was named.
std::optional<PodTarget> by_path(const std::string& path) {
  auto inode = inode_of(path);
  if (!inode) return std::nullopt;
  std::error_code error;
  for (fs::directory_iterator at(kNamedFolder, error), end; !error && at != end;
       at.increment(error)) {
    if (inode_of(at->path()) == inode) return PodTarget{path, at->path().filename()};
  }
  return PodTarget{path, "netns-" + std::to_string(*inode)};
}

// Asks one engine for "<id> <pid>".
std::optional<PodTarget> by_engine(const std::string& engine, const std::string& name) {
  auto program = process::find_program(process::path_folders(), engine);
  if (!program) return std::nullopt;
  auto end = process::run_child({.program = *program,
                                 .arguments = {"inspect", "--type", "container", "--format",
                                               "{{.Id}} {{.State.Pid}}", "--", name},
                                 .environment = {},
                                 .input = {},
                                 .timeout = kInspectTimeout});
  if (!end || end->exit_code != 0) return std::nullopt;
  const std::string line(trim(end->out));
  const auto words = split(line, ' ');
  if (words.size() != 2 || parse_u64(words[1]).value_or(0) == 0) return std::nullopt;
  return PodTarget{process_path(words[1]), std::string(words[0])};
}

}  // namespace

std::variant<PodTarget, std::string> find_target(const std::string& text) {
  if (text.empty()) return std::string("name a namespace, a process or a container");
  if (text.find('/') != std::string::npos) {
    if (auto target = by_path(text)) return *target;
    return "there is no network namespace at " + text;
  }
  if (auto target = by_path(std::string(kNamedFolder) + "/" + text)) return *target;
  if (parse_u64(text)) {
    if (auto target = by_path(process_path(text))) return *target;
  }
  for (const char* engine : {"podman", "docker"}) {
    if (auto target = by_engine(engine, text)) return *target;
  }
  return "\"" + text + "\" is no namespace under " + std::string(kNamedFolder) +
         ", no process, and no running container of podman or docker";
}

}  // namespace weft::cli
