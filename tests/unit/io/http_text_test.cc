// SPDX-License-Identifier: Apache-2.0
#include "router/io/http_text.h"

#include "base/rng.h"
#include "io_test.h"
#include "router/io/http_address.h"

using namespace weft;
using namespace weft::io;

TEST_CASE("percent coding: decode: escapes in either case, plus only where it is a blank") {
  CHECK(percent_decode("a%2Fb%2fc+d", false) == "a/b/c+d");
  CHECK(percent_decode("a+b", true) == "a b");
  CHECK(percent_decode("%00", false) == std::string(1, '\0'));
  for (const char* bad : {"%", "%1", "%zz", "%1g", "abc%"}) {
    CAPTURE(bad);
    CHECK_FALSE(percent_decode(bad, false));
  }
}

TEST_CASE("percent coding: property: decoding what was encoded gives it back") {
  SeededRng rng(7);
  for (int i = 0; i < 500; ++i) {
    std::string text;
    for (std::uint64_t n = rng.below(40); n > 0; --n)
      text += static_cast<char>(rng.below(256));
    CHECK(percent_decode(percent_encode(text), false) == text);
    CHECK(percent_decode(percent_encode(text), true) == text);
    const Parameters form{{text, "1"}, {"x", text}, {"x", ""}};
    const auto again = parse_form(form_text(form));
    REQUIRE(again);
    CHECK(*again == form);
  }
}

TEST_CASE("form: parse: repeated names and empty values are kept, empty parts skipped") {
  CHECK(parse_form("peer=a&peer=b&&replace=true&c&=d") ==
        Parameters{{"peer", "a"}, {"peer", "b"}, {"replace", "true"}, {"c", ""}, {"", "d"}});
  CHECK(parse_form("")->empty());
  CHECK_FALSE(parse_form("a=%x"));
  CHECK_FALSE(parse_form(std::string(kParametersMax, '&')));
}

TEST_CASE("target: parse: path, segments and query; an encoded slash separates nothing") {
  HttpRequest request;
  REQUIRE(parse_target("/ip/a%2Fb//10.32.0.0/12/?check-alive=true&x=a+b#frag", request));
  CHECK(request.path == "/ip/a/b//10.32.0.0/12/");
  CHECK(request.segments == std::vector<std::string>{"ip", "a/b", "10.32.0.0", "12"});
  CHECK(request.parameter("check-alive") == "true");
  CHECK(request.parameter("x") == "a b");
  CHECK_FALSE(request.parameter("nosuch"));
  for (const char* bad : {"", "*", "http://x/", "/%", "/a?b=%1"}) {
    CAPTURE(bad);
    HttpRequest other;
    CHECK_FALSE(parse_target(bad, other));
  }
}

TEST_CASE("http address: parse: TCP and unix forms, and what is neither") {
  CHECK(HttpAddress::parse("127.0.0.1:6784")->text() == "127.0.0.1:6784");
  CHECK(HttpAddress::parse(":6782")->text() == "0.0.0.0:6782");
  CHECK(HttpAddress::parse("localhost:80")->text() == "127.0.0.1:80");
  CHECK(HttpAddress::parse("/run/weave.sock")->is_unix());
  CHECK(HttpAddress::parse("unix:///run/weave.sock")->text() == "/run/weave.sock");
  for (const std::string bad : {"", "6784", "127.0.0.1", "host:x", "run/weave.sock"}) {
    CAPTURE(bad);
    CHECK_FALSE(HttpAddress::parse(bad));
  }
  CHECK(HttpAddress::parse("/" + std::string(200, 'a')).error().code == Errc::too_large);
}
