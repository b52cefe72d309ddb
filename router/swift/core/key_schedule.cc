// SPDX-License-Identifier: Apache-2.0
#include "router/swift/core/key_schedule.h"

#include <algorithm>

#include "crypto/kdf.h"

namespace weft::swift {
namespace {

constexpr std::string_view kLabel = "weft swift 1";
constexpr std::uint8_t kFromDialler = 0;
constexpr std::uint8_t kToDialler = 1;
constexpr std::size_t kKeySize = 32;
constexpr std::size_t kSaltSize = 4;

Bytes info(const KeyContext& context, std::uint8_t direction) {
  Bytes out;
  Writer w(out);
  w.bytes(as_bytes(kLabel)).u8(direction).u8(static_cast<std::uint8_t>(context.cipher));
  w.u32(context.epoch).u64(context.conn_uid);
  w.u48(context.dialler.name.value()).u32(context.dialler.index);
  w.u48(context.acceptor.name.value()).u32(context.acceptor.index);
  return out;
}

}  // namespace

EpochKeys derive_keys(const crypto::Secret<32>& shared, const crypto::SessionKey& session,
                      const KeyContext& context, crypto::AeadProvider provider, bool we_dialled) {
  crypto::Secret<2 * kKeySize> ikm;
  std::ranges::copy(shared.reveal(), ikm.fill().begin());
  std::ranges::copy(session.reveal(), ikm.fill().last<kKeySize>().begin());
  Bytes salt;
  append(salt, context.dialler.public_key);
  append(salt, context.acceptor.public_key);

  EpochKeys keys{.epoch = context.epoch, .aead = {context.cipher, provider}};
  const auto derive = [&](std::uint8_t direction, crypto::Secret<32>& key,
                          std::array<Byte, kSaltSize>& nonce_salt) {
    crypto::Secret<kKeySize + kSaltSize> okm;
    crypto::hkdf_sha256(ikm.reveal(), salt, info(context, direction), okm.fill());
    std::ranges::copy(okm.reveal().first<kKeySize>(), key.fill().begin());
    std::ranges::copy(okm.reveal().last<kSaltSize>(), nonce_salt.begin());
  };
  derive(we_dialled ? kFromDialler : kToDialler, keys.send_key, keys.send_salt);
  derive(we_dialled ? kToDialler : kFromDialler, keys.receive_key, keys.receive_salt);
  return keys;
}

}  // namespace weft::swift
