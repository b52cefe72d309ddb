// SPDX-License-Identifier: Apache-2.0
#include "crypto/packet_aead.h"

#include <algorithm>

#include "crypto/internal/aead_makers.h"

namespace weft::crypto {
namespace {

struct KnownAnswer {
  Cipher cipher;
  std::string_view key, nonce, aad, text, sealed;  // hexadecimal; sealed = ciphertext | tag
};

// GCM: test case 16 of McGrew and Viega, "The Galois/Counter Mode of Operation" (2005).
// ChaCha20-Poly1305: RFC 8439, section 2.8.2.
constexpr std::array kKnownAnswers{
    KnownAnswer{Cipher::aes_256_gcm,
                "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
                "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
                "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532f"
                "cf0e2449a6b525b16aedf5aa0de657ba637b39",
                "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7"
                "b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b"},
    KnownAnswer{Cipher::chacha20_poly1305,
                "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
                "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
                "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a"
                "204966204920636f756c64206f6666657220796f75206f6e6c79206f6e652074697020666f72207468"
                "65206675747572652c2073756e73637265656e20776f756c642062652069742e",
                "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282"
                "fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab3"
                "24e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e"
                "902ecbd0600691"},
};

// Of texts that providers are compared on: around a block, a vector, a packet, and more.
constexpr std::array<std::size_t, 8> kComparedSizes{0, 1, 63, 128, 257, 1400, 4096, 9001};

Secret<32> secret_of(ByteView bytes) {
  return Secret<32>(bytes.first<32>());
}

bool answers(const PacketAead& aead, const KnownAnswer& known) {
  Bytes aad = *from_hex(known.aad);
  Bytes text = *from_hex(known.text);
  Bytes sealed = *from_hex(known.sealed);
  AeadNonce nonce{};
  std::ranges::copy(*from_hex(known.nonce), nonce.begin());
  Bytes box = text;
  box.resize(text.size() + kAeadTagSize);
  aead.seal(nonce, aad, box);
  if (box != sealed || !aead.open(nonce, aad, box)) return false;
  if (!std::equal(text.begin(), text.end(), box.begin())) return false;
  box = sealed;
  box.front() ^= Byte{1};
  return !aead.open(nonce, aad, box);
}

}  // namespace

std::string_view to_string(Cipher cipher) {
  switch (cipher) {
    case Cipher::aes_256_gcm:
      return "aes-256-gcm";
    case Cipher::chacha20_poly1305:
      return "chacha20-poly1305";
  }
  return "unknown";
}

std::optional<Cipher> parse_cipher(std::uint8_t number) {
  if (number == static_cast<std::uint8_t>(Cipher::aes_256_gcm)) return Cipher::aes_256_gcm;
  if (number == static_cast<std::uint8_t>(Cipher::chacha20_poly1305)) {
    return Cipher::chacha20_poly1305;
  }
  return std::nullopt;
}

std::string_view to_string(AeadProvider provider) {
  switch (provider) {
    case AeadProvider::ipsec_mb:
      return "ipsec-mb";
    case AeadProvider::sodium:
      return "libsodium";
  }
  return "unknown";
}

std::unique_ptr<PacketAead> make_packet_aead(Cipher cipher, AeadProvider provider,
                                             const Secret<32>& key) {
  switch (provider) {
    case AeadProvider::ipsec_mb:
      return make_ipsec_mb_aead(cipher, key);
    case AeadProvider::sodium:
      return make_sodium_aead(cipher, key);
  }
  return nullptr;
}

bool aead_self_test(AeadChoice choice) {
  return std::ranges::all_of(kKnownAnswers, [&](const KnownAnswer& known) {
    if (known.cipher != choice.cipher) return true;
    auto aead = make_packet_aead(choice.cipher, choice.provider, secret_of(*from_hex(known.key)));
    return aead != nullptr && answers(*aead, known);
  });
}

bool providers_agree(const PacketAead& one, const PacketAead& other) {
  const Bytes aad = to_bytes(as_bytes("sixteen bytes of"));
  for (const std::size_t size : kComparedSizes) {
    Bytes text(size);
    for (std::size_t i = 0; i < size; ++i)
      text[i] = Byte(i * 167 + (i >> 8));
    AeadNonce nonce{};
    nonce.front() = Byte(size);
    Bytes box(size + kAeadTagSize);
    Bytes others(box.size());
    one.seal(nonce, aad, text, box);
    other.seal(nonce, aad, text, others);
    if (box != others || !one.open(nonce, aad, others) || !other.open(nonce, aad, box)) {
      return false;
    }
    if (box != others || !std::equal(text.begin(), text.end(), box.begin())) return false;
  }
  return true;
}

std::vector<AeadChoice> usable_aeads() {
  std::vector<AeadChoice> usable;
  for (const Cipher cipher : {Cipher::aes_256_gcm, Cipher::chacha20_poly1305}) {
    std::vector<AeadChoice> good;
    std::vector<std::unique_ptr<PacketAead>> made;
    for (const AeadProvider provider : {AeadProvider::ipsec_mb, AeadProvider::sodium}) {
      if (!aead_self_test({cipher, provider})) continue;
      good.push_back({cipher, provider});
      made.push_back(make_packet_aead(cipher, provider, secret_of(Bytes(32, Byte{0x5a}))));
    }
    const bool agree = made.size() < 2 || providers_agree(*made[0], *made[1]);
    if (!good.empty() && agree) usable.push_back(good.front());
  }
  return usable;
}

}  // namespace weft::crypto
