// SPDX-License-Identifier: Apache-2.0
// The small parts of the node: token bucket, short IDs, surrogates, senders, targets.
#include <doctest/doctest.h>

#include "gossip/sender.h"
#include "gossip/short_ids.h"
#include "gossip/surrogate.h"
#include "gossip/target.h"
#include "gossip/token_bucket.h"

using namespace weft;
using namespace weft::gossip;
using namespace std::chrono_literals;

namespace {

const TimePoint kStart{Duration(1h)};

PeerName name(std::uint64_t number) {
  return PeerName::from_u48(number);
}

Datum message(std::string_view text) {
  return {.messages = {to_bytes(as_bytes(text))}};
}

}  // namespace

TEST_CASE("token bucket: rate: a burst, then one for each interval, never more than it holds") {
  TokenBucket bucket(3, 50ms);
  for (int i = 0; i < 3; ++i)
    CHECK(bucket.take(kStart));
  CHECK_FALSE(bucket.take(kStart));
  CHECK_FALSE(bucket.take(kStart + 49ms));
  CHECK(bucket.take(kStart + 50ms));
  CHECK_FALSE(bucket.take(kStart + 99ms));
  CHECK(bucket.take(kStart + 100ms));
  int taken = 0;
  while (bucket.take(kStart + 1h))
    ++taken;
  CHECK(taken == 3);
}

TEST_CASE("short ids: ownership: the lowest name wins, the next inherits") {
  ShortIds ids;
  auto id = *ShortId::make(7);
  CHECK_FALSE(ids.lookup(id).has_value());
  ids.add(id, name(5));
  ids.add(id, name(3));
  ids.add(id, name(9));
  CHECK(ids.lookup(id) == name(3));
  ids.remove(id, name(3));
  CHECK(ids.lookup(id) == name(5));
  ids.remove(id, name(9));
  ids.remove(id, name(5));
  CHECK_FALSE(ids.lookup(id).has_value());
}

TEST_CASE("short ids: free ones: are found to the last, at random") {
  SeededRng rng(1);
  ShortIds ids;
  std::set<ShortId> seen;
  for (int i = 0; i <= ShortId::kMax; ++i) {
    auto id = ids.pick_free(rng);
    REQUIRE(id.has_value());
    CHECK(seen.insert(*id).second);
    ids.add(*id, name(1));
  }
  CHECK_FALSE(ids.pick_free(rng).has_value());
  ids.remove(*ShortId::make(4095), name(1));
  CHECK(ids.pick_free(rng) == ShortId::make(4095));
}

TEST_CASE("surrogates: memory: the same message is new again only after the interval") {
  SeededRng rng(1);
  Surrogates surrogates(rng);
  auto payload = to_bytes(as_bytes("payload"));
  CHECK(surrogates.is_new(kStart, "a", payload));
  CHECK_FALSE(surrogates.is_new(kStart + 29s, "a", payload));
  CHECK(surrogates.is_new(kStart, "b", payload));
  payload.back() = Byte{0};
  CHECK(surrogates.is_new(kStart, "a", payload));
  payload = to_bytes(as_bytes("payload"));
  CHECK(surrogates.is_new(kStart + 30s, "a", payload));
}

TEST_CASE("surrogates: memory: lengths, prefixes and single bits all make a difference") {
  SeededRng rng(1);
  Surrogates surrogates(rng);
  for (std::size_t size = 0; size < 64; ++size)
    CHECK(surrogates.is_new(kStart, "", Bytes(size)));
  for (std::size_t bit = 0; bit < 24 * 8; ++bit) {
    Bytes payload(24);
    payload[bit / 8] = static_cast<Byte>(1U << bit % 8);
    CHECK(surrogates.is_new(kStart, "", payload));
  }
}

TEST_CASE("surrogates: flood: beyond the bound nothing is passed on, until time has passed") {
  SeededRng rng(1);
  Surrogates surrogates(rng);
  std::size_t passed = 0;
  for (std::uint64_t i = 0; i < kSeenMax + 100; ++i) {
    Bytes payload;
    Writer(payload).u64(i);
    if (surrogates.is_new(kStart, "x", payload)) ++passed;
  }
  CHECK(passed == kSeenMax);
  CHECK(surrogates.is_new(kStart + 30s, "x", Bytes(3)));
}

TEST_CASE("sender: merging: one datum for each channel, gossip before broadcasts") {
  Sender sender;
  sender.broadcast("topology", name(2), {.news = {{name(2), {}}}});
  sender.broadcast("topology", name(1), {.news = {{name(1), {}}}});
  sender.gossip("topology", {.news = {{name(3), {}}}});
  sender.gossip("topology", {.everything = true, .news = {{name(4), {}}}});
  sender.gossip("other", message("one"));
  sender.gossip("other", message("two"));
  auto other = sender.take();
  REQUIRE(other.has_value());
  CHECK(other->channel == "other");
  CHECK(other->datum.messages.size() == 2);
  auto gossip = sender.take();
  REQUIRE(gossip.has_value());
  CHECK_FALSE(gossip->origin.has_value());
  CHECK(gossip->datum.everything);
  CHECK(gossip->datum.news == News{{name(3), {}}, {name(4), {}}});
  CHECK(sender.take()->origin == name(1));
  CHECK(sender.take()->origin == name(2));
  CHECK(sender.empty());
  CHECK_FALSE(sender.take().has_value());
}

TEST_CASE("sender: bounds: relayed bytes and channels are limited, and what is lost is counted") {
  Sender sender;
  for (int i = 0; i < 5; ++i)
    sender.gossip("big", {.messages = {Bytes(kRelayBytesMax / 4)}});
  CHECK(sender.dropped() == 1);
  CHECK(sender.take()->datum.messages.size() == 4);
  for (std::size_t i = 0; i < kRelayChannelsMax + 9; ++i) {
    sender.gossip("channel" + std::to_string(i), message("x"));
  }
  CHECK(sender.dropped() == 10);
  // Channels of our own always have room.
  sender.gossip("topology", {.everything = true});
  CHECK(sender.dropped() == 10);
}

TEST_CASE("target: text: hosts and addresses with or without port are understood") {
  auto plain = Target::parse("10.0.0.1");
  REQUIRE(plain.has_value());
  CHECK(plain->address == Ipv4Addr::parse("10.0.0.1"));
  CHECK_FALSE(plain->port.has_value());
  auto named = Target::parse("host-1.example:7000");
  REQUIRE(named.has_value());
  CHECK(named->host == "host-1.example");
  CHECK_FALSE(named->address.has_value());
  CHECK(named->port == 7000);
  for (const char* bad : {"", ":6783", "host:", "host:0", "host:65536", "host:http", "::1",
                          "[::1]:6783", "a b", "10.0.0.256", "1.2.3", "host/24"}) {
    CAPTURE(bad);
    CHECK(Target::parse(bad).has_error());
  }
  CHECK(Target::parse(std::string(254, 'a')).has_error());
}
