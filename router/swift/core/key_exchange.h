// SPDX-License-Identifier: Apache-2.0
// Which keys a tunnel has: agrees on them with the other end over the link's TCP connection, renews
// them, and forgets them. Who dialled offers; an epoch is used only when all packet workers of
// both ends can open it, so that nothing is lost at a change. Driven by the tunnel.
//
//     dialler:   Offer ──Accept──▶ installing ──installed──▶ in use: Confirm
//     acceptor:  Offer ──▶ installing ──installed──▶ Accept ──Confirm or a datagram──▶ in use
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/peer_name.h"
#include "base/rng.h"
#include "base/time_point.h"
#include "crypto/key_agreement.h"
#include "router/swift/core/spec.h"
#include "router/swift/core/tunnel_effects.h"

namespace weft::swift {

struct KeyExchangeConfig {
  PeerName us;
  PeerName them;
  std::uint64_t conn_uid = 0;
  bool we_dialled = false;
  std::optional<crypto::SessionKey> session;  // absent: a plain tunnel, which has no keys
  std::vector<crypto::AeadChoice> aeads;      // of this machine, fastest first
  // How long keys are used before new ones are made.
  Duration rekey_interval = std::chrono::seconds(120);
};

class KeyExchange {
 public:
  // A message that should have been answered is repeated so often, at this distance.
  static constexpr std::chrono::seconds kRepeatInterval{2};
  static constexpr int kRepeatMax = 5;
  // After an offer that nobody answered.
  static constexpr std::chrono::seconds kOfferAgain{10};
  // Offers beyond one in this time are left to be repeated: each costs a key agreement.
  static constexpr std::chrono::milliseconds kOfferDistance{500};
  // Keys are not renewed sooner, whoever asks.
  static constexpr std::chrono::seconds kRenewAfter{5};
  // How long the old keys open datagrams after the other end has gone over to the new ones.
  static constexpr std::chrono::seconds kOverlap{10};
  // And after we have, if we do not hear whether the other end has.
  static constexpr std::chrono::seconds kOverlapMax{60};
  // With a short interval many overlap: the oldest go first.
  static constexpr std::size_t kEpochsMax = 4;
  // After so many intervals without new keys, the tunnel stops rather than go on with old ones.
  static constexpr int kIntervalsMax = 3;

  // `rng` makes private keys and our index; it outlives this.
  KeyExchange(KeyExchangeConfig config, Rng& rng);

  void start(TimePoint now, TunnelEffects& out);
  void on_message(TimePoint now, const TunnelMessage& message, TunnelEffects& out);
  // A Spec with this version, which never goes back, holds what we have now; and: all workers do
  // what it says.
  void on_published(std::uint64_t version);
  void on_applied(TimePoint now, std::uint64_t version, TunnelEffects& out);
  void on_first_of_epoch(TimePoint now, std::uint32_t epoch, TunnelEffects& out);
  // So many datagrams left in `epoch` that new keys are wanted.
  void on_counter_high(TimePoint now, std::uint32_t epoch, TunnelEffects& out);
  void on_deadline(TimePoint now, TunnelEffects& out);
  std::optional<TimePoint> next_deadline() const;

  bool sealed() const { return config_.session.has_value(); }
  std::uint32_t index() const { return index_; }
  std::uint32_t peer_index() const { return peer_index_; }       // 0: not known yet
  std::vector<std::shared_ptr<const EpochKeys>> epochs() const;  // newest last
  std::optional<std::uint32_t> send_epoch() const { return send_epoch_; }
  // Datagrams can be sent.
  bool ready() const { return sealed() ? send_epoch_.has_value() : plain_ready_; }
  // Of the keys in use.
  std::optional<crypto::AeadChoice> aead() const;
  std::optional<TimePoint> keys_since() const;
  // Why there are no keys; empty if there are, or if all is on its way.
  const std::string& trouble() const { return trouble_; }

 private:
  struct Epoch {
    std::shared_ptr<const EpochKeys> keys;
    std::optional<TimePoint> forget_at;
  };
  struct Pending {  // an offer of ours
    Offer offer;
    std::optional<crypto::EphemeralKey> key;
  };
  struct Answer {  // to an offer of theirs
    Offer offer;
    Accept accept;
    bool sent = false;
  };

  void offer(TimePoint now, TunnelEffects& out);
  void renew(TimePoint now, std::uint32_t epoch, TunnelEffects& out);
  void repeat(TimePoint now, TunnelEffects& out);
  void on_offer(TimePoint now, const Offer& offer, TunnelEffects& out);
  void on_accept(TimePoint now, const Accept& accept, TunnelEffects& out);
  void refuse(std::uint32_t epoch, Refusal reason, TunnelEffects& out);
  std::optional<crypto::AeadChoice> choose(const std::vector<crypto::Cipher>& theirs) const;
  std::optional<crypto::AeadChoice> provider_of(crypto::Cipher cipher) const;
  bool derive(crypto::EphemeralKey key, const crypto::PublicKey& theirs, std::uint32_t epoch,
              crypto::AeadChoice aead);
  void install(std::uint32_t epoch, TunnelEffects& out);
  void use(TimePoint now, std::uint32_t epoch, TunnelEffects& out);
  void forget_old(TimePoint now, TunnelEffects& out);
  void expire(TimePoint now, TunnelEffects& out);
  void send(const TunnelMessage& message, TunnelEffects& out) const;

  KeyExchangeConfig config_;
  Rng& rng_;
  std::uint32_t index_;
  std::uint32_t peer_index_ = 0;
  std::uint32_t epoch_last_ = 0;  // offered by us, or taken from them
  std::vector<Epoch> epochs_;     // oldest first
  std::optional<std::uint32_t> send_epoch_;
  bool plain_ready_ = false;
  std::optional<TimePoint> used_since_;

  std::optional<Pending> pending_;
  std::optional<Answer> answer_;
  std::optional<TimePoint> offer_taken_at_;
  // An epoch that the workers do not have yet, and the Spec that gives it to them.
  std::optional<std::uint32_t> installing_;
  std::optional<std::uint64_t> install_version_;
  std::optional<std::uint32_t> confirming_;  // dialler: until the other end uses it

  int repeats_ = 0;
  std::optional<TimePoint> repeat_at_;
  std::optional<TimePoint> offer_at_;
  std::optional<TimePoint> expire_at_;
  std::string trouble_;
};

}  // namespace weft::swift
