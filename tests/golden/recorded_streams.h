// SPDX-License-Identifier: Apache-2.0
// The sessions of mesh_streams.json: three hosts that ran Weave, 1 to 3, each connection between
// them as the bytes both ends wrote, and what each daemon was asked and showed. How it was made:
// extract_streams.py.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "gossip/link.h"
#include "tests/golden/golden.h"

namespace weft::golden {

using Millis = std::chrono::milliseconds;  // since the session began

struct Piece {
  Millis at;
  int host = 0;  // who wrote it
  Bytes bytes;
};

struct RecordedConnection {
  int dialler = 0;
  int listener = 0;
  std::uint16_t port = 0;  // of the dialler
  Millis opened;
  std::optional<Millis> closed;
  int closed_by = 0;
  Bytes dialler_key, listener_key;  // private ones; empty without a password
  std::vector<Piece> pieces;

  bool has(int host) const { return dialler == host || listener == host; }
  int other(int host) const { return dialler == host ? listener : dialler; }
  const Bytes& key(int host) const { return dialler == host ? dialler_key : listener_key; }
};

struct Act {  // "POST /ip/first"
  Millis at;
  std::string verb;
  std::string path;
  nlohmann::json got;  // the address, or how many; null if there is nothing to get
};

struct View {
  Millis at;
  nlohmann::json shown;  // peers, routes, ring, number of addresses in use
};

struct Life {  // of one daemon, from a start to its end
  int host = 0;
  Millis from;
  Millis until;
  std::vector<Act> acts;
  std::vector<View> views;
};

struct Session {
  std::optional<crypto::Password> password;
  std::vector<RecordedConnection> connections;
  std::vector<Life> lives;  // those of one host in their order
};

// "plain" or "encrypted"; nothing (with a message) if there is no recording.
std::optional<Session> load_session(const std::string& name);

// Reads what `speaker` writes on a connection, at the other end and with that end's key.
gossip::Link ear(const Session& session, const RecordedConnection& connection, int speaker);

struct Said {
  Millis at;
  gossip::Link::Event event;
};
// All that `speaker` said on a connection.
std::vector<Said> said(const Session& session, const RecordedConnection& connection, int speaker);
// How it introduced itself, if it came so far.
std::optional<gossip::FeatureMap> introduction(const Session& session,
                                               const RecordedConnection& connection, int speaker);

}  // namespace weft::golden
