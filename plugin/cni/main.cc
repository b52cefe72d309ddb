// SPDX-License-Identifier: Apache-2.0
// The program weave-net, also called weave-ipam: reads stdin, prints what run_plugin() says.
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include <unistd.h>

#include "plugin/cni/core/json_text.h"
#include "plugin/cni/plugin.h"

namespace {

using weft::cni::Role;

constexpr int kUsage = 2;

std::optional<std::string> variable(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

// One byte over the limit is enough to be refused for it.
std::string read_stdin(int& error) {
  std::string out;
  std::array<char, 65536> buffer{};
  while (out.size() <= weft::cni::kJsonTextMax) {
    const ssize_t n = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) error = errno;
    if (n <= 0) break;
    out.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return out;
}

int explain(Role role) {
  std::fputs(weft::cni::explanation(role).c_str(), stderr);
  return kUsage;
}

}  // namespace

int main(int argc, char** argv) {
  const Role role = weft::cni::role_of(argc > 0 ? argv[0] : "");
  const bool by_hand = !variable("CNI_COMMAND") && ::isatty(STDIN_FILENO) != 0;
  if (argc > 1 || by_hand) return explain(role);
  std::signal(SIGPIPE, SIG_IGN);
  int error = 0;
  const std::string config = read_stdin(error);
  const auto reply = weft::cni::run_plugin({.role = role,
                                            .variable = variable,
                                            .config_text = config,
                                            .stdin_errno = error,
                                            .timeouts = {}});
  std::fputs(reply.log.c_str(), stderr);
  std::fputs(reply.out.c_str(), stdout);
  return std::fflush(stdout) == 0 ? reply.exit_code : 1;
}
