// SPDX-License-Identifier: Apache-2.0
// One-time X25519 agreement against RFC 7748, and the points that must be refused.
#include "crypto/key_agreement.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <doctest/doctest.h>

using namespace weft;
using namespace weft::crypto;

namespace {

Secret<32> secret_of(std::string_view hex) {
  return Secret<32>(ByteView(*from_hex(hex)).first<32>());
}

PublicKey point(std::string_view hex) {
  PublicKey key{};
  std::ranges::copy(*from_hex(hex), key.begin());
  return key;
}

// RFC 7748, section 6.1.
constexpr std::string_view kAlice =
    "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
constexpr std::string_view kBob =
    "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";

}  // namespace

TEST_CASE("key agreement: RFC 7748: public keys and secret are the published ones") {
  EphemeralKey alice = EphemeralKey::from_private(secret_of(kAlice));
  EphemeralKey bob = EphemeralKey::from_private(secret_of(kBob));
  const PublicKey alice_public = alice.public_key();
  const PublicKey bob_public = bob.public_key();
  CHECK(to_hex(alice_public) == "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  CHECK(to_hex(bob_public) == "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  const auto at_alice = std::move(alice).agree(bob_public);
  const auto at_bob = std::move(bob).agree(alice_public);
  REQUIRE(at_alice.has_value());
  REQUIRE(at_bob.has_value());
  constexpr std::string_view kShared =
      "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
  CHECK(to_hex(at_alice->reveal()) == kShared);
  CHECK(to_hex(at_bob->reveal()) == kShared);
}

TEST_CASE("key agreement: low-order points: each is refused, as is each way to write it") {
  // The points of order 1, 2, 4 and 8 on curve and twist, and those plus p or 2p that fit.
  constexpr std::array<std::string_view, 7> kPoints{
      "0000000000000000000000000000000000000000000000000000000000000000",
      "0100000000000000000000000000000000000000000000000000000000000000",
      "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
      "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  };
  for (const std::string_view low : kPoints) {
    CAPTURE(low);
    EphemeralKey ours = EphemeralKey::from_private(secret_of(kAlice));
    CHECK_FALSE(std::move(ours).agree(point(low)).has_value());
  }
}

TEST_CASE("key agreement: pairs: two differ, and a third party's secret is another") {
  SeededRng rng(7);
  EphemeralKey a = EphemeralKey::generate(rng);
  EphemeralKey b = EphemeralKey::generate(rng);
  EphemeralKey c = EphemeralKey::generate(rng);
  CHECK(a.public_key() != b.public_key());
  const PublicKey b_public = b.public_key();
  const auto ab = std::move(a).agree(b_public);
  const auto cb = std::move(c).agree(b_public);
  REQUIRE(ab.has_value());
  REQUIRE(cb.has_value());
  CHECK_FALSE(std::ranges::equal(ab->reveal(), cb->reveal()));
}
