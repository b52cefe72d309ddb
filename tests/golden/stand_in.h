// SPDX-License-Identifier: Apache-2.0
// Our peer in the place of one recorded daemon, for one life of it. Every byte the others wrote
// then comes when it came then; where the daemon dialled, ours dials, and where it was dialled ours
// listens, with the key pair and the connection number it had. What ours answers is read by the
// other ends with their keys.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "router/peer/peer.h"
#include "tests/golden/recorded_streams.h"
#include "tests/sim/go_reader.h"

namespace weft::golden {

PeerName name_of(int host);
Endpoint address_of(int host, std::uint16_t port = 6783);

// Numbers that are laid before it come first.
class ScriptedRng final : public Rng {
 public:
  explicit ScriptedRng(std::uint64_t seed) : rest_(seed) {}
  void lay(std::uint64_t number) { script_.push_back(number); }
  void lay_bytes(ByteView bytes);  // as fill() will give them
  bool used_up() const { return script_.empty(); }
  std::uint64_t next() override;

 private:
  std::deque<std::uint64_t> script_;
  SeededRng rest_;
};

class StandIn {
 public:
  // Both outlive it.
  StandIn(const Session& session, const Life& life, ipam::StoredAllocator stored);

  void play();

  // What the daemon would find when it starts again.
  const ipam::StoredAllocator& stored() const { return stored_; }
  // By the connection's place in the session: all that ours said on it.
  const std::map<std::size_t, std::vector<Said>>& answers() const { return answers_; }
  // How many connections ours dialled and accepted, not counting those that were dropped at once.
  std::size_t dialled() const { return dialled_; }
  std::size_t accepted() const { return accepted_; }

 private:
  struct Stream {
    std::size_t connection = 0;
    gossip::Link ear;
    sim::GoReader weave{};
  };
  struct Event {
    Millis at;
    std::function<void()> happens;
  };

  peer::PeerConfig config() const;
  std::vector<Event> events();
  void add_connection(std::size_t index, std::vector<Event>& out);
  void open(std::size_t index);
  void lay_connection(const RecordedConnection& connection);
  void hear(std::size_t index, ByteView bytes);
  void closed(std::size_t index);
  void act(const Act& act);
  void look(const View& view);
  void forget_as_then(nlohmann::json& ours, const nlohmann::json& theirs) const;
  void check_said(std::size_t connection, const View& view) const;

  void pass_until(TimePoint when);
  template <class What>
  void call(What what);
  void carry_out(const gossip::Effect& effect, peer::PeerEffects& out);
  void check_ready(const gossip::LinkReady& ready) const;
  void dial(const gossip::Dial& dial, peer::PeerEffects& out);
  void deliver(gossip::LinkId link, ByteView bytes, peer::PeerEffects& out);
  void store(const peer::StoreOp& op);
  void take(const ipam::effect::Reply& reply);
  std::optional<gossip::LinkId> link_of(std::size_t connection) const;

  const Session& session_;
  const Life& life_;
  ipam::StoredAllocator stored_;
  ScriptedRng rng_;
  std::optional<PeerUid> uid_;
  std::unique_ptr<peer::Peer> peer_;
  TimePoint now_;
  std::map<std::size_t, gossip::LinkId> dialling_;  // connections that will be accepted
  std::map<gossip::LinkId, Stream> streams_;
  std::map<std::size_t, std::vector<Said>> answers_;
  std::map<std::string, std::set<std::uint64_t>> uids_;  // each peer's, of its lives so far
  std::map<std::uint64_t, std::string> expected_;        // by request: the address it got then
  std::uint64_t request_ = 0;
  std::size_t dialled_ = 0, accepted_ = 0;
  std::string last_line_;
};

}  // namespace weft::golden
