// SPDX-License-Identifier: Apache-2.0
// Files that Bolt may have written, and files that it never would have.
#include "ipam-crdt/boltdb.h"

#include <doctest/doctest.h>

#include "base/rng.h"
#include "ipam-crdt/ring_wire.h"
#include "ipam-crdt/weave_db.h"
#include "tests/unit/ipam/bolt_file.h"

using namespace weft;
using namespace weft::ipam;
using namespace weft::ipam::test;

namespace {

Bytes text(std::string_view of) {
  return to_bytes(as_bytes(of));
}

const BoltPairs kPairs{{"a", text("1")}, {"b", text("")}, {"flag:x", text("ok")}};

void check_pairs(const Result<BoltBucket>& bucket) {
  REQUIRE(bucket.has_value());
  CHECK(bucket->size() == 3);
  CHECK(as_text(bucket->at("a")) == "1");
  CHECK(bucket->at("b").empty());
  CHECK(as_text(bucket->at("flag:x")) == "ok");
}

Errc code_of(const Result<BoltBucket>& bucket) {
  REQUIRE_FALSE(bucket.has_value());
  return bucket.error().code;
}

// Metas, freelist, root; then the pages of the bucket, the first of which is page 4.
Bytes with_pages(std::vector<Bytes> pages, std::uint64_t root = 4) {
  std::vector<Bytes> all{meta_page(0, 3, 1), meta_page(1, 3, 2), leaf_page(2, {}),
                         leaf_page(3, {{"top", bucket_value(root)}}, 1)};
  all.insert(all.end(), pages.begin(), pages.end());
  return bolt_file(all);
}

}  // namespace

TEST_CASE("boltdb: layouts: inline, in a leaf, below branches, and overflowing: the same pairs") {
  check_pairs(parse_bolt_bucket(small_bolt_file(kPairs), "top"));
  check_pairs(parse_bolt_bucket(with_pages({leaf_page(4, kPairs)}), "top"));
  check_pairs(parse_bolt_bucket(with_pages({branch_page(4, {5, 6}), leaf_page(5, {kPairs[0]}),
                                            leaf_page(6, {kPairs[1], kPairs[2]})}),
                                "top"));
  Bytes large(3 * kBoltPage, Byte{7});
  Bytes file = with_pages({leaf_page(4, {{"large", large}})});
  auto bucket = parse_bolt_bucket(file, "top");
  REQUIRE(bucket.has_value());
  CHECK(to_bytes(bucket->at("large")) == large);
}

TEST_CASE("boltdb: metas: the newer sound one counts, and one is enough") {
  std::vector<Bytes> pages{meta_page(0, 3, 9), meta_page(1, 4, 8), leaf_page(2, {}),
                           leaf_page(3, {{"top", bucket_value(0, leaf_page(0, kPairs))}}, 1),
                           leaf_page(4, {{"old", bucket_value(0, leaf_page(0, {}))}}, 1)};
  check_pairs(parse_bolt_bucket(bolt_file(pages), "top"));
  pages[0][40] = Byte{1};  // torn: the checksum differs
  CHECK(code_of(parse_bolt_bucket(bolt_file(pages), "top")) == Errc::not_found);
  CHECK(parse_bolt_bucket(bolt_file(pages), "old").has_value());
  pages[1][40] = Byte{1};
  CHECK(code_of(parse_bolt_bucket(bolt_file(pages), "old")) == Errc::bad_value);
}

TEST_CASE("boltdb: a key that is no bucket, and a bucket among the keys: neither is mistaken") {
  Bytes plain = bolt_file({meta_page(0, 3, 1), meta_page(1, 3, 2), leaf_page(2, {}),
                           leaf_page(3, {{"top", text("not a bucket at all")}})});
  CHECK(code_of(parse_bolt_bucket(plain, "top")) == Errc::not_found);
  Bytes nested = with_pages({leaf_page(4, {{"inner", bucket_value(0, leaf_page(0, kPairs))}}, 1)});
  auto bucket = parse_bolt_bucket(nested, "top");
  REQUIRE(bucket.has_value());
  CHECK(bucket->empty());
}

TEST_CASE("boltdb: trees that never end: loops, repeated pages and depth are refused") {
  CHECK(code_of(parse_bolt_bucket(with_pages({branch_page(4, {4})}), "top")) == Errc::bad_value);
  CHECK(code_of(parse_bolt_bucket(with_pages({branch_page(4, {5, 5}), leaf_page(5, kPairs)}),
                                  "top")) == Errc::bad_value);
  std::vector<Bytes> chain;
  for (std::uint64_t id = 4; id < 4 + kBoltDepthMax; ++id)
    chain.push_back(branch_page(id, {id + 1}));
  chain.push_back(leaf_page(4 + kBoltDepthMax, kPairs));
  CHECK(code_of(parse_bolt_bucket(with_pages(chain), "top")) == Errc::bad_value);
  CHECK(code_of(parse_bolt_bucket(with_pages({branch_page(4, {99})}), "top")) == Errc::truncated);
}

TEST_CASE("boltdb: hostile bytes: no prefix and no changed byte is read beyond the file") {
  Bytes good = with_pages(
      {branch_page(4, {5, 6}), leaf_page(5, {kPairs[0]}), leaf_page(6, {kPairs[1], kPairs[2]})});
  for (std::size_t size = 0; size < good.size(); ++size) {
    Bytes cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
    CHECK_FALSE(parse_bolt_bucket(cut, "top").has_value());
  }
  SeededRng rng(3);
  std::size_t refused = 0;
  for (int i = 0; i < 20000; ++i) {
    Bytes bent = good;
    bent[3 * kBoltPage + rng.below(bent.size() - 3 * kBoltPage)] =
        static_cast<Byte>(rng.below(256));
    refused += parse_bolt_bucket(bent, "top").has_value() ? 0 : 1;
  }
  CHECK(refused > 100);
}

TEST_CASE("weave database: a value that cannot be read refuses the whole file") {
  const Bytes version{Byte{1}, Byte{0}};
  const Bytes name = *from_hex("03060001");
  auto empty = parse_weave_database(small_bolt_file({{"version", version}}));
  REQUIRE(empty.has_value());
  CHECK_FALSE(empty->name.has_value());
  CHECK_FALSE(empty->ring.has_value());
  auto named = parse_weave_database(small_bolt_file({{"peername", name}, {"version", version}}));
  REQUIRE(named.has_value());
  CHECK(named->name == PeerName::from_u48(1));
  for (const char* key : {"peername", "ring", "ownedAddresses", "directPeers"}) {
    CAPTURE(key);
    CHECK_FALSE(parse_weave_database(small_bolt_file({{key, text("?")}, {"version", version}}))
                    .has_value());
  }
  const Bytes second{Byte{2}, Byte{0}};
  CHECK_FALSE(parse_weave_database(small_bolt_file({{"version", second}})).has_value());
  CHECK_FALSE(parse_weave_database(small_bolt_file({{"peername", name}})).has_value());
}
