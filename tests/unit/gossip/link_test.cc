// SPDX-License-Identifier: Apache-2.0
#include "gossip/link.h"

#include <doctest/doctest.h>

using namespace weft;
using namespace weft::gossip;
using namespace std::chrono_literals;

namespace {

const TimePoint kStart{Duration(1h)};

struct Pair {
  Pair(std::string_view password_a, std::string_view password_b, std::uint64_t seed = 1)
      : rng(seed),
        a(kStart, options(true, password_a), to_b),
        b(kStart, options(false, password_b), to_a) {}

  LinkOptions options(bool outbound, std::string_view password) {
    LinkOptions options{.outbound = outbound, .features = {{"Side", outbound ? "a" : "b"}}};
    if (!password.empty()) {
      options.password = crypto::Password(password);
      options.keys = crypto::KeyPair::generate(rng);
    }
    return options;
  }
  // Moves bytes both ways, in pieces, until nothing more is said.
  void exchange(TimePoint now) {
    while (!to_a.empty() || !to_b.empty()) {
      move(now, a, to_a, to_b, heard_by_a);
      move(now, b, to_b, to_a, heard_by_b);
    }
  }
  void move(TimePoint now, Link& link, Bytes& in, Bytes& out, std::vector<Link::Event>& heard) {
    std::size_t n = in.empty() ? 0 : 1 + rng.below(in.size());
    link.feed(ByteView(in).first(n));
    in.erase(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(n));
    while (auto event = link.next(now, out))
      heard.push_back(std::move(*event));
  }

  SeededRng rng;
  Bytes to_a;
  Bytes to_b;
  Link a;
  Link b;
  std::vector<Link::Event> heard_by_a;
  std::vector<Link::Event> heard_by_b;
};

Bytes header(std::string_view text, std::uint8_t min, std::uint8_t max) {
  Bytes bytes;
  Writer(bytes).bytes(as_bytes(text)).u8(min).u8(max);
  return bytes;
}

std::string error_after(const Bytes& bytes) {
  Bytes out;
  Link link(kStart, {}, out);
  link.feed(bytes);
  CHECK_FALSE(link.next(kStart, out).has_value());
  return link.error();
}

}  // namespace

TEST_CASE("link: introduction: both sides learn the other's features, plain and sealed") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    std::string_view password = seed % 2 == 0 ? "" : "secret";
    Pair pair(password, password, seed);
    pair.exchange(kStart);
    REQUIRE(pair.heard_by_a.size() == 1);
    REQUIRE(pair.heard_by_b.size() == 1);
    CHECK(std::get<Link::Introduced>(pair.heard_by_a[0]).features.at("Side") == "b");
    CHECK(std::get<Link::Introduced>(pair.heard_by_b[0]).features.at("Side") == "a");
    CHECK(pair.a.key().has_value() == !password.empty());
    if (pair.a.key()) {
      CHECK(to_hex(pair.a.key()->reveal()) == to_hex(pair.b.key()->reveal()));
    }
  }
}

TEST_CASE("link: messages: arrive whole and in order, however the stream is cut") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Pair pair("x", "x", seed);
    pair.exchange(kStart);
    std::vector<Bytes> sent;
    for (int i = 0; i < 50; ++i) {
      Bytes message(1 + pair.rng.below(i % 10 == 0 ? 200'000 : 300));
      pair.rng.fill(message);
      REQUIRE(pair.a.send(message, pair.to_b));
      sent.push_back(std::move(message));
    }
    pair.exchange(kStart);
    REQUIRE(pair.heard_by_b.size() == 51);
    for (std::size_t i = 0; i < sent.size(); ++i) {
      CHECK(std::get<Link::Message>(pair.heard_by_b[i + 1]).body == sent[i]);
    }
  }
}

TEST_CASE("link: seal: nothing of a message is readable on the wire, and no bit may change") {
  Pair pair("x", "x");
  pair.exchange(kStart);
  std::string_view canary = "canary canary canary";
  REQUIRE(pair.a.send(as_bytes(canary), pair.to_b));
  CHECK(as_text(pair.to_b).find("canary") == std::string_view::npos);
  pair.to_b.back() ^= Byte{1};
  pair.exchange(kStart);
  CHECK(pair.b.error() == "a message does not open: corrupted or forged");
}

TEST_CASE("link: password: a different one is recognised as such on both sides") {
  Pair pair("one", "two");
  pair.exchange(kStart);
  CHECK(pair.a.error() == "the password differs from ours");
  CHECK(pair.b.error() == "the password differs from ours");
}

TEST_CASE("link: password: whoever only sees the stream end is told of the likely cause") {
  Pair pair("one", "two");
  // Both keys cross, but the frames do not arrive.
  for (auto* side : {&pair.a, &pair.b}) {
    Bytes& in = side == &pair.a ? pair.to_a : pair.to_b;
    Bytes& out = side == &pair.a ? pair.to_b : pair.to_a;
    side->feed(std::exchange(in, {}));
    side->next(kStart, out);
  }
  pair.a.feed(ByteView(pair.to_a).first(33));
  pair.a.next(kStart, pair.to_b);
  CHECK_FALSE(pair.a.failed());
  CHECK(pair.a.explain_close("connection reset by peer").find("perhaps the password differs") !=
        std::string::npos);
}

TEST_CASE("link: header: everything but version 2 of this protocol is refused in words") {
  CHECK(error_after(header("weave", 1, 2)).empty());
  CHECK(error_after(header("weave", 2, 9)).empty());
  CHECK(error_after(header("weave", 1, 1)) ==
        "remote version range [1,1] is incompatible with ours [2,2]");
  CHECK(error_after(header("weave", 3, 4)) ==
        "remote version range [3,4] is incompatible with ours [2,2]");
  CHECK(error_after(header("weave", 2, 1)).find("incompatible") != std::string::npos);
  CHECK(error_after(to_bytes(as_bytes("GET"))).find("not the mesh protocol") == 0);
  CHECK(error_after(to_bytes(as_bytes("wea"))).empty());
}

TEST_CASE("link: flag: a value that means nothing is refused") {
  auto bytes = header("weave", 1, 2);
  Writer(bytes).u8(7);
  CHECK(error_after(bytes) == "invalid encryption flag 07");
}

TEST_CASE("link: limits: a stranger gets little room, a neighbour ten mebibytes") {
  auto bytes = header("weave", 2, 2);
  Writer(bytes).u8(0).u32(kIntroductionMax + 1);
  CHECK(error_after(bytes) == "message of 65537 bytes exceeds the limit of 65536");

  Pair pair("", "");
  pair.exchange(kStart);
  Bytes out;
  CHECK_FALSE(pair.a.send(Bytes(kMessageMax + 1), out));
  CHECK(out.empty());
  CHECK(pair.a.send(Bytes(kMessageMax), pair.to_b));
  pair.exchange(kStart);
  CHECK(pair.heard_by_b.size() == 2);
  Writer(pair.to_b).u32(kMessageMax + 1);
  pair.exchange(kStart);
  CHECK(pair.b.error() == "message of 10485761 bytes exceeds the limit of 10485760");
}

TEST_CASE("link: low-order key: is refused") {
  SeededRng rng(1);
  Bytes out;
  Link link(kStart, {.password = crypto::Password("x"), .keys = crypto::KeyPair::generate(rng)},
            out);
  auto bytes = header("weave", 2, 2);
  Writer(bytes).u8(1).zeros(32);
  link.feed(bytes);
  link.next(kStart, out);
  CHECK(link.error().find("unusable public key") == 0);
}

TEST_CASE("link: time: header in 10 s, introduction in 60 s, silence of 60 s") {
  Bytes out;
  Link mute(kStart, {}, out);
  CHECK(mute.next_deadline() == kStart + 10s);
  mute.on_deadline(kStart + 9s, out);
  CHECK_FALSE(mute.failed());
  mute.on_deadline(kStart + 10s, out);
  CHECK(mute.error() == "no protocol header within 10 s");

  Link slow(kStart, {}, out);
  slow.feed(header("weave", 1, 2));
  slow.next(kStart + 5s, out);
  slow.on_deadline(kStart + 64s, out);
  CHECK_FALSE(slow.failed());
  slow.on_deadline(kStart + 65s, out);
  CHECK(slow.error() == "no introduction within 60 s");

  Pair pair("", "");
  pair.exchange(kStart);
  pair.a.on_deadline(kStart + 59s, pair.to_b);
  pair.exchange(kStart + 59s);
  pair.b.on_deadline(kStart + 60s, pair.to_a);
  CHECK_FALSE(pair.b.failed());
  pair.a.on_deadline(kStart + 60s, pair.to_b);
  CHECK(pair.a.error() == "no heartbeat for 60 s");
}

TEST_CASE("link: heartbeats: one every 30 s, and an empty message means nothing") {
  Pair pair("x", "x");
  pair.exchange(kStart);
  CHECK(pair.a.next_deadline() == kStart + 30s);
  pair.a.on_deadline(kStart + 30s, pair.to_b);
  CHECK(pair.to_b.size() == 4 + 16 + 1);
  pair.a.send({}, pair.to_b);
  pair.exchange(kStart + 30s);
  REQUIRE(pair.heard_by_b.size() == 2);
  CHECK(std::get<Link::Message>(pair.heard_by_b[1]).body == Bytes{Byte{0}});
  CHECK(pair.a.next_deadline() == kStart + 60s);
}
