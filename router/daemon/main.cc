// SPDX-License-Identifier: Apache-2.0
// weaver: reads the options, opens the state file, finds out who we are, and runs the daemon.
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include <unistd.h>

#include "router/daemon/daemon.h"
#include "router/daemon/log.h"
#include "router/daemon/moving_in.h"

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

// The state file with the name in it that this peer goes by.
struct OpenState {
  std::unique_ptr<Store> store;
  StoredState stored;
  Identity identity;
  std::vector<LogLine> notices;
};

// A bridge of ours without state: the state is lost. What it knew of our addresses is lost too, so
// we come back under another name, and the old one's can be reclaimed. Weave's bridge is another
// matter: there is no state of ours that could be missing.
std::optional<MacAddr> weave_bridge(const Options& options, const Store& store,
                                    std::vector<LogLine>& notices) {
  auto found = HostNetwork::existing_bridge(options.bridge);
  if (!found) return std::nullopt;
  if (!found->ours) return found->link.mac;
  PeerName lost = PeerName::from_u48(found->link.mac.value);
  if (options.name == lost) return std::nullopt;
  notices.push_back({.level = LogLevel::warning,
                     .component = "store",
                     .text = "the state of " + lost.text() + ", which made the bridge " +
                             options.bridge + ", is not in " + store.path() +
                             ": we start as a new peer; run 'weave rmpeer " + lost.text() +
                             "' to reclaim its addresses"});
  return std::nullopt;
}

std::variant<OpenState, Failure> open_state(const Options& options, const std::string& path) {
  OpenState out;
  const auto faulty_disk = [&](const Error& error) {
    return Failure{.error = error, .subject = path, .hint = "check the disk"};
  };
  auto opened = Store::open(path);
  if (auto* failure = std::get_if<Failure>(&opened)) return *failure;
  out.store = std::move(std::get<std::unique_ptr<Store>>(opened));
  auto moved = move_in({.db_prefix = options.db_prefix, .given = options.name}, *out.store);
  if (auto* failure = std::get_if<Failure>(&moved)) return *failure;
  MovedIn& in = std::get<MovedIn>(moved);
  out.notices = std::move(in.notices);
  auto before = out.store->load();
  if (!before) return faulty_disk(before.error());
  NameCandidates candidates{.given = options.name,
                            .stored = before->name,
                            .weave = in.name,
                            .weave_bridge = std::nullopt};
  bool known = candidates.stored || candidates.weave;
  if (!known) candidates.weave_bridge = weave_bridge(options, *out.store, out.notices);
  crypto::SodiumRng rng;
  auto identity = choose_identity(candidates, rng);
  if (!identity) return Failure{.error = identity.error(), .subject = "peer name", .hint = ""};
  out.identity = *identity;
  auto kept = out.store->adopt_name(identity->name);
  if (kept) kept = end_moving_in(options.db_prefix);
  if (!kept) return faulty_disk(kept.error());
  auto stored = out.store->load();
  if (!stored) return faulty_disk(stored.error());
  out.stored = std::move(*stored);
  return out;
}

// The name for --print-peer-name. A newly chosen one is stored, since the caller will pass it back.
int print_peer_name(const Options& options, const std::string& path) {
  std::optional<PeerName> name = options.name ? options.name : Store::peek_name(path);
  if (!name) {
    auto state = open_state(options, path);
    if (auto* failure = std::get_if<Failure>(&state)) return fail(*failure);
    name = std::get<OpenState>(state).identity.name;
  }
  std::printf("%s\n", name->text().c_str());
  return 0;
}

void log_start(const Options& options, const OpenState& state) {
  const Identity& identity = state.identity;
  log(LogLevel::info, "main", "weaver " WEFT_VERSION " options: " + options.summary);
  for (const std::string& warning : options.warnings)
    log(LogLevel::warning, "options", warning);
  for (const LogLine& notice : state.store->notices())
    log(notice);
  for (const LogLine& notice : state.notices)
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
  auto opened = open_state(options, path);
  if (auto* failure = std::get_if<Failure>(&opened)) return fail(*failure);
  OpenState& state = std::get<OpenState>(opened);
  log_start(options, state);
  Daemon daemon(std::move(options), state.identity, std::move(state.store),
                std::move(state.stored));
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
