// SPDX-License-Identifier: Apache-2.0
#include "router/swift/core/internal/epoch.h"

#include <cstring>

#include "base/ensure.h"
#include "router/swift/core/internal/fields.h"

namespace weft::swift {
namespace {

// Salt, with the stream mixed into its last byte, then the counter: no two datagrams of an epoch
// and direction share all three.
crypto::AeadNonce nonce_of(const std::array<Byte, 4>& salt, std::uint8_t stream,
                           const Byte* counter) {
  crypto::AeadNonce nonce{};
  std::memcpy(nonce.data(), salt.data(), salt.size());
  nonce[salt.size() - 1] ^= Byte{stream};
  std::memcpy(nonce.data() + salt.size(), counter, sizeof(std::uint64_t));
  return nonce;
}

}  // namespace

std::unique_ptr<Epoch> Epoch::make(const EpochKeys& keys) {
  std::unique_ptr<Epoch> epoch(new Epoch(keys));
  const auto [cipher, provider] = keys.aead;
  epoch->sealer_ = crypto::make_packet_aead(cipher, provider, keys.send_key);
  epoch->opener_ = crypto::make_packet_aead(cipher, provider, keys.receive_key);
  if (!epoch->sealer_ || !epoch->opener_) return nullptr;
  return epoch;
}

void Epoch::seal(std::uint8_t stream, ByteView text, ByteSpan box) {
  ensure(!exhausted(), "swift: a counter was to be used beyond its end");
  fields::put_u64(box.data() + 8, counter_++);
  sealer_->seal(nonce_of(send_salt_, stream, box.data() + 8), box.first(kOuterSize), text,
                box.subspan(kOuterSize));
}

bool Epoch::open(std::uint8_t stream, std::uint64_t counter, ByteSpan datagram) const {
  std::array<Byte, 8> number{};
  fields::put_u64(number.data(), counter);
  return opener_->open(nonce_of(receive_salt_, stream, number.data()), datagram.first(kOuterSize),
                       datagram.subspan(kOuterSize));
}

ReplayWindow* Epoch::window(std::size_t slot) {
  return slot < windows_.size() ? windows_[slot].get() : nullptr;
}

ReplayWindow& Epoch::make_window(std::size_t slot) {
  if (slot >= windows_.size()) windows_.resize(slot + 1);
  if (!windows_[slot]) windows_[slot] = std::make_unique<ReplayWindow>();
  return *windows_[slot];
}

}  // namespace weft::swift
