// SPDX-License-Identifier: Apache-2.0
#include <sodium.h>

#include "crypto/internal/aead_makers.h"
#include "crypto/internal/sodium_bytes.h"

namespace weft::crypto {
namespace {

class SodiumGcm final : public PacketAead {
 public:
  explicit SodiumGcm(const Secret<32>& key) {
    crypto_aead_aes256gcm_beforenm(&key_, in(key.reveal().data()));
  }
  ~SodiumGcm() override { sodium_memzero(&key_, sizeof key_); }

  using PacketAead::seal;
  void seal(const AeadNonce& nonce, ByteView aad, ByteView text, ByteSpan box) const override {
    unsigned char* to = out(box.data());
    crypto_aead_aes256gcm_encrypt_detached_afternm(to, to + text.size(), nullptr, in(text.data()),
                                                   text.size(), in(aad.data()), aad.size(), nullptr,
                                                   in(nonce.data()), &key_);
  }
  bool open(const AeadNonce& nonce, ByteView aad, ByteSpan box) const override {
    if (box.size() < kAeadTagSize) return false;
    unsigned char* text = out(box.data());
    std::size_t size = box.size() - kAeadTagSize;
    return crypto_aead_aes256gcm_decrypt_detached_afternm(text, nullptr, text, size, text + size,
                                                          in(aad.data()), aad.size(),
                                                          in(nonce.data()), &key_) == 0;
  }

 private:
  alignas(16) crypto_aead_aes256gcm_state key_{};
};

class SodiumChaCha final : public PacketAead {
 public:
  explicit SodiumChaCha(const Secret<32>& key) : key_(key.clone()) {}

  using PacketAead::seal;
  void seal(const AeadNonce& nonce, ByteView aad, ByteView text, ByteSpan box) const override {
    unsigned char* to = out(box.data());
    crypto_aead_chacha20poly1305_ietf_encrypt_detached(
        to, to + text.size(), nullptr, in(text.data()), text.size(), in(aad.data()), aad.size(),
        nullptr, in(nonce.data()), in(key_.reveal().data()));
  }
  bool open(const AeadNonce& nonce, ByteView aad, ByteSpan box) const override {
    if (box.size() < kAeadTagSize) return false;
    unsigned char* text = out(box.data());
    std::size_t size = box.size() - kAeadTagSize;
    return crypto_aead_chacha20poly1305_ietf_decrypt_detached(
               text, nullptr, text, size, text + size, in(aad.data()), aad.size(), in(nonce.data()),
               in(key_.reveal().data())) == 0;
  }

 private:
  Secret<32> key_;
};

}  // namespace

std::unique_ptr<PacketAead> make_sodium_aead(Cipher cipher, const Secret<32>& key) {
  if (sodium_init() < 0) return nullptr;
  switch (cipher) {
    case Cipher::aes_256_gcm:
      if (crypto_aead_aes256gcm_is_available() == 0) return nullptr;
      return std::make_unique<SodiumGcm>(key);
    case Cipher::chacha20_poly1305:
      return std::make_unique<SodiumChaCha>(key);
  }
  return nullptr;
}

}  // namespace weft::crypto
