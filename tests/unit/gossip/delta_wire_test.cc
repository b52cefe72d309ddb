// SPDX-License-Identifier: Apache-2.0
// The bytes of delta gossip: the layouts of docs/wire/gossip-delta.md, and what may not be read.
#include "gossip/delta_wire.h"

#include <doctest/doctest.h>

using namespace weft;
using namespace weft::gossip;

namespace {

PeerName name(std::uint64_t number) {
  return PeerName::from_u48(number);
}

Records some_records() {
  RecordDelta whole{.name = name(1), .uid = {2}, .version = 3, .short_id = ShortId::make(0x123)};
  whole.nickname = "one";
  whole.changes.push_back(
      {.connection = {.peer = name(4), .remote_address = "10.0.0.4:6783", .outbound = true}});
  whole.changes.push_back(
      {.connection = {.peer = name(5), .remote_address = "odd", .established = true}});
  RecordDelta difference{.name = name(6), .uid = {7}, .version = 300, .since = 299};
  difference.stranger = true;
  difference.check = 8;
  difference.changes.push_back({.connection = {.peer = name(9)}, .gone = true});
  return {.records = {whole, difference}};
}

std::vector<DeltaMessage> one_of_each() {
  return {
      Summary{.total = 5, .bits = 1, .buckets = {1, 2}},
      Versions{.bits = 2, .mask = 9, .entries = {{.name = name(1), .uid = {2}, .version = 128}}},
      Wanted{.entries = {{.name = name(1), .version = 2}}},
      some_records(),
      ChannelSummary{.channel = "IPallocation", .hash = 77},
      ChannelWanted{.channel = "x"}};
}

}  // namespace

TEST_CASE("delta: layout: a summary, a wish and a difference are these bytes") {
  CHECK(to_hex(write_delta(Summary{.total = 5, .bits = 1, .buckets = {1, 2}})) ==
        "0100000000000000050100000001"
        "00000002");
  CHECK(to_hex(write_delta(Wanted{.entries = {{.name = name(1), .version = 300}}})) ==
        "0301000000000001ac02");
  auto records = some_records();
  records.records.erase(records.records.begin());
  CHECK(to_hex(write_delta(records)) ==
        "0401"
        "0000000000060000000000000007ac0204"
        "010000000000000008"
        "0100000000000901");
}

TEST_CASE("delta: round trip: every message is read as it was written") {
  for (const auto& message : one_of_each()) {
    auto read = parse_delta(write_delta(message));
    REQUIRE(read.has_value());
    CHECK(*read == message);
  }
}

TEST_CASE("delta: truncation: no prefix is a message, and nothing may follow one") {
  for (const auto& message : one_of_each()) {
    auto bytes = write_delta(message);
    for (std::size_t size = 0; size < bytes.size(); ++size)
      CHECK_FALSE(parse_delta(ByteView(bytes).first(size)).has_value());
    bytes.push_back(Byte{0});
    CHECK_FALSE(parse_delta(bytes).has_value());
  }
}

TEST_CASE("delta: limits: counts that cannot be, long texts and unknown kinds are refused") {
  auto refused = [](std::string_view hex) {
    return !parse_delta(*from_hex(hex)).has_value();
  };
  CHECK(refused(""));
  CHECK(refused("00"));
  CHECK(refused("07"));
  CHECK(refused("01000000000000000507"));                    // 2^7 buckets
  CHECK(refused("03ffffffffffffffffff01"));                  // 2^64 - 1 entries
  CHECK(refused("0301000000000001ffffffffffffffffffff01"));  // a version of 71 bits
  CHECK(refused("04010000000000060000000000000007010402" + std::string(18, '0')));  // since < 0
  auto too_long = some_records();
  too_long.records[0].nickname = std::string(kTextMax + 1, 'n');
  CHECK_FALSE(parse_delta(write_delta(too_long)).has_value());
  Versions many;
  many.entries.resize(kPeersMax + 1);
  CHECK_FALSE(parse_delta(write_delta(many)).has_value());
}

TEST_CASE("delta: order: records and changes come in the order of their names, each once") {
  auto records = some_records();
  std::swap(records.records[0], records.records[1]);
  CHECK_FALSE(parse_delta(write_delta(records)).has_value());
  records.records[1] = records.records[0];
  CHECK_FALSE(parse_delta(write_delta(records)).has_value());
  records = some_records();
  std::swap(records.records[0].changes[0], records.records[0].changes[1]);
  CHECK_FALSE(parse_delta(write_delta(records)).has_value());
  records.records[0].changes[1] = records.records[0].changes[0];
  CHECK_FALSE(parse_delta(write_delta(records)).has_value());
}
