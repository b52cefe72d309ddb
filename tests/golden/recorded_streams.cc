// SPDX-License-Identifier: Apache-2.0
#include "tests/golden/recorded_streams.h"

namespace weft::golden {
namespace {

using nlohmann::json;

constexpr std::string_view kPassword = "wfvAwt7sj";  // of the recordings

Millis millis(const json& number) {
  return Millis(number.get<std::int64_t>());
}

RecordedConnection read_connection(const json& c) {
  require_known(c, {"closed", "closed_by", "dialler", "dialler_key", "listener", "listener_key",
                    "missing", "opened", "pieces", "port"});
  RecordedConnection out{.dialler = c["dialler"],
                         .listener = c["listener"],
                         .port = c["port"],
                         .opened = millis(c["opened"]),
                         .closed = {},
                         .dialler_key = hex(c.value("dialler_key", "")),
                         .listener_key = hex(c.value("listener_key", "")),
                         .pieces = {}};
  if (c.contains("closed")) {
    out.closed = millis(c["closed"]);
    out.closed_by = c["closed_by"];
  }
  for (const auto& piece : c["pieces"])
    out.pieces.push_back({.at = millis(piece[0]), .host = piece[1], .bytes = hex(piece[2])});
  return out;
}

Life read_life(const json& l) {
  require_known(l, {"acts", "from", "host", "views"});
  Life out{.host = l["host"],
           .from = millis(l["from"]),
           .until = Millis::max(),
           .acts = {},
           .views = {}};
  for (const auto& act : l["acts"]) {
    require_known(act, {"at", "do", "got"});
    std::string text = act["do"];
    auto space = text.find(' ');
    out.acts.push_back({.at = millis(act["at"]),
                        .verb = text.substr(0, space),
                        .path = text.substr(space + 1),
                        .got = act.value("got", json())});
  }
  for (auto view : l["views"]) {
    auto at = millis(view["at"]);
    view.erase("at");
    out.views.push_back({.at = at, .shown = std::move(view)});
  }
  return out;
}

}  // namespace

std::optional<Session> load_session(const std::string& name) {
  auto file = load("mesh_streams.json");
  if (!file) return std::nullopt;
  const auto& recorded = (*file)[name];
  require_known(recorded, {"connections", "lives"});
  Session out;
  if (name == "encrypted") out.password = crypto::Password(kPassword);
  for (const auto& c : recorded["connections"])
    out.connections.push_back(read_connection(c));
  for (const auto& l : recorded["lives"]) {
    auto life = read_life(l);
    bool again = !out.lives.empty() && out.lives.back().host == life.host;
    if (again) out.lives.back().until = life.from;
    out.lives.push_back(std::move(life));
  }
  return out;
}

gossip::Link ear(const Session& session, const RecordedConnection& connection, int speaker) {
  gossip::LinkOptions options{.outbound = speaker == connection.listener,
                              .password = session.password,
                              .keys = {},
                              .features = {}};
  SeededRng any(1);
  const auto& key = connection.key(connection.other(speaker));
  if (session.password && key.empty()) options.keys = crypto::KeyPair::generate(any);
  if (!key.empty()) {
    REQUIRE(key.size() == crypto::Secret<32>::kSize);
    options.keys = crypto::KeyPair::from_private(
        crypto::Secret<32>(std::span<const Byte, 32>(key.data(), 32)));
  }
  Bytes unsaid;  // the other end's answers are in the recording
  return gossip::Link({}, std::move(options), unsaid);
}

std::vector<Said> said(const Session& session, const RecordedConnection& connection, int speaker) {
  auto reader = ear(session, connection, speaker);
  std::vector<Said> out;
  Bytes unsaid;
  for (const auto& piece : connection.pieces) {
    if (piece.host != speaker) continue;
    reader.feed(piece.bytes);
    while (auto event = reader.next({}, unsaid))
      out.push_back({piece.at, std::move(*event)});
  }
  REQUIRE_MESSAGE(!reader.failed(), reader.error());
  return out;
}

std::optional<gossip::FeatureMap> introduction(const Session& session,
                                               const RecordedConnection& connection, int speaker) {
  for (const auto& one : said(session, connection, speaker)) {
    if (const auto* introduced = std::get_if<gossip::Link::Introduced>(&one.event)) {
      return introduced->features;
    }
  }
  return std::nullopt;
}

}  // namespace weft::golden
