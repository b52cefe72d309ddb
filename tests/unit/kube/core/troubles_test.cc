// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/core/troubles.h"

#include <doctest/doctest.h>

#include "tests/unit/kube/core/api_model.h"

using namespace weft;
using namespace weft::kube;
using namespace weft::kube::test;
using std::chrono::minutes;
using std::chrono::seconds;
using Sentences = std::vector<std::string>;

TEST_CASE("troubles: what stands for half a minute is told once for as long as it stands") {
  Troubles troubles;
  TimePoint now = at_seconds(100);
  const Sentences rings{"two rings"};
  CHECK(troubles.on_report(now, rings).empty());
  CHECK(troubles.on_report(now + seconds(29), rings).empty());
  CHECK(troubles.on_report(now + seconds(60), rings) == rings);
  CHECK(troubles.on_report(now + minutes(30), rings).empty());
  CHECK(troubles.on_report(now + minutes(31), {}).empty());
  CHECK(troubles.on_report(now + minutes(32), rings).empty());
  CHECK(troubles.on_report(now + minutes(33), rings) == rings);
}

TEST_CASE("troubles: what comes and goes at once, and what we said ourselves, is not told") {
  Troubles troubles;
  TimePoint now = at_seconds(100);
  for (std::size_t i = 0; i < 10; ++i, now += minutes(1)) {
    const Sentences sentences{"weave-kube: API server: away", "peer " + std::string(i, 'x')};
    CHECK(troubles.on_report(now, sentences).empty());
  }
}

TEST_CASE("troubles: one that counts is the same whatever it has counted to") {
  Troubles troubles;
  TimePoint now = at_seconds(100);
  CHECK(troubles.on_report(now, {"lost 3 times"}).empty());
  CHECK(troubles.on_report(now + minutes(1), {"lost 5 times"}) == Sentences{"lost 5 times"});
  CHECK(troubles.on_report(now + minutes(2), {"lost 9 times"}).empty());
}

TEST_CASE("troubles: of many at once ten are told in an hour") {
  Troubles troubles;
  TimePoint now = at_seconds(100);
  Sentences many;
  for (int i = 0; i < 25; ++i)
    many.push_back("peer p" + std::to_string(i));
  troubles.on_report(now, many);
  CHECK(troubles.on_report(now + minutes(1), many).size() == kTroublesTold);
  CHECK(troubles.on_report(now + minutes(59), many).empty());
  CHECK(troubles.on_report(now + minutes(62), many).size() == kTroublesTold);
}
