// SPDX-License-Identifier: Apache-2.0
#include "router/swift/core/key_exchange.h"

#include <algorithm>

#include "router/swift/core/key_schedule.h"

namespace weft::swift {
namespace {

std::uint32_t random_index(Rng& rng) {
  // 0 stands for "none".
  return static_cast<std::uint32_t>(1 + rng.below(0xffffffffU));
}

std::string_view words(Refusal reason) {
  switch (reason) {
    case Refusal::other:
      break;
    case Refusal::version:
      return "it speaks another version";
    case Refusal::no_cipher:
      return "it has no cipher in common with us";
    case Refusal::sealing:
      return "it does not agree on whether frames are to be encrypted";
  }
  return "it does not say why";
}

}  // namespace

KeyExchange::KeyExchange(KeyExchangeConfig config, Rng& rng)
    : config_(std::move(config)), rng_(rng), index_(random_index(rng)) {}

void KeyExchange::start(TimePoint now, TunnelEffects& out) {
  if (config_.we_dialled) offer(now, out);
}

void KeyExchange::send(const TunnelMessage& message, TunnelEffects& out) const {
  out.controls.push_back(write_tunnel_message(message));
}

void KeyExchange::offer(TimePoint now, TunnelEffects& out) {
  Pending pending{.offer = {.sealed = sealed(), .epoch = ++epoch_last_, .index = index_}};
  if (sealed()) {
    for (const crypto::AeadChoice& aead : config_.aeads)
      pending.offer.ciphers.push_back(aead.cipher);
    pending.key.emplace(crypto::EphemeralKey::generate(rng_));
    pending.offer.public_key = pending.key->public_key();
  }
  send(pending.offer, out);
  pending_.emplace(std::move(pending));
  confirming_.reset();
  repeats_ = 0;
  repeat_at_ = now + kRepeatInterval;
  offer_at_.reset();
}

// New keys before their time, because many datagrams have left or the other end asks. Not sooner
// than after a while: old keys shall live out their overlap, and nobody shall keep us busy.
void KeyExchange::renew(TimePoint now, std::uint32_t epoch, TunnelEffects& out) {
  if (!send_epoch_ || epoch != *send_epoch_ || pending_ || installing_) return;
  if (!config_.we_dialled) return send(Renew{.epoch = epoch}, out);
  offer_at_ = earliest(offer_at_, std::max(now, *used_since_ + kRenewAfter));
}

void KeyExchange::repeat(TimePoint now, TunnelEffects& out) {
  repeat_at_.reset();
  if (++repeats_ > kRepeatMax) {
    if (confirming_) {
      // Keys they never used are no proof of trouble: nothing may have been sent.
      confirming_.reset();
      return;
    }
    pending_.reset();
    offer_at_ = now + kOfferAgain;
    trouble_ = "no answer over TCP to our offer of keys";
    return;
  }
  if (pending_) {
    send(pending_->offer, out);
  } else if (confirming_) {
    send(Confirm{.epoch = *confirming_}, out);
  } else {
    return;
  }
  repeat_at_ = now + kRepeatInterval;
}

void KeyExchange::on_message(TimePoint now, const TunnelMessage& message, TunnelEffects& out) {
  if (const auto* offer = std::get_if<Offer>(&message)) {
    if (!config_.we_dialled) on_offer(now, *offer, out);
  } else if (const auto* accept = std::get_if<Accept>(&message)) {
    on_accept(now, *accept, out);
  } else if (const auto* confirm = std::get_if<Confirm>(&message)) {
    if (answer_ && answer_->sent && answer_->accept.epoch == confirm->epoch) {
      use(now, confirm->epoch, out);
    }
  } else if (const auto* wanted = std::get_if<Renew>(&message)) {
    if (config_.we_dialled) renew(now, wanted->epoch, out);
  } else if (const auto* refused = std::get_if<Refuse>(&message)) {
    if (!pending_ || pending_->offer.epoch != refused->epoch) return;
    pending_.reset();
    repeat_at_.reset();
    trouble_ = "peer refuses swift: " + std::string(words(refused->reason));
    out.refused = trouble_;
  }
}

void KeyExchange::refuse(std::uint32_t epoch, Refusal reason, TunnelEffects& out) {
  send(Refuse{.epoch = epoch, .reason = reason}, out);
  trouble_ = "refused peer's offer of keys";
  out.refused = trouble_;
}

std::optional<crypto::AeadChoice> KeyExchange::provider_of(crypto::Cipher cipher) const {
  const auto at = std::ranges::find(config_.aeads, cipher, &crypto::AeadChoice::cipher);
  if (at == config_.aeads.end()) return std::nullopt;
  return *at;
}

// What both do fast: the lowest sum of both preferences, the offering end's breaking ties.
std::optional<crypto::AeadChoice> KeyExchange::choose(
    const std::vector<crypto::Cipher>& theirs) const {
  std::optional<crypto::AeadChoice> best;
  std::size_t best_rank = 0;
  for (std::size_t t = 0; t < theirs.size(); ++t) {
    for (std::size_t o = 0; o < config_.aeads.size(); ++o) {
      if (config_.aeads[o].cipher != theirs[t] || (best && t + o >= best_rank)) continue;
      best = config_.aeads[o];
      best_rank = t + o;
    }
  }
  return best;
}

bool KeyExchange::derive(crypto::EphemeralKey key, const crypto::PublicKey& theirs,
                         std::uint32_t epoch, crypto::AeadChoice aead) {
  const crypto::PublicKey ours = key.public_key();
  const auto shared = std::move(key).agree(theirs);
  if (!shared) return false;
  const KeyContext::End us{config_.us, index_, ours};
  const KeyContext::End them{config_.them, peer_index_, theirs};
  const KeyContext context{.dialler = config_.we_dialled ? us : them,
                           .acceptor = config_.we_dialled ? them : us,
                           .conn_uid = config_.conn_uid,
                           .epoch = epoch,
                           .cipher = aead.cipher};
  epochs_.push_back({.keys = std::make_shared<const EpochKeys>(derive_keys(
                         *shared, *config_.session, context, aead.provider, config_.we_dialled))});
  return true;
}

void KeyExchange::install(std::uint32_t epoch, TunnelEffects& out) {
  installing_ = epoch;
  install_version_.reset();
  if (epochs_.size() > kEpochsMax) {
    const auto oldest = std::ranges::find_if(
        epochs_, [this](const Epoch& e) { return e.keys->epoch != send_epoch_; });
    epochs_.erase(oldest);
  }
  out.spec_changed = true;
}

void KeyExchange::on_offer(TimePoint now, const Offer& offer, TunnelEffects& out) {
  if (answer_ && offer.epoch == answer_->offer.epoch) {
    if (answer_->sent && offer == answer_->offer) send(answer_->accept, out);
    return;
  }
  if (offer.version != kTunnelVersion) return refuse(offer.epoch, Refusal::version, out);
  if (offer.sealed != sealed()) return refuse(offer.epoch, Refusal::sealing, out);
  // A number that comes back could bring a key back; an index that changes is another tunnel.
  if (offer.epoch <= epoch_last_ || (peer_index_ != 0 && offer.index != peer_index_)) return;
  if (offer_taken_at_ && now - *offer_taken_at_ < kOfferDistance) return;
  Accept accept{.sealed = sealed(), .epoch = offer.epoch, .index = index_};
  peer_index_ = offer.index;
  if (sealed()) {
    const auto aead = choose(offer.ciphers);
    if (!aead) return refuse(offer.epoch, Refusal::no_cipher, out);
    // Offered anew before the last one was confirmed: that one will never be used.
    if (answer_ && answer_->accept.epoch != send_epoch_) {
      std::erase_if(epochs_,
                    [this](const Epoch& e) { return e.keys->epoch == answer_->accept.epoch; });
    }
    crypto::EphemeralKey key = crypto::EphemeralKey::generate(rng_);
    accept.cipher = aead->cipher;
    accept.public_key = key.public_key();
    if (!derive(std::move(key), offer.public_key, offer.epoch, *aead)) {
      return refuse(offer.epoch, Refusal::other, out);
    }
  }
  epoch_last_ = offer.epoch;
  offer_taken_at_ = now;
  answer_ = Answer{.offer = offer, .accept = accept};
  install(offer.epoch, out);
}

void KeyExchange::on_accept(TimePoint, const Accept& accept, TunnelEffects& out) {
  if (!pending_ || pending_->offer.epoch != accept.epoch) return;
  // Never the plain way because the other end says so.
  if (accept.sealed != sealed()) return;
  if (peer_index_ != 0 && accept.index != peer_index_) return;
  Pending pending = std::move(*pending_);
  pending_.reset();
  repeat_at_.reset();
  peer_index_ = accept.index;
  if (sealed()) {
    const auto aead = provider_of(accept.cipher);
    if (!aead || !derive(std::move(*pending.key), accept.public_key, accept.epoch, *aead)) {
      trouble_ = "peer's answer to our offer of keys is not usable";
      out.refused = trouble_;
      return;
    }
  }
  install(accept.epoch, out);
}

void KeyExchange::on_published(std::uint64_t version) {
  if (installing_ && !install_version_) install_version_ = version;
}

void KeyExchange::on_applied(TimePoint now, std::uint64_t version, TunnelEffects& out) {
  if (!installing_ || !install_version_ || version < *install_version_) return;
  const std::uint32_t epoch = *installing_;
  installing_.reset();
  install_version_.reset();
  if (!config_.we_dialled) {
    answer_->sent = true;
    send(answer_->accept, out);
    return;
  }
  use(now, epoch, out);
  send(Confirm{.epoch = epoch}, out);
  confirming_ = epoch;
  repeats_ = 0;
  repeat_at_ = now + kRepeatInterval;
}

// From now on we send with these keys, and the older ones only receive.
void KeyExchange::use(TimePoint now, std::uint32_t epoch, TunnelEffects& out) {
  trouble_.clear();
  if (!sealed()) {
    out.spec_changed |= !std::exchange(plain_ready_, true);
    return;
  }
  const auto at = std::ranges::find(epochs_, epoch, [](const Epoch& e) { return e.keys->epoch; });
  // Too late for keys that are on their way out.
  if (at == epochs_.end() || at->forget_at || send_epoch_ == epoch) return;
  send_epoch_ = epoch;
  used_since_ = now;
  const TimePoint forget = now + (config_.we_dialled ? Duration(kOverlapMax) : kOverlap);
  for (auto old = epochs_.begin(); old != at; ++old)
    old->forget_at = earliest(old->forget_at, forget);
  expire_at_ = now + kIntervalsMax * config_.rekey_interval;
  // A little apart from other links, which may have begun together with this one.
  const auto spread = static_cast<std::uint64_t>(config_.rekey_interval.count() / 16) + 1;
  if (config_.we_dialled) {
    offer_at_ =
        now + config_.rekey_interval - Duration(static_cast<Duration::rep>(rng_.below(spread)));
  }
  out.spec_changed = true;
}

void KeyExchange::on_first_of_epoch(TimePoint now, std::uint32_t epoch, TunnelEffects& out) {
  if (!config_.we_dialled) {
    // As good as Confirm, and perhaps sooner.
    if (answer_ && answer_->sent && answer_->accept.epoch == epoch) use(now, epoch, out);
    return;
  }
  if (send_epoch_ != epoch) return;
  if (confirming_ == epoch) {
    confirming_.reset();
    if (!pending_) repeat_at_.reset();
  }
  for (Epoch& e : epochs_) {
    if (e.forget_at) e.forget_at = earliest(e.forget_at, now + kOverlap);
  }
}

void KeyExchange::on_counter_high(TimePoint now, std::uint32_t epoch, TunnelEffects& out) {
  renew(now, epoch, out);
}

void KeyExchange::forget_old(TimePoint now, TunnelEffects& out) {
  const auto forgotten =
      std::erase_if(epochs_, [now](const Epoch& e) { return e.forget_at && *e.forget_at <= now; });
  out.spec_changed |= forgotten > 0;
}

void KeyExchange::expire(TimePoint now, TunnelEffects& out) {
  expire_at_.reset();
  used_since_.reset();
  send_epoch_.reset();
  // The other end stops a little later, perhaps. What is being installed is fresh, and stays.
  for (Epoch& e : epochs_) {
    if (e.keys->epoch != installing_) e.forget_at = earliest(e.forget_at, now + kOverlap);
  }
  trouble_ = "keys could not be renewed in time";
  out.spec_changed = true;
}

void KeyExchange::on_deadline(TimePoint now, TunnelEffects& out) {
  forget_old(now, out);
  if (expire_at_ && *expire_at_ <= now) expire(now, out);
  if (repeat_at_ && *repeat_at_ <= now) repeat(now, out);
  if (offer_at_ && *offer_at_ <= now) {
    // One at a time: workers that have not taken the last one yet would not take this one sooner.
    if (installing_) {
      offer_at_ = now + kRepeatInterval;
    } else {
      offer(now, out);
    }
  }
}

std::optional<TimePoint> KeyExchange::next_deadline() const {
  auto next = earliest(earliest(repeat_at_, offer_at_), expire_at_);
  for (const Epoch& e : epochs_)
    next = earliest(next, e.forget_at);
  return next;
}

std::vector<std::shared_ptr<const EpochKeys>> KeyExchange::epochs() const {
  std::vector<std::shared_ptr<const EpochKeys>> keys;
  for (const Epoch& e : epochs_)
    keys.push_back(e.keys);
  return keys;
}

std::optional<crypto::AeadChoice> KeyExchange::aead() const {
  for (const Epoch& e : epochs_) {
    if (e.keys->epoch == send_epoch_) return e.keys->aead;
  }
  return std::nullopt;
}

std::optional<TimePoint> KeyExchange::keys_since() const {
  return used_since_;
}

}  // namespace weft::swift
