// SPDX-License-Identifier: Apache-2.0
#include "router/swift/core/tunnel_wire.h"

#include <algorithm>

#include "base/ensure.h"

namespace weft::swift {
namespace {

constexpr std::uint8_t kOffer = 1;
constexpr std::uint8_t kAccept = 2;
constexpr std::uint8_t kConfirm = 3;
constexpr std::uint8_t kRenew = 4;
constexpr std::uint8_t kRefuse = 5;

constexpr std::uint8_t kSealed = 1;

crypto::PublicKey read_key(Reader& r) {
  crypto::PublicKey key{};
  const ByteView bytes = r.take(key.size());
  std::ranges::copy(bytes, key.begin());
  return key;
}

bool read_sealed(Reader& r) {
  const std::uint8_t flags = r.u8();
  if ((flags & ~kSealed) != 0) r.fail();
  return (flags & kSealed) != 0;
}

Result<TunnelMessage> checked(const Reader& r, TunnelMessage message, bool valid) {
  if (auto ok = r.finish(); !ok) return ok.error();
  if (!valid) return Error{Errc::bad_value, 0, "swift control: a number that must not be zero"};
  return message;
}

Result<TunnelMessage> parse_offer(Reader& r) {
  Offer offer{.version = r.u8()};
  if (offer.version != kTunnelVersion) {
    // Flags and epoch stand where they stand now in every version.
    r.skip(1);
    offer.epoch = r.u32();
    if (r.failed()) return Error{Errc::truncated, 0, "swift control: offer cut short"};
    return TunnelMessage(std::move(offer));
  }
  offer.sealed = read_sealed(r);
  offer.epoch = r.u32();
  offer.index = r.u32();
  if (offer.sealed) {
    const std::size_t count = r.u8();
    if (count > kCiphersMax) return Error{Errc::too_large, 0, "swift control: too many ciphers"};
    for (const Byte number : r.take(count)) {
      const auto cipher = crypto::parse_cipher(std::to_integer<std::uint8_t>(number));
      if (cipher) offer.ciphers.push_back(*cipher);
    }
    offer.public_key = read_key(r);
  }
  const bool valid = offer.epoch != 0 && offer.index != 0;
  return checked(r, std::move(offer), valid);
}

Result<TunnelMessage> parse_accept(Reader& r) {
  Accept accept{.sealed = read_sealed(r)};
  accept.epoch = r.u32();
  accept.index = r.u32();
  if (accept.sealed) {
    const auto cipher = crypto::parse_cipher(r.u8());
    if (cipher) accept.cipher = *cipher;
    accept.public_key = read_key(r);
    if (!r.failed() && !cipher) {
      return Error{Errc::unsupported, 0, "swift control: accepted with an unknown cipher"};
    }
  }
  const bool valid = accept.epoch != 0 && accept.index != 0;
  return checked(r, accept, valid);
}

Result<TunnelMessage> parse_refuse(Reader& r) {
  Refuse refuse{.epoch = r.u32()};
  const std::uint8_t reason = r.u8();
  constexpr auto kLast = static_cast<std::uint8_t>(Refusal::sealing);
  refuse.reason = reason <= kLast ? static_cast<Refusal>(reason) : Refusal::other;
  return checked(r, refuse, refuse.epoch != 0);
}

class Writing {
 public:
  TaggedBody operator()(const Offer& offer) {
    ensure(offer.ciphers.size() <= kCiphersMax, "swift: more ciphers than an offer can list");
    w_.u8(offer.version).u8(offer.sealed ? kSealed : 0).u32(offer.epoch).u32(offer.index);
    if (!offer.sealed) return tagged(kOffer);
    w_.u8(static_cast<std::uint8_t>(offer.ciphers.size()));
    for (const crypto::Cipher cipher : offer.ciphers)
      w_.u8(static_cast<std::uint8_t>(cipher));
    w_.bytes(offer.public_key);
    return tagged(kOffer);
  }
  TaggedBody operator()(const Accept& accept) {
    w_.u8(accept.sealed ? kSealed : 0).u32(accept.epoch).u32(accept.index);
    if (accept.sealed) w_.u8(static_cast<std::uint8_t>(accept.cipher)).bytes(accept.public_key);
    return tagged(kAccept);
  }
  TaggedBody operator()(const Confirm& confirm) {
    w_.u32(confirm.epoch);
    return tagged(kConfirm);
  }
  TaggedBody operator()(const Renew& renew) {
    w_.u32(renew.epoch);
    return tagged(kRenew);
  }
  TaggedBody operator()(const Refuse& refuse) {
    w_.u32(refuse.epoch).u8(static_cast<std::uint8_t>(refuse.reason));
    return tagged(kRefuse);
  }

 private:
  TaggedBody tagged(std::uint8_t tag) { return {.tag = tag, .body = std::move(body_)}; }

  Bytes body_;
  Writer w_{body_};
};

}  // namespace

Result<TunnelMessage> parse_tunnel_message(std::uint8_t tag, ByteView body) {
  Reader r(body);
  switch (tag) {
    case kOffer:
      return parse_offer(r);
    case kAccept:
      return parse_accept(r);
    case kConfirm: {
      const Confirm confirm{.epoch = r.u32()};
      return checked(r, confirm, confirm.epoch != 0);
    }
    case kRenew: {
      const Renew renew{.epoch = r.u32()};
      return checked(r, renew, renew.epoch != 0);
    }
    case kRefuse:
      return parse_refuse(r);
    default:
      return Error{Errc::unsupported, 0, "swift control: unknown message"};
  }
}

TaggedBody write_tunnel_message(const TunnelMessage& message) {
  return std::visit(Writing(), message);
}

}  // namespace weft::swift
