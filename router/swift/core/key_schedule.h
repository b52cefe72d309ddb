// SPDX-License-Identifier: Apache-2.0
// From one X25519 agreement to the keys of one epoch of one tunnel. Each direction and each epoch
// has keys of its own, bound to the link's session key and to all that the two ends agreed on, so
// that ends which do not agree in everything cannot open each other's datagrams.
#pragma once

#include <cstdint>

#include "base/peer_name.h"
#include "crypto/packet_aead.h"
#include "crypto/session_key.h"
#include "router/swift/core/spec.h"

namespace weft::swift {

// What both ends must agree on, told from one point of view: `dialler` dialled the TCP connection.
struct KeyContext {
  struct End {
    PeerName name;
    std::uint32_t index = 0;  // its receiver index
    crypto::PublicKey public_key{};
  };
  End dialler;
  End acceptor;
  std::uint64_t conn_uid = 0;
  std::uint32_t epoch = 0;
  crypto::Cipher cipher = crypto::Cipher::chacha20_poly1305;
};

// For each direction 36 bytes, key and salt, of
//
//     HKDF-SHA256(ikm  = X25519 secret | session key, salt = public keys, the dialler's first,
//                 info = "weft swift 1" | direction 1 | cipher 1 | epoch 4 | connection 8 |
//                        dialler: name 6, index 4 | acceptor: name 6, index 4)
//
// where direction is 0 for what the dialler sends and 1 for what it receives. `we_dialled` says
// which of the two is our sending key.
EpochKeys derive_keys(const crypto::Secret<32>& shared, const crypto::SessionKey& session,
                      const KeyContext& context, crypto::AeadProvider provider, bool we_dialled);

}  // namespace weft::swift
