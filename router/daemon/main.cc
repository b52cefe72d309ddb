// SPDX-License-Identifier: Apache-2.0
// weaver: reads the options, opens the state file, finds out who we are, and runs the daemon.
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include <unistd.h>

#include "router/daemon/daemon.h"
#include "router/daemon/log.h"

namespace weft::daemon {
namespace {

Environment environment() {
  std::array<char, 256> name{};
  Environment env;
  if (::gethostname(name.data(), name.size() - 1) == 0) env.host_name = name.data();
  if (const char* password = std::getenv("WEAVE_PASSWORD"); password != nullptr) {
    env.weave_password = password;
    ::unsetenv("WEAVE_PASSWORD");  // no child of ours needs it
  }
  return env;
}

int fail(const Failure& failure) {
  log(LogLevel::error, "main", failure.text());
  return 1;
}

// The name for --print-peer-name. A newly chosen one is stored, since the caller will pass it back.
int print_peer_name(const Options& options, const std::string& path) {
  if (auto running = Store::peek_name(path)) {
    std::printf("%s\n", running->text().c_str());
    return 0;
  }
  auto opened = Store::open(path);
  if (auto* failure = std::get_if<Failure>(&opened)) return fail(*failure);
  auto& store = *std::get<std::unique_ptr<Store>>(opened);
  crypto::SodiumRng rng;
  auto identity = choose_identity({.given = options.name,
                                   .stored = store.load().name,
                                   .weave_bridge = HostNetwork::existing_bridge(options.bridge)},
                                  rng);
  if (!identity) return fail({.error = identity.error(), .subject = "peer name", .hint = ""});
  if (auto kept = store.adopt_name(identity->name); !kept) {
    return fail({.error = kept.error(), .subject = path, .hint = "check the disk"});
  }
  std::printf("%s\n", identity->name.text().c_str());
  return 0;
}

void log_start(const Options& options, const Identity& identity, const Store& store) {
  log(LogLevel::info, "main", "weaver " WEFT_VERSION " options: " + options.summary);
  for (const std::string& warning : options.warnings)
    log(LogLevel::warning, "options", warning);
  for (const LogLine& notice : store.notices())
    log(notice);
  log(LogLevel::info, "main",
      "our name is " + display_name(identity.name, options.nickname) + ", " +
          std::string(to_string(identity.source)));
  log(LogLevel::info, "main",
      options.password ? "traffic between peers is encrypted"
                       : "traffic between peers is NOT encrypted: no password was given");
}

int run(Options options) {
  start_log(options.log_level);
  std::string path = options.db_prefix + "weft.db";
  if (options.print_peer_name) return print_peer_name(options, path);
  auto opened = Store::open(path);
  if (auto* failure = std::get_if<Failure>(&opened)) return fail(*failure);
  auto store = std::move(std::get<std::unique_ptr<Store>>(opened));
  crypto::SodiumRng rng;
  auto identity = choose_identity({.given = options.name,
                                   .stored = store->load().name,
                                   .weave_bridge = HostNetwork::existing_bridge(options.bridge)},
                                  rng);
  if (!identity) return fail({.error = identity.error(), .subject = "peer name", .hint = ""});
  if (auto kept = store->adopt_name(identity->name); !kept) {
    return fail({.error = kept.error(), .subject = path, .hint = "check the disk"});
  }
  log_start(options, *identity, *store);
  Daemon daemon(std::move(options), *identity, std::move(store));
  if (auto failure = daemon.start()) return fail(*failure);
  return daemon.run();
}

}  // namespace
}  // namespace weft::daemon

int main(int argc, char** argv) {
  using namespace weft::daemon;
  std::signal(SIGPIPE, SIG_IGN);
  auto parsed = parse_options({argv + 1, argv + argc}, environment());
  if (auto* early = std::get_if<EarlyExit>(&parsed)) {
    std::fputs(early->text.c_str(), early->code == 0 ? stdout : stderr);
    return early->code;
  }
  return run(std::move(std::get<Options>(parsed)));
}
