// SPDX-License-Identifier: Apache-2.0
#include "gossip/gob/encoder.h"

#include <doctest/doctest.h>

#include "tests/unit/gob/samples.h"

using namespace weft;
using namespace weft::gob;
using namespace weft::gob::samples;

TEST_CASE("gob encoder: structs: a range is what Go sends, to the byte") {
  Bytes out;
  Encoder e(out);
  e.begin(kRange).field(0).uint(0x0a200000).field(1).uint(0x0a300000).close();
  // The verified bytes have id 65 as well.
  CHECK(to_hex(out) ==
        "25ff810301010552616e676501ff8200010201055374617274010600010345"
        "6e640106000000"
        "0fff8201fc0a20000001fc0a30000000");
}

TEST_CASE("gob encoder: definitions: types go out once in a stream, shared parts too") {
  Bytes out;
  Encoder e(out);
  e.begin(kNodeId).close();
  std::size_t before = out.size();
  e.begin(kProposal).field(1).open().close().close();
  // ProposalID is 66; NodeID, its part, is known as 65.
  CHECK(to_hex(ByteView(out).subspan(before)) ==
        "30ff830301010a50726f706f73616c494401ff8400010201"
        "05526f756e64010600010850726f706f73657201ff82000000"
        "05ff84020000");
  before = out.size();
  e.begin(kNodeId).field(0).uint(5).close();
  CHECK(to_hex(ByteView(out).subspan(before)) == "05ff82010500");
}

TEST_CASE("gob encoder: omission: zero fields and empty slices vanish, empty maps stay") {
  Bytes out;
  Encoder e(out);
  e.begin(kRing).close();
  std::size_t before = out.size();
  e.begin(kRing).field(0).uint(0).field(1).uint(2).field(3).open(0).close().field(4).open(2);
  e.uint(0).uint(1).close().close();
  CHECK(to_hex(ByteView(out).subspan(before)) == "09ff8202020302000100");
  before = out.size();
  e.begin(kStrings).open(0).close();
  CHECK(to_hex(ByteView(out).subspan(out.size() - 5)) == "04ff8a0000");
}

TEST_CASE("gob encoder: singletons: built-in values carry no definition") {
  Bytes out;
  Encoder e(out);
  e.begin(kString).string("topology").begin(kUint).uint(0x7a9febb60c6e);
  e.begin(kBytes).bytes({}).begin(kInt).sint(-65).begin(kBool).boolean(true);
  CHECK(to_hex(out) == "0b0c0008746f706f6c6f6779090600fa7a9febb60c6e030a0000040400ff8103020001");
}
