// SPDX-License-Identifier: Apache-2.0
// The control messages by which the two ends of a tunnel agree on keys. They travel in overlay
// control messages over the link's TCP connection, which is sealed if the mesh has a password; the
// tag says which message a body is. All fields are fixed or counted, big endian:
//
//     offer   (tag 1, from who dialled)  | version 1 | flags 1 | epoch 4 | index 4 |
//                                        | n 1, cipher n, public key 32 if sealed |
//     accept  (tag 2, from who accepted) | flags 1 | epoch 4 | index 4 |
//                                        | cipher 1, public key 32 if sealed |
//     confirm (tag 3, from who dialled)  | epoch 4 |
//     renew   (tag 4, from who accepted) | epoch 4 |    new keys are wanted after that epoch
//     refuse  (tag 5, from who accepted) | epoch 4 | reason 1 |
//
// flags: bit 0: datagrams are sealed. Format and meaning: docs/wire/swift.md.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "crypto/packet_aead.h"
#include "crypto/session_key.h"

namespace weft::swift {

inline constexpr std::uint8_t kTunnelVersion = 1;
// More ciphers than an offer can list; those with numbers unknown here are passed over.
inline constexpr std::size_t kCiphersMax = 16;

struct Offer {
  std::uint8_t version = kTunnelVersion;
  bool sealed = true;
  std::uint32_t epoch = 0;
  std::uint32_t index = 0;              // what the other end is to write in datagrams to the sender
  std::vector<crypto::Cipher> ciphers;  // fastest first; empty if not sealed
  crypto::PublicKey public_key{};       // zeros if not sealed
  friend bool operator==(const Offer&, const Offer&) = default;
};

struct Accept {
  bool sealed = true;
  std::uint32_t epoch = 0;
  std::uint32_t index = 0;
  crypto::Cipher cipher = crypto::Cipher::chacha20_poly1305;  // one of the offered; if sealed
  crypto::PublicKey public_key{};
  friend bool operator==(const Accept&, const Accept&) = default;
};

struct Confirm {
  std::uint32_t epoch = 0;
  friend bool operator==(const Confirm&, const Confirm&) = default;
};

struct Renew {
  std::uint32_t epoch = 0;
  friend bool operator==(const Renew&, const Renew&) = default;
};

// Numbers go over the wire; one that is not known here is read as `other`.
enum class Refusal : std::uint8_t { other = 0, version = 1, no_cipher = 2, sealing = 3 };

struct Refuse {
  std::uint32_t epoch = 0;
  Refusal reason = Refusal::other;
  friend bool operator==(const Refuse&, const Refuse&) = default;
};

using TunnelMessage = std::variant<Offer, Accept, Confirm, Renew, Refuse>;

// Errors: truncated, trailing bytes, an unknown tag, unknown flags, an epoch or index that is
// zero, a cipher chosen that is not known here. An offer of a later version is
// read as far as its epoch, so that it can be refused.
Result<TunnelMessage> parse_tunnel_message(std::uint8_t tag, ByteView body);

struct TaggedBody {
  std::uint8_t tag = 0;
  Bytes body;
};
TaggedBody write_tunnel_message(const TunnelMessage& message);

}  // namespace weft::swift
