// SPDX-License-Identifier: Apache-2.0
// The key schedule: both ends get the same, and nothing else gives it.
#include <functional>

#include <doctest/doctest.h>

#include "router/swift/core/key_schedule.h"

using namespace weft;
using namespace weft::swift;

namespace {

crypto::Secret<32> filled(std::uint8_t value) {
  crypto::Secret<32> secret;
  std::ranges::fill(secret.fill(), static_cast<Byte>(value));
  return secret;
}

KeyContext context() {
  KeyContext c{.dialler = {PeerName::from_u48(0x7a0000000001), 0x11111111},
               .acceptor = {PeerName::from_u48(0x7a0000000002), 0x22222222},
               .conn_uid = 0x0123456789abcdef,
               .epoch = 3,
               .cipher = crypto::Cipher::aes_256_gcm};
  c.dialler.public_key.fill(Byte{0xd1});
  c.acceptor.public_key.fill(Byte{0xac});
  return c;
}

EpochKeys keys(const KeyContext& c, bool we_dialled = true, std::uint8_t shared = 1,
               std::uint8_t session = 2) {
  return derive_keys(filled(shared), crypto::SessionKey(filled(session)), c,
                     crypto::AeadProvider::sodium, we_dialled);
}

std::string text(const EpochKeys& k) {
  return to_hex(k.send_key.reveal()) + to_hex(k.send_salt) + to_hex(k.receive_key.reveal()) +
         to_hex(k.receive_salt);
}

}  // namespace

TEST_CASE("swift keys: directions: what one end sends with, the other receives with") {
  const EpochKeys at_dialler = keys(context(), true);
  const EpochKeys at_acceptor = keys(context(), false);
  CHECK(at_dialler.epoch == 3);
  CHECK((at_dialler.aead.cipher == crypto::Cipher::aes_256_gcm));
  CHECK(to_hex(at_dialler.send_key.reveal()) == to_hex(at_acceptor.receive_key.reveal()));
  CHECK(to_hex(at_dialler.receive_key.reveal()) == to_hex(at_acceptor.send_key.reveal()));
  CHECK((at_dialler.send_salt == at_acceptor.receive_salt));
  CHECK((at_dialler.receive_salt == at_acceptor.send_salt));
  CHECK(to_hex(at_dialler.send_key.reveal()) != to_hex(at_dialler.receive_key.reveal()));
}

TEST_CASE("swift keys: schedule: the first key and salt are those of the documented formula") {
  CHECK(to_hex(keys(context()).send_key.reveal()) + to_hex(keys(context()).send_salt) ==
        "8040d6ae5a5ee2cfff169f3c56ce7613a0f3c5beadad7302069e09da611b12fbd698c2f5");
}

TEST_CASE("swift keys: binding: whatever the ends could disagree in, makes other keys") {
  const std::string base = text(keys(context()));
  const std::vector<std::function<void(KeyContext&)>> changes{
      [](KeyContext& c) { c.dialler.name = PeerName::from_u48(9); },
      [](KeyContext& c) { c.acceptor.name = PeerName::from_u48(9); },
      [](KeyContext& c) { c.dialler.index ^= 1U; },
      [](KeyContext& c) { c.acceptor.index ^= 1U; },
      [](KeyContext& c) { c.dialler.public_key[31] ^= Byte{1}; },
      [](KeyContext& c) { c.acceptor.public_key[0] ^= Byte{1}; },
      [](KeyContext& c) { std::swap(c.dialler, c.acceptor); },
      [](KeyContext& c) { c.conn_uid ^= 1U; },
      [](KeyContext& c) { ++c.epoch; },
      [](KeyContext& c) { c.cipher = crypto::Cipher::chacha20_poly1305; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    CAPTURE(i);
    KeyContext changed = context();
    changes[i](changed);
    CHECK(text(keys(changed)) != base);
  }
  CHECK(text(keys(context(), true, 9)) != base);     // the agreed secret
  CHECK(text(keys(context(), true, 1, 9)) != base);  // the session key, and with it the password
}
