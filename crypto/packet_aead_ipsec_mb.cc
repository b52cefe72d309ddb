// SPDX-License-Identifier: Apache-2.0
// intel-ipsec-mb's direct calls: one manager per process, used only for its table of functions,
// which holds no state of a call, so that all workers share it.
#include <intel-ipsec-mb.h>
#include <sodium.h>

#include "crypto/internal/aead_makers.h"

namespace weft::crypto {
namespace {

struct FreeManager {
  void operator()(IMB_MGR* manager) const { free_mb_mgr(manager); }
};

// Null where the processor lacks AES-NI and PCLMULQDQ: without them the library is no faster than
// libsodium, and its emulation is not what it is tested for.
IMB_MGR* manager() {
  static const std::unique_ptr<IMB_MGR, FreeManager> kManager = [] {
    std::unique_ptr<IMB_MGR, FreeManager> made(alloc_mb_mgr(0));
    if (!made) return made;
    IMB_ARCH arch = IMB_ARCH_NONE;
    init_mb_mgr_auto(made.get(), &arch);
    constexpr std::uint64_t kNeeded = IMB_FEATURE_AESNI | IMB_FEATURE_PCLMULQDQ;
    bool able = arch >= IMB_ARCH_SSE && (made->features & kNeeded) == kNeeded;
    if (!able || imb_get_errno(made.get()) != 0) made.reset();
    return made;
  }();
  return kManager.get();
}

class Gcm final : public PacketAead {
 public:
  explicit Gcm(const Secret<32>& key) { IMB_AES256_GCM_PRE(manager(), key.reveal().data(), &key_); }
  ~Gcm() override { sodium_memzero(&key_, sizeof key_); }

  using PacketAead::seal;
  void seal(const AeadNonce& nonce, ByteView aad, ByteView text, ByteSpan box) const override {
    gcm_context_data context{};
    auto* out = reinterpret_cast<std::uint8_t*>(box.data());
    IMB_AES256_GCM_ENC(manager(), &key_, &context, out, bytes(text), text.size(), iv(nonce),
                       bytes(aad), aad.size(), out + text.size(), kAeadTagSize);
  }

  bool open(const AeadNonce& nonce, ByteView aad, ByteSpan box) const override {
    if (box.size() < kAeadTagSize) return false;
    gcm_context_data context{};
    std::array<std::uint8_t, kAeadTagSize> tag{};
    auto* text = reinterpret_cast<std::uint8_t*>(box.data());
    std::size_t size = box.size() - kAeadTagSize;
    IMB_AES256_GCM_DEC(manager(), &key_, &context, text, text, size, iv(nonce), bytes(aad),
                       aad.size(), tag.data(), tag.size());
    return sodium_memcmp(tag.data(), text + size, tag.size()) == 0;
  }

 private:
  static const std::uint8_t* iv(const AeadNonce& nonce) {
    return reinterpret_cast<const std::uint8_t*>(nonce.data());
  }
  static const std::uint8_t* bytes(ByteView view) {
    return reinterpret_cast<const std::uint8_t*>(view.data());
  }

  alignas(64) gcm_key_data key_{};
};

}  // namespace

std::unique_ptr<PacketAead> make_ipsec_mb_aead(Cipher cipher, const Secret<32>& key) {
  if (manager() == nullptr) return nullptr;
  switch (cipher) {
    case Cipher::aes_256_gcm:
      return std::make_unique<Gcm>(key);
    // libsodium's vectorised ChaCha20-Poly1305 does; a second one would only be more to trust.
    case Cipher::chacha20_poly1305:
      return nullptr;
  }
  return nullptr;
}

}  // namespace weft::crypto
