// SPDX-License-Identifier: Apache-2.0
// Streams written by Go with all of IPAM's types, and by a foreign encoder with ids, names and
// fields of its own choice: both must be read, and the first be written to the byte.
#include <doctest/doctest.h>

#include "gossip/gob/decoder.h"
#include "gossip/gob/encoder.h"
#include "tests/unit/gob/samples.h"

using namespace weft;
using namespace weft::gob;
using namespace weft::gob::samples;

namespace {

// Two peers on 10.32.0.0/12, from a Go process that had given id 65 to the feature map.
constexpr std::string_view kGoRing =
    "45ff830301010b676f73736970537461746501ff8400010401034e6f7701040001094e69636b6e616d657301ff86"
    "0001055061786f7301ff9200010452696e6701ff9400000028ff85040101186d61705b6d6573682e506565724e61"
    "6d655d737472696e6701ff86000106010c00001dff910401010b476f73736970537461746501ff920001ff8801ff"
    "8a00001dff87030102ff8800010201044e616d650106000103554944010600000038ff89030102ff8a0001030107"
    "50726f6d69736501ff8c000108416363657074656401ff8c00010b416363657074656456616c01ff8e00000030ff"
    "8b0301010a50726f706f73616c494401ff8c0001020105526f756e64010600010850726f706f73657201ff880000"
    "0032ff8d0301010d416363657074656456616c756501ff8e000102010556616c756501ff900001064f726967696e"
    "01ff8c00000013ff8f0201010556616c756501ff90000106000045ff930301010452696e6701ff94000105010553"
    "746172740106000103456e640106000104506565720106000107456e747269657301ff98000105536565647301ff"
    "9a00000016ff9702010107656e747269657301ff980001ff96000034ff95030102ff960001040105546f6b656e01"
    "0600010450656572010600010756657273696f6e01060001044672656501060000001dff990201010f5b5d6d6573"
    "682e506565724e616d6501ff9a000106000044ff8401fccaa7e20001010105686f7374310201fc0a20000001fc0a"
    "3000000101010201fc0a200000010102fd0800000001fc0a280000010202fd08000000010201020000";

constexpr std::string_view kObserver =
    "2afe012b03010102677301fe012c00010201034e6f7701040001094e69636b6e616d657301fe012e00000010fe01"
    "2d040102fe012e000106010c000010fe012c01fccaa7e200010105026e3500";
constexpr std::string_view kTrimmedRing =
    "25fe012b03010102677301fe012c00010201034e6f77010400010452696e6701fe014000000046fe013f03010101"
    "5201fe0140000105010553746172740106000103456e640106000104506565720106000107456e747269657301fe"
    "0144000105536565647301fe014600000010fe0143020102fe01440001fe0142000039fe0141030101016501fe01"
    "420001040105546f6b656e010600010450656572010600010756657273696f6e0106000104467265650106000000"
    "0efe0145020102fe0146000106000037fe012c01020101fc0a20000001fc0a3000000101010201fc0a2000000101"
    "010701fd0800000001fc0a2800000102026400010201020000";
constexpr std::string_view kPromise =
    "26fe012b03010102677301fe012c00010201034e6f7701040001055061786f7301fe015400000014fe0153040102"
    "fe01540001fe015601fe0158000022fe0155030101014e01fe015600010201044e616d6501060001035549440106"
    "00000040fe0157030101014301fe0158000103010750726f6d69736501fe015a000108416363657074656401fe01"
    "5a00010b416363657074656456616c01fe015c0000002afe0159030101015001fe015a0001020105526f756e6401"
    "0600010850726f706f73657201fe01560000002afe015b030101014101fe015c000102010556616c756501fe015e"
    "0001064f726967696e01fe015a0000000efe015d020102fe015e000106000022fe012c0102010101010107000101"
    "0101010101070000010200000102020000000000";
constexpr std::string_view kEmptyPaxos =
    "26fe012b03010102677301fe012c00010201034e6f7701040001055061786f7301fe015400000014fe0153040102"
    "fe01540001fe015601fe0158000022fe0155030101014e01fe015600010201044e616d6501060001035549440106"
    "00000040fe0157030101014301fe0158000103010750726f6d69736501fe015a000108416363657074656401fe01"
    "5a00010b416363657074656456616c01fe015c0000002afe0159030101015001fe015a0001020105526f756e6401"
    "0600010850726f706f73657201fe01560000002afe015b030101014101fe015c000102010556616c756501fe015e"
    "0001064f726967696e01fe015a0000000efe015d020102fe015e000106000008fe012c0102010000";
constexpr std::string_view kForeignRange =
    "22ff9f03010102526701ffa0000102010553746172740106000103456e6401060000000fffa001fc0a20000501fc"
    "0a20000600";
constexpr std::string_view kForeignDns =
    "2affb3030101014701ffb4000102010954696d657374616d700104000107456e747269657301ffb60000000dffb5"
    "020102ffb60001ffb800005affb7030101014501ffb8000106010b436f6e7461696e65724944010c0001064f7269"
    "67696e0106000104416464720106000108486f73746e616d65010c00010756657273696f6e0104000109546f6d62"
    "73746f6e6501040000002cffb401fccaa7e200010101026331010101fc0a2000010110666f6f2e77656176652e6c"
    "6f63616c2e01060000";

constexpr Field kDnsEntryFields[] = {{"ContainerID", &kString}, {"Origin", &kUint},
                                     {"Addr", &kUint},          {"Hostname", &kString},
                                     {"Version", &kInt},        {"Tombstone", &kInt}};
constexpr Type kDnsEntry = struct_of("Entry", kDnsEntryFields);
constexpr Type kDnsEntries = slice_of("Entries", kDnsEntry);
constexpr Field kDnsFields[] = {{"Timestamp", &kInt}, {"Entries", &kDnsEntries}};
constexpr Type kDns = struct_of("GossipData", kDnsFields);

// What a gossipState says, in a line: numbers in the order in which they come, by field path.
class Teller {
 public:
  explicit Teller(std::string_view hex) : bytes_(*from_hex(hex)), decoder_(bytes_) {}

  std::string state() {
    for (decoder_.expect(kState); auto field = decoder_.next_field();) {
      if (*field == 0) add("now", static_cast<std::uint64_t>(decoder_.sint()));
      if (*field == 1) nicknames();
      if (*field == 2) paxos();
      if (*field == 3) ring();
    }
    REQUIRE(decoder_.finish().has_value());
    return out_;
  }

 private:
  void nicknames() {
    for (decoder_.enter(); decoder_.next_element();) {
      add("name", decoder_.u64());
      out_ += decoder_.string();
    }
  }

  void paxos() {
    add("paxos", decoder_.enter());
    while (decoder_.next_element()) {
      node("node");
      for (decoder_.enter(); auto field = decoder_.next_field();) {
        if (*field == 0) proposal();  // the rest is skipped
      }
    }
  }

  void proposal() {
    for (decoder_.enter(); auto field = decoder_.next_field();) {
      if (*field == 0) add("round", decoder_.u64());
      if (*field == 1) node("proposer");
    }
  }

  void node(std::string_view what) {
    for (decoder_.enter(); auto field = decoder_.next_field();) {
      add(std::string(what) + (*field == 0 ? "" : ".uid"), decoder_.u64());
    }
  }

  void ring() {
    for (decoder_.enter(); auto field = decoder_.next_field();) {
      if (*field < 3) add(*field == 0 ? "start" : *field == 1 ? "end" : "peer", decoder_.u64());
      if (*field == 3) entries();
      if (*field != 4) continue;
      for (decoder_.enter(); decoder_.next_element();)
        add("seed", decoder_.u64());
    }
  }

  void entries() {
    for (decoder_.enter(); decoder_.next_element();) {
      for (decoder_.enter(); auto field = decoder_.next_field();) {
        add(std::string("entry.") + "tpvf"[*field], decoder_.u32());
      }
    }
  }

  void add(std::string_view what, std::uint64_t v) {
    out_ += (out_.empty() ? "" : " ") + std::string(what) + "=" + std::to_string(v);
  }

  Bytes bytes_;
  Decoder decoder_;
  std::string out_;
};

}  // namespace

TEST_CASE("gob: gossipState: twelve types and their value are what Go sends, to the byte") {
  Bytes out;
  Encoder e(out);
  e.begin(kStringMap).open(0).close();  // takes id 65, as in that Go process
  std::size_t before = out.size();
  e.begin(kState).field(0).sint(1700000000).field(1).open(1).uint(1).string("host1").close();
  e.field(3).open().field(0).uint(0x0a200000).field(1).uint(0x0a300000).field(2).uint(1);
  e.field(3).open(2);
  e.open().field(0).uint(0x0a200000).field(1).uint(1).field(3).uint(1 << 19);
  e.close();
  e.open().field(0).uint(0x0a280000).field(1).uint(2).field(3).uint(1 << 19);
  e.close().close();
  e.field(4).open(2).uint(1).uint(2).close().close().close();
  CHECK(to_hex(ByteView(out).subspan(before)) == kGoRing);
  CHECK(Teller(kGoRing).state() ==
        "now=1700000000 name=1host1 start=169869312 end=170917888 peer=1 "
        "entry.t=169869312 entry.p=1 entry.f=524288 "
        "entry.t=170393600 entry.p=2 entry.f=524288 seed=1 seed=2");
}

TEST_CASE("gob: foreign encodings: a trimmed gossipState of any ids is read") {
  CHECK(Teller(kObserver).state() == "now=1700000000 name=5n5");
  CHECK(Teller(kTrimmedRing).state() ==
        "now=1 start=169869312 end=170917888 peer=1 "
        "entry.t=169869312 entry.p=1 entry.v=7 entry.f=524288 "
        "entry.t=170393600 entry.p=2 entry.f=100 seed=1 seed=2");
  CHECK(Teller(kPromise).state() ==
        "now=1 paxos=1 node=1 node.uid=7 round=1 proposer=1 proposer.uid=7");
  CHECK(Teller(kEmptyPaxos).state() == "now=1 paxos=0");
}

TEST_CASE("gob: foreign encodings: a range and a DNS entry are read") {
  Bytes range = *from_hex(kForeignRange);
  Decoder d(range);
  d.expect(kRange);
  CHECK(d.next_field() == std::optional<std::size_t>(0));
  CHECK(d.u32() == 0x0a200005);
  CHECK(d.next_field() == std::optional<std::size_t>(1));
  CHECK(d.u32() == 0x0a200006);
  CHECK_FALSE(d.next_field().has_value());
  CHECK(d.finish().has_value());

  Bytes dns = *from_hex(kForeignDns);
  Decoder n(dns);
  std::string host;
  std::int64_t version = 0;
  for (n.expect(kDns); auto field = n.next_field();) {
    if (*field != 1) continue;
    for (n.enter(); n.next_element();) {
      for (n.enter(); auto inner = n.next_field();) {
        if (*inner == 3) host = n.string();
        if (*inner == 4) version = n.sint();
      }
    }
  }
  CHECK(n.finish().has_value());
  CHECK(host == "foo.weave.local.");
  CHECK(version == 3);
}
