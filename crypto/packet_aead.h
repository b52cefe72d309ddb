// SPDX-License-Identifier: Apache-2.0
// The cipher of one direction of a swift tunnel during one key epoch. One interface, two ciphers,
// two providers: intel-ipsec-mb where the processor has what it needs, libsodium elsewhere. Which
// one runs is decided at start by what is there and passes its self-test.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "crypto/secret.h"

namespace weft::crypto {

// Numbers go over the wire in key offers.
enum class Cipher : std::uint8_t { aes_256_gcm = 1, chacha20_poly1305 = 2 };
std::string_view to_string(Cipher cipher);
std::optional<Cipher> parse_cipher(std::uint8_t number);

enum class AeadProvider : std::uint8_t { ipsec_mb, sodium };
std::string_view to_string(AeadProvider provider);

inline constexpr std::size_t kAeadTagSize = 16;
inline constexpr std::size_t kAeadNonceSize = 12;
using AeadNonce = std::array<Byte, kAeadNonceSize>;

// Stateless after construction: one object may serve one thread at a time. The key is wiped with
// the object. Nonces are the caller's: sealing two texts under one nonce breaks everything.
class PacketAead {
 public:
  PacketAead() = default;
  PacketAead(const PacketAead&) = delete;
  PacketAead& operator=(const PacketAead&) = delete;
  virtual ~PacketAead() = default;

  // Seals `text` into `box`, which has kAeadTagSize bytes more. The text may be the beginning of
  // the box itself; otherwise they must not overlap. Sealing from one place to another is no
  // slower than in place, so it saves whoever needs a copy the copying.
  virtual void seal(const AeadNonce& nonce, ByteView aad, ByteView text, ByteSpan box) const = 0;
  // In place: `box` is the text followed by kAeadTagSize bytes of room for the tag.
  void seal(const AeadNonce& nonce, ByteView aad, ByteSpan box) const {
    seal(nonce, aad, box.first(box.size() - kAeadTagSize), box);
  }
  // In place: afterwards the text is box less its last kAeadTagSize bytes. False, with the
  // contents unspecified, if forged or too short.
  virtual bool open(const AeadNonce& nonce, ByteView aad, ByteSpan box) const = 0;
};

// Null if this machine cannot run that cipher with that provider.
std::unique_ptr<PacketAead> make_packet_aead(Cipher cipher, AeadProvider provider,
                                             const Secret<32>& key);

struct AeadChoice {
  Cipher cipher = Cipher::chacha20_poly1305;
  AeadProvider provider = AeadProvider::sodium;
  friend bool operator==(const AeadChoice&, const AeadChoice&) = default;
};

// The ciphers of this machine, each with its best provider, fastest first. Every entry has passed
// its known-answer test and agrees with the other provider, if this machine can run both; a cipher
// whose providers disagree is left out. That takes microseconds. Never empty: libsodium's
// ChaCha20-Poly1305 runs everywhere.
std::vector<AeadChoice> usable_aeads();

// Whether two providers of one cipher, with the same key, seal texts of many lengths to the same
// bytes, and open one another's. The published answers are shorter than a packet: longer ones take
// other ways through a vectorised implementation.
bool providers_agree(const PacketAead& one, const PacketAead& other);

// Known answers (NIST for GCM, RFC 8439 for ChaCha20-Poly1305) for one pair. False: do not use it.
bool aead_self_test(AeadChoice choice);

}  // namespace weft::crypto
