// SPDX-License-Identifier: Apache-2.0
// Weave's database file, as anybody may have left it. The metas' checksums are made right first,
// since what they protect is to be reached; the first byte says whether they are.
#include "base/ensure.h"
#include "ipam-crdt/boltdb.h"
#include "ipam-crdt/weave_db.h"
#include "tests/fuzz/input.h"

using namespace weft;
using namespace weft::ipam;

namespace {

constexpr std::size_t kPageSize = 512;
constexpr std::size_t kMeta = 16;
constexpr std::size_t kSummed = 56;

void seal_meta(Bytes& file, std::size_t page) {
  std::size_t at = page * kPageSize + kMeta;
  if (file.size() < at + kSummed + 8) return;
  std::uint64_t hash = 0xcbf29ce484222325;
  for (std::size_t i = 0; i < kSummed; ++i) {
    hash ^= std::to_integer<std::uint8_t>(file[at + i]);
    hash *= 0x100000001b3;
  }
  for (std::size_t i = 0; i < 8; ++i)
    file[at + kSummed + i] = static_cast<Byte>(hash >> (8 * i));
}

bool inside(ByteView part, ByteView whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Choices choices(fuzz::view(data, size));
  bool sealed = choices.byte() % 8 != 0;
  Bytes file = to_bytes(choices.rest());
  if (sealed) {
    seal_meta(file, 0);
    seal_meta(file, 1);
  }
  if (auto bucket = parse_bolt_bucket(file, "top")) {
    ensure(bucket->size() <= kBoltKeysMax, "fuzz: more keys than there may be");
    for (const auto& [key, value] : *bucket)
      ensure(inside(value, file), "fuzz: a value outside the file");
  }
  if (auto database = parse_weave_database(file); database && database->ring) {
    ensure(!database->ring->empty(), "fuzz: an empty ring was taken");
  }
  return 0;
}
