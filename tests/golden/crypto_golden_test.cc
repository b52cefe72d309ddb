// SPDX-License-Identifier: Apache-2.0
// Session keys and sealed TCP messages as Weave computes them.
#include <sodium.h>

#include "crypto/stream_box.h"
#include "gossip/link.h"
#include "tests/golden/golden.h"

using namespace weft;
using namespace weft::crypto;

namespace {

Secret<32> secret(const nlohmann::json& text) {
  Bytes raw = golden::hex(text);
  REQUIRE(raw.size() == 32);
  return Secret<32>(std::span<const Byte, 32>(raw));
}

std::string sha256(Bytes of) {
  std::array<Byte, crypto_hash_sha256_BYTES> digest{};
  crypto_hash_sha256(reinterpret_cast<unsigned char*>(digest.data()),
                     reinterpret_cast<const unsigned char*>(of.data()), of.size());
  return to_hex(digest);
}

Bytes framed(ByteView message) {
  Bytes out;
  Writer(out).u32(static_cast<std::uint32_t>(message.size())).bytes(message);
  return out;
}

// One direction: every message in order, sealed to the stated bytes and opened again.
void check_direction(const nlohmann::json& vectors, const char* wire, bool outbound) {
  SessionKey key(secret(vectors["key"]));
  StreamBox sender(key, outbound);
  StreamBox receiver(key, !outbound);
  const auto& messages = vectors["messages"];
  REQUIRE(vectors[wire].size() == messages.size());
  for (std::size_t i = 0; i < messages.size(); ++i) {
    CAPTURE(i);
    Bytes message = golden::hex(messages[i]);
    Bytes sealed = sender.seal(message);
    CHECK(to_hex(framed(sealed)) == vectors[wire][i].get<std::string>());
    auto opened = receiver.open(sealed);
    REQUIRE(opened.has_value());
    CHECK(*opened == message);
  }
}

}  // namespace

TEST_CASE("golden: session keys: both sides agree on Weave's key") {
  auto vectors = golden::load("session_key.json");
  if (!vectors) return;
  golden::require_known(*vectors, {"cases", "how"});
  for (const auto& c : (*vectors)["cases"]) {
    golden::require_known(c, {"box_precompute_shared", "password", "private_a", "private_b",
                              "public_a", "public_b", "session_key"});
    CAPTURE(c.dump());
    KeyPair a = KeyPair::from_private(secret(c["private_a"]));
    KeyPair b = KeyPair::from_private(secret(c["private_b"]));
    CHECK(to_hex(a.public_key) == c["public_a"].get<std::string>());
    CHECK(to_hex(b.public_key) == c["public_b"].get<std::string>());
    auto text = c["password"].get<std::string>();
    auto expected = c["session_key"].get<std::string>();
    CHECK(to_hex(SessionKey::agree(a, b.public_key, Password(text)).value().reveal()) == expected);
    CHECK(to_hex(SessionKey::agree(b, a.public_key, Password(text)).value().reveal()) == expected);
    Bytes hashed = golden::hex(c["box_precompute_shared"]);
    append(hashed, as_bytes(text));
    CHECK(sha256(hashed) == expected);
  }
}

TEST_CASE("golden: TCP messages: frames are Weave's, in the clear and sealed in both directions") {
  auto vectors = golden::load("tcp_messages.json");
  if (!vectors) return;
  golden::require_known(*vectors, {"encrypted_inbound_wire", "encrypted_outbound_wire", "key",
                                   "max_size", "messages", "nonce", "plain_wire"});
  CHECK((*vectors)["max_size"].get<std::size_t>() == gossip::kMessageMax);
  const auto& messages = (*vectors)["messages"];
  REQUIRE((*vectors)["plain_wire"].size() == messages.size());
  for (std::size_t i = 0; i < messages.size(); ++i) {
    Bytes message = golden::hex(messages[i]);
    CHECK(to_hex(framed(message)) == (*vectors)["plain_wire"][i].get<std::string>());
  }
  check_direction(*vectors, "encrypted_outbound_wire", true);
  check_direction(*vectors, "encrypted_inbound_wire", false);
}
