// SPDX-License-Identifier: Apache-2.0
// The layout of swift's control messages, and what is not one.
#include <doctest/doctest.h>

#include "base/rng.h"
#include "router/overlay/control_wire.h"
#include "router/swift/core/tunnel_wire.h"

using namespace weft;
using namespace weft::swift;

namespace {

crypto::PublicKey counting_key() {
  crypto::PublicKey key{};
  for (std::size_t i = 0; i < key.size(); ++i)
    key[i] = static_cast<Byte>(i + 1);
  return key;
}

std::vector<TunnelMessage> samples() {
  using crypto::Cipher;
  return {
      Offer{.epoch = 7,
            .index = 0xa1b2c3d4,
            .ciphers = {Cipher::aes_256_gcm, Cipher::chacha20_poly1305},
            .public_key = counting_key()},
      Offer{.epoch = 1, .index = 2, .public_key = counting_key()},
      Offer{.sealed = false, .epoch = 1, .index = 5},
      Accept{.epoch = 7, .index = 9, .cipher = Cipher::aes_256_gcm, .public_key = counting_key()},
      Accept{.sealed = false, .epoch = 1, .index = 9},
      Confirm{.epoch = 0xffffffff},
      Renew{.epoch = 3},
      Refuse{.epoch = 3, .reason = Refusal::sealing},
  };
}

bool is_message(std::uint8_t tag, std::string_view hex) {
  return parse_tunnel_message(tag, *from_hex(hex)).has_value();
}

}  // namespace

TEST_CASE("swift control: layout: the bytes are the documented ones") {
  const auto all = samples();
  const std::string key = to_hex(counting_key());
  const std::vector<std::pair<int, std::string>> expected{
      {1, "010100000007a1b2c3d4020102" + key},
      {1, "0101000000010000000200" + key},
      {1, "01000000000100000005"},
      {2, "01000000070000000901" + key},
      {2, "000000000100000009"},
      {3, "ffffffff"},
      {4, "00000003"},
      {5, "0000000303"},
  };
  for (std::size_t i = 0; i < all.size(); ++i) {
    const TaggedBody written = write_tunnel_message(all[i]);
    CHECK(written.tag == expected[i].first);
    CHECK(to_hex(written.body) == expected[i].second);
    CHECK(written.body.size() <= overlay::kControlBodyMax);
    const auto read = parse_tunnel_message(written.tag, written.body);
    REQUIRE(read.has_value());
    CHECK((*read == all[i]));
  }
}

TEST_CASE("swift control: hostile input: no shorter and no longer body is taken for a message") {
  for (const auto& message : samples()) {
    TaggedBody written = write_tunnel_message(message);
    for (std::size_t size = 0; size < written.body.size(); ++size) {
      CHECK_FALSE(
          parse_tunnel_message(written.tag, ByteView(written.body).first(size)).has_value());
    }
    written.body.push_back(Byte{0});
    CHECK_FALSE(parse_tunnel_message(written.tag, written.body).has_value());
  }
}

TEST_CASE("swift control: hostile input: zeros, unknown flags, tags and ciphers are refused") {
  const std::string key = to_hex(counting_key());
  CHECK(is_message(1, "01000000000100000005"));
  CHECK_FALSE(is_message(1, "01000000000000000005"));  // epoch
  CHECK_FALSE(is_message(1, "01000000000100000000"));  // index
  CHECK_FALSE(is_message(1, "01020000000100000005"));  // flags
  CHECK_FALSE(is_message(0, "00000001"));
  CHECK_FALSE(is_message(6, "00000001"));
  CHECK(is_message(2, "01000000070000000902" + key));
  CHECK_FALSE(is_message(2, "01000000070000000903" + key));  // a cipher we cannot have offered
  CHECK_FALSE(is_message(1, "0101000000010000000211" + std::string(34, '1') + key));
}

TEST_CASE("swift control: later versions: ciphers and reasons that are new do no harm") {
  const std::string key = to_hex(counting_key());
  const auto offer = parse_tunnel_message(1, *from_hex("0101000000010000000203630102" + key));
  REQUIRE(offer.has_value());
  CHECK((std::get<Offer>(*offer).ciphers ==
         std::vector{crypto::Cipher::aes_256_gcm, crypto::Cipher::chacha20_poly1305}));
  const auto refuse = parse_tunnel_message(5, *from_hex("00000003ee"));
  REQUIRE(refuse.has_value());
  CHECK((std::get<Refuse>(*refuse).reason == Refusal::other));
  // Of an offer of another version the epoch is known, to refuse it by.
  const auto later = parse_tunnel_message(1, *from_hex("02ff00000009aabbcc"));
  REQUIRE(later.has_value());
  CHECK(std::get<Offer>(*later).version == 2);
  CHECK(std::get<Offer>(*later).epoch == 9);
}

TEST_CASE("swift control: property: what parses is written as it was read") {
  SeededRng rng(3);
  const auto all = samples();
  int parsed = 0;
  for (int round = 0; round < 20000; ++round) {
    TaggedBody body = write_tunnel_message(all[rng.below(all.size())]);
    body.body[rng.below(body.body.size())] ^= static_cast<Byte>(1U << rng.below(8));
    const auto read = parse_tunnel_message(body.tag, body.body);
    if (!read) continue;
    if (const auto* offer = std::get_if<Offer>(&*read); offer && offer->version != 1) continue;
    const auto again = parse_tunnel_message(body.tag, write_tunnel_message(*read).body);
    REQUIRE(again.has_value());
    CHECK((*again == *read));
    ++parsed;
  }
  CHECK(parsed > 1000);
}
