// SPDX-License-Identifier: Apache-2.0
#include "crypto/packet_aead.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "base/rng.h"
#include "crypto/kdf.h"

using namespace weft;
using namespace weft::crypto;

namespace {

Secret<32> random_key(Rng& rng) {
  Secret<32> key;
  rng.fill(key.fill());
  return key;
}

// Right but for texts of some length, or in what it opens.
class Faulty final : public PacketAead {
 public:
  Faulty(const PacketAead& right, std::size_t bad_size, bool in_opening)
      : right_(right), bad_size_(bad_size), in_opening_(in_opening) {}

  using PacketAead::seal;
  void seal(const AeadNonce& nonce, ByteView aad, ByteView text, ByteSpan box) const override {
    right_.seal(nonce, aad, text, box);
    if (!in_opening_ && text.size() == bad_size_) box[bad_size_ / 2] ^= Byte{1};
  }
  bool open(const AeadNonce& nonce, ByteView aad, ByteSpan box) const override {
    const bool good = right_.open(nonce, aad, box);
    if (in_opening_ && box.size() == bad_size_ + kAeadTagSize) box[bad_size_ / 2] ^= Byte{1};
    return good;
  }

 private:
  const PacketAead& right_;
  std::size_t bad_size_;
  bool in_opening_;
};

}  // namespace

TEST_CASE(
    "packet aead: start: providers that differ on one length, or in what they open, do not agree") {
  SeededRng rng(5);
  const auto right =
      make_packet_aead(Cipher::chacha20_poly1305, AeadProvider::sodium, random_key(rng));
  CHECK(providers_agree(*right, *right));
  for (const std::size_t size : {1UL, 1400UL, 4096UL}) {
    for (const bool in_opening : {false, true}) {
      const Faulty faulty(*right, size, in_opening);
      CHECK_FALSE(providers_agree(*right, faulty));
      CHECK_FALSE(providers_agree(faulty, *right));
    }
  }
}

TEST_CASE("packet aead: start: something is usable, each cipher once, and it passes its test") {
  auto usable = usable_aeads();
  REQUIRE_FALSE(usable.empty());
  CHECK(usable.back().cipher == Cipher::chacha20_poly1305);
  for (AeadChoice choice : usable)
    CHECK(aead_self_test(choice));
}

TEST_CASE("packet aead: providers: they agree on every size and open each other's boxes") {
  SeededRng rng(3);
  for (unsigned size : {0U, 1U, 15U, 16U, 17U, 63U, 64U, 65U, 255U, 1400U, 1500U, 9000U}) {
    Secret<32> key = random_key(rng);
    auto one = make_packet_aead(Cipher::aes_256_gcm, AeadProvider::ipsec_mb, key);
    auto other = make_packet_aead(Cipher::aes_256_gcm, AeadProvider::sodium, key);
    if (!one || !other) {
      MESSAGE("skipped: this processor lacks one of the providers");
      return;
    }
    Bytes text(size), aad(16);
    AeadNonce nonce{};
    rng.fill(text);
    rng.fill(aad);
    rng.fill(nonce);
    Bytes a = text, b = text;
    a.resize(size + kAeadTagSize);
    b.resize(size + kAeadTagSize);
    one->seal(nonce, aad, a);
    other->seal(nonce, aad, b);
    CHECK(a == b);
    CHECK(one->open(nonce, aad, b));
    CHECK(std::equal(text.begin(), text.end(), b.begin()));
  }
}

TEST_CASE(
    "packet aead: sealing: from elsewhere gives the same box as in place, and spares the text") {
  SeededRng rng(5);
  for (AeadChoice choice : usable_aeads()) {
    const Secret<32> key = random_key(rng);
    const auto aead = make_packet_aead(choice.cipher, choice.provider, key);
    for (unsigned size : {0U, 1U, 63U, 64U, 1400U, 9000U}) {
      Bytes text(size), aad(16);
      AeadNonce nonce{};
      rng.fill(text);
      rng.fill(aad);
      const Bytes before = text;
      Bytes in_place = text;
      in_place.resize(size + kAeadTagSize);
      aead->seal(nonce, aad, in_place);
      Bytes elsewhere(size + kAeadTagSize);
      aead->seal(nonce, aad, text, elsewhere);
      CHECK(elsewhere == in_place);
      CHECK(text == before);
    }
  }
}

TEST_CASE("packet aead: forgery: a change of text, tag, header, nonce or length does not open") {
  SeededRng rng(4);
  for (AeadChoice choice : usable_aeads()) {
    auto aead = make_packet_aead(choice.cipher, choice.provider, random_key(rng));
    Bytes aad(16), sealed(100 + kAeadTagSize);
    AeadNonce nonce{};
    aead->seal(nonce, aad, sealed);
    auto opens = [&](Bytes box, Bytes header, AeadNonce n) {
      return aead->open(n, header, box);
    };
    CHECK(opens(sealed, aad, nonce));
    for (std::size_t i : {std::size_t{0}, std::size_t{99}, std::size_t{100}, sealed.size() - 1}) {
      Bytes bad = sealed;
      bad[i] ^= Byte{0x80};
      CHECK_FALSE(opens(bad, aad, nonce));
    }
    Bytes other_header = aad;
    other_header[3] = Byte{1};
    CHECK_FALSE(opens(sealed, other_header, nonce));
    AeadNonce other_nonce = nonce;
    other_nonce[11] = Byte{1};
    CHECK_FALSE(opens(sealed, aad, other_nonce));
    CHECK_FALSE(opens({sealed.begin(), sealed.end() - 1}, aad, nonce));
    CHECK_FALSE(opens(Bytes(3), aad, nonce));
    CHECK_FALSE(opens({}, aad, nonce));
  }
}

TEST_CASE("kdf: rfc 5869: test cases 1 and 2 come out") {
  Bytes okm(42);
  hkdf_sha256(*from_hex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"),
              *from_hex("000102030405060708090a0b0c"), *from_hex("f0f1f2f3f4f5f6f7f8f9"), okm);
  CHECK(to_hex(okm) ==
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
  Bytes weave(36);
  Bytes session, salt;
  for (int i = 0; i < 32; ++i)
    session.push_back(static_cast<Byte>(i));
  for (int i = 0; i < 32; ++i)
    salt.push_back(static_cast<Byte>(0x80 + i));
  hkdf_sha256(session, salt, *from_hex("00007a9febb60c6e"), weave);
  CHECK(to_hex(weave) ==
        "ff043aea7aa8e2efddf93fc845986f3f75c0ccf491118c69733ef359723bd82493cf48d4");
}
