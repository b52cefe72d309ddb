// SPDX-License-Identifier: Apache-2.0
#include "base/peer_name.h"
#include "tests/golden/golden.h"

using namespace weft;

TEST_CASE("golden: peer names: text, bytes and number agree with Weave") {
  auto vectors = golden::load("peernames.json");
  if (!vectors) return;
  golden::require_known(*vectors, {"flavour", "from_bin", "from_string", "name_size"});
  for (const auto& c : (*vectors)["from_string"]) {
    golden::require_known(c, {"bytes", "error", "gob", "input", "string", "uint64"});
    CAPTURE(c.dump());
    auto name = PeerName::parse(c["input"].get<std::string>());
    bool expected = c["error"].get<std::string>().empty();
    REQUIRE(name.has_value() == expected);
    if (!name) continue;
    CHECK(name->text() == c["string"].get<std::string>());
    CHECK(std::to_string(name->value()) == c["uint64"].get<std::string>());
  }
  for (const auto& c : (*vectors)["from_bin"]) {
    golden::require_known(c, {"bytes", "string", "uint64"});
    CHECK(PeerName::from_bytes(golden::hex(c["bytes"])).text() == c["string"].get<std::string>());
  }
}
