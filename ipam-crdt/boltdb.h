// SPDX-License-Identifier: Apache-2.0
// Reads one bucket of a BoltDB file, the format in which Weave keeps its state; nothing is ever
// written. The file is untrusted: every offset is checked, and no page is visited twice.
//
// Pages of a size that the metas tell, in the byte order of the host that wrote them (little):
//   page    | id 8 | flags 2: 1 branch, 2 leaf, 4 meta | count 2 | overflow 4: further pages |
//   meta    | magic ED0CDAED 4 | version 2 4 | page size 4 | flags 4 | root page 8 | sequence 8 |
//           | freelist 8 | pages 8 | txid 8 | FNV-1a-64 of the 56 bytes before 8 |   pages 0 and 1
//   leaf    count times | flags 4: 1 bucket | pos 4, from here to the key | key size 4 | value size
//   4 | branch  count times | pos 4 | key size 4 | page 8 | bucket  (a value)   | root page 8, 0: a
//   leaf page follows inline | sequence 8 | page |
// Source: weave-protocol/ipam.md 7.1
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace weft::ipam {

// Weave's file holds some KiB; a mesh of thousands with every address used, a few MiB.
inline constexpr std::size_t kBoltFileMax = std::size_t{256} << 20;
// Weave has six keys and a flag or two.
inline constexpr std::size_t kBoltKeysMax = 4096;
// Pages from the root down to a leaf. With 100 keys to a page eight levels hold more than any disk.
inline constexpr std::size_t kBoltDepthMax = 16;

// Values by key; the views point into the file.
using BoltBucket = std::map<std::string, ByteView, std::less<>>;

// The named bucket at the file's top. not_found: there is none of this name. bad_value, truncated:
// the file breaks the format. too_large: it is beyond the limits above.
Result<BoltBucket> parse_bolt_bucket(ByteView bytes, std::string_view name);

}  // namespace weft::ipam
