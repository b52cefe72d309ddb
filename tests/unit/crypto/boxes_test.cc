// SPDX-License-Identifier: Apache-2.0
// Keys and boxes against values computed by Weave, and the ways in which they must not work.
#include <set>

#include <doctest/doctest.h>

#include "base/rng.h"
#include "crypto/frame_box.h"
#include "crypto/sodium_rng.h"
#include "crypto/stream_box.h"

using namespace weft;
using namespace weft::crypto;

namespace {

Bytes bytes_of(std::string_view hex) {
  return *from_hex(hex);
}

Secret<32> counting_from(unsigned first) {
  Secret<32> out;
  for (unsigned i = 0; i < 32; ++i)
    out.fill()[i] = static_cast<Byte>(first + i);
  return out;
}

SessionKey agreed(const KeyPair& ours, const KeyPair& theirs, std::string_view password) {
  auto key = SessionKey::agree(ours, theirs.public_key, Password(password));
  REQUIRE(key.has_value());
  return *key;
}

SessionKey s3cr3t() {
  return agreed(KeyPair::from_private(counting_from(0x01)),
                KeyPair::from_private(counting_from(0x40)), "s3cr3t");
}

// A sealed frame as the sleeve packet carries it.
Bytes sealed_frame(const FrameBox& box, std::uint64_t sequence, ByteView plain) {
  Bytes frame(kBoxOverhead);
  append(frame, plain);
  box.seal(sequence, frame);
  return frame;
}

constexpr std::uint64_t kDf = std::uint64_t{1} << 63;

}  // namespace

TEST_CASE("session key: agreement: both sides get the key that Weave gets") {
  KeyPair a = KeyPair::from_private(counting_from(0x01));
  KeyPair b = KeyPair::from_private(counting_from(0x40));
  CHECK(to_hex(a.public_key) == "07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c");
  CHECK(to_hex(b.public_key) == "79a631eede1bf9c98f12032cdeadd0e7a079398fc786b88cc846ec89af85a51a");
  constexpr std::string_view kExpected =
      "54555b0018f6eff6bb8b6a05b1668732bedfd892e1f7d2e78d661eb6ac253452";
  CHECK(to_hex(agreed(a, b, "s3cr3t").reveal()) == kExpected);
  CHECK(to_hex(agreed(b, a, "s3cr3t").reveal()) == kExpected);
  CHECK(to_hex(agreed(b, a, "s3cr3T").reveal()) != kExpected);
}

TEST_CASE("session key: low-order points: a key that everybody could compute is refused") {
  KeyPair ours = KeyPair::from_private(counting_from(1));
  constexpr std::string_view kPoints[] = {
      "0000000000000000000000000000000000000000000000000000000000000000",
      "0100000000000000000000000000000000000000000000000000000000000000",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"};
  for (std::string_view hex : kPoints) {
    PublicKey theirs{};
    Bytes raw = bytes_of(hex);
    std::copy(raw.begin(), raw.end(), theirs.begin());
    CHECK_FALSE(SessionKey::agree(ours, theirs, Password("x")).has_value());
  }
}

TEST_CASE("secret: moves: the source is wiped") {
  Secret<32> from = counting_from(1);
  Secret<32> to = std::move(from);
  CHECK(to.reveal()[31] == Byte{32});
  CHECK(to_hex(from.reveal()) == std::string(64, '0'));  // NOLINT(bugprone-use-after-move)
  to = counting_from(2);
  CHECK(to.reveal()[0] == Byte{2});
}

TEST_CASE("password: copies and moves: each is whole, and a reassigned one is the new one") {
  Password a("first");
  Password b = a;
  a = Password("the second, longer");
  CHECK(as_text(a.reveal()) == "the second, longer");
  CHECK(as_text(b.reveal()) == "first");
  a = b;
  CHECK(as_text(a.reveal()) == "first");
  Password c = std::move(a);
  CHECK(as_text(c.reveal()) == "first");
}

TEST_CASE("stream box: sealing: both directions give Weave's bytes and open again") {
  StreamBox dialler(s3cr3t(), true);
  StreamBox acceptor(s3cr3t(), false);
  ByteView hello = as_bytes("hello");
  Bytes first = dialler.seal(hello);
  Bytes second = dialler.seal(bytes_of("00"));
  Bytes back = acceptor.seal(hello);
  CHECK(to_hex(first) == "0707c380c3eae33dca62b8c42619fb2ed5ac65d971");
  CHECK(to_hex(second) == "be30f3c89ded71bf27f710700184e8118c");
  CHECK(to_hex(back) == "b49371c61731cfffd9b983da50689c8defd54b08c1");
  CHECK(acceptor.open(first).value() == to_bytes(hello));
  CHECK(acceptor.open(second).value() == bytes_of("00"));
  CHECK(dialler.open(back).value() == to_bytes(hello));
}

TEST_CASE("stream box: order: replayed, dropped, reflected and foreign messages do not open") {
  StreamBox dialler(s3cr3t(), true);
  StreamBox acceptor(s3cr3t(), false);
  Bytes first = dialler.seal(as_bytes("one"));
  Bytes second = dialler.seal(as_bytes("two"));
  CHECK_FALSE(dialler.open(first).has_value());
  CHECK_FALSE(acceptor.open(second).has_value());
  CHECK(acceptor.open(first).has_value());
  CHECK_FALSE(acceptor.open(first).has_value());
  CHECK(acceptor.open(second).has_value());
  KeyPair pair = KeyPair::from_private(counting_from(9));
  StreamBox other(agreed(pair, pair, "s3cr3t"), false);
  CHECK_FALSE(other.open(first).has_value());
}

TEST_CASE("stream box: tampering: no prefix and no flipped bit opens; the message itself does") {
  StreamBox dialler(s3cr3t(), true);
  StreamBox acceptor(s3cr3t(), false);
  Bytes sealed = dialler.seal(as_bytes("weft"));
  for (std::size_t n = 0; n < sealed.size(); ++n) {
    CHECK_FALSE(acceptor.open(ByteView(sealed).first(n)).has_value());
    Bytes bent = sealed;
    bent[n] ^= Byte{0x10};
    CHECK_FALSE(acceptor.open(bent).has_value());
  }
  CHECK(acceptor.open(sealed).has_value());
}

TEST_CASE("stream box: empty messages: they have a tag and keep the count") {
  StreamBox dialler(s3cr3t(), true);
  StreamBox acceptor(s3cr3t(), false);
  for (int i = 0; i < 3; ++i) {
    Bytes sealed = dialler.seal({});
    CHECK(sealed.size() == kBoxOverhead);
    CHECK(acceptor.open(sealed).value().empty());
  }
}

TEST_CASE("frame box: sealing: DF, non-DF and both directions give Weave's bytes") {
  FrameBox dialler(SessionKey(counting_from(0)), true);
  FrameBox acceptor(SessionKey(counting_from(0)), false);
  Bytes plain = bytes_of("7a9febb60c6e000000000002000f0102030405060708090a0b0c0806aa");
  struct {
    const FrameBox& from;
    const FrameBox& to;
    std::uint64_t sequence;
    std::string_view hex;
  } const cases[] = {
      {dialler, acceptor, kDf,
       "2bc3e8fac7c64fc940375a1a6c8ed242656da34e06f45c73e11fe01e2e917072cf550366981303bd2b95c6d2e"
       "3"},
      {dialler, acceptor, kDf + 1,
       "a0dba53e243f6a377189901cb26d22579100e500a4500c1fdcda103f2d0c281c98ff2b14afaa33b950e370bc5"
       "5"},
      {acceptor, dialler, 0,
       "72b12357cc44b21c8678e5772abf0ab630911bf794c4bf335c54720d2549bfd0e73071f640ee2146600f438b9"
       "6"},
  };
  for (const auto& c : cases) {
    Bytes frame = sealed_frame(c.from, c.sequence, plain);
    CHECK(to_hex(frame) == c.hex);
    REQUIRE(c.to.open(c.sequence, frame));
    CHECK(to_hex(ByteView(frame).subspan(kBoxOverhead)) == to_hex(plain));
  }
}

TEST_CASE("frame box: tampering: another number, the wrong side, bent or short frames stay shut") {
  FrameBox dialler(SessionKey(counting_from(0)), true);
  FrameBox acceptor(SessionKey(counting_from(0)), false);
  Bytes frame = sealed_frame(dialler, 5, as_bytes("pod"));
  auto opens = [&](const FrameBox& box, std::uint64_t sequence, Bytes copy) {
    return box.open(sequence, copy);
  };
  CHECK_FALSE(opens(acceptor, 6, frame));
  CHECK_FALSE(opens(acceptor, 5 | kDf, frame));
  CHECK_FALSE(opens(dialler, 5, frame));
  for (std::size_t n = 0; n < frame.size(); ++n) {
    Bytes bent = frame;
    bent[n] ^= Byte{1};
    CHECK_FALSE(opens(acceptor, 5, bent));
    CHECK_FALSE(opens(acceptor, 5, {frame.begin(), frame.begin() + static_cast<long>(n)}));
  }
  CHECK(opens(acceptor, 5, frame));
}

TEST_CASE("boxes: nonces: a stream message never opens as a frame, nor the reverse") {
  SessionKey key(counting_from(0));
  Bytes message = StreamBox(key, true).seal(as_bytes("x"));
  CHECK_FALSE(FrameBox(key, false).open(0, message));
  Bytes frame = sealed_frame(FrameBox(key, true), 0, as_bytes("x"));
  CHECK_FALSE(StreamBox(key, false).open(frame).has_value());
}

TEST_CASE("key pairs: generation: different every time, and from the given randomness alone") {
  SeededRng one(7);
  SeededRng two(7);
  CHECK(KeyPair::generate(one).public_key == KeyPair::generate(two).public_key);
  CHECK(KeyPair::generate(one).public_key != KeyPair::generate(one).public_key);
  SodiumRng real;
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 100; ++i)
    seen.insert(real.next());
  CHECK(seen.size() == 100);
}
