// SPDX-License-Identifier: Apache-2.0
// What each provider has to offer; null where this machine (or this build) cannot.
#pragma once

#include <memory>

#include "crypto/packet_aead.h"

namespace weft::crypto {

std::unique_ptr<PacketAead> make_ipsec_mb_aead(Cipher cipher, const Secret<32>& key);
std::unique_ptr<PacketAead> make_sodium_aead(Cipher cipher, const Secret<32>& key);

}  // namespace weft::crypto
