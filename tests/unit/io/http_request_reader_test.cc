// SPDX-License-Identifier: Apache-2.0
#include "router/io/http_request_reader.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "io_test.h"
#include "router/io/http_text.h"

using namespace weft;
using namespace weft::io;

namespace {

constexpr std::string_view kHead = "POST /ip/c1?x=1 HTTP/1.1\r\nHost: h\r\n";
constexpr std::string_view kChunked =
    "Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nTrailer: t\r\n\r\n";

// What the reader makes of the text, fed in pieces of this size.
unsigned refusal_of(std::string_view text, std::size_t piece,
                    const HttpRequestReader::Limits& limits = {}) {
  HttpRequestReader reader(limits);
  while (!text.empty() && reader.refusal() == 0) {
    const std::size_t size = std::min(piece, text.size());
    const auto fed = reader.feed(as_bytes(text.substr(0, size)));
    CHECK(fed.has_value() == (reader.refusal() == 0));
    text.remove_prefix(size);
  }
  return reader.refusal();
}

}  // namespace

TEST_CASE("http request reader: pieces of any size give the same, and the next one follows") {
  const std::string two =
      std::string(kHead) + std::string(kChunked) + "GET /status HTTP/1.0\r\n\r\n";
  for (std::size_t piece = 1; piece <= two.size(); ++piece) {
    CAPTURE(piece);
    HttpRequestReader reader({});
    std::vector<HttpRequest> got;
    for (std::size_t at = 0; at < two.size(); at += piece) {
      REQUIRE(reader.feed(as_bytes(std::string_view(two).substr(at, piece))));
      while (reader.complete()) {
        CHECK(reader.keep_alive() == got.empty());
        got.push_back(reader.take());
        REQUIRE(reader.feed({}));
      }
    }
    REQUIRE(got.size() == 2);
    CHECK(got[0].method == "POST");
    CHECK(got[0].segments == std::vector<std::string>{"ip", "c1"});
    CHECK(got[0].parameter("x") == "1");
    CHECK(got[0].body == "hello!");
    CHECK_FALSE(got[0].headers.contains("trailer"));
    CHECK(got[1].path == "/status");
    CHECK(got[1].body.empty());
  }
}

TEST_CASE("http request reader: what comes before a request is taken waits, and changes nothing") {
  HttpRequestReader reader({});
  const std::string form = std::string(kHead) +
                           "Content-Type: application/x-www-form-urlencoded\r\n"
                           "Content-Length: 3\r\n\r\na=b";
  REQUIRE(reader.feed(as_bytes(form)));
  REQUIRE(reader.feed(as_bytes("nonsense\r\n\r\n")));
  REQUIRE(reader.complete());
  CHECK(reader.take().parameters == Parameters{{"a", "b"}, {"x", "1"}});
  CHECK(reader.feed({}).error().code == Errc::bad_value);
  CHECK(reader.refusal() == 400);
}

TEST_CASE("http request reader: an expectation is told once, and not when the body is there") {
  HttpRequestReader reader({});
  const std::string head = std::string(kHead) + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n";
  REQUIRE(reader.feed(as_bytes(head)));
  CHECK(reader.take_expectation());
  CHECK_FALSE(reader.take_expectation());
  REQUIRE(reader.feed(as_bytes("ok" + head + "ok")));
  CHECK(reader.take().body == "ok");
  REQUIRE(reader.feed({}));
  CHECK_FALSE(reader.take_expectation());
  CHECK(reader.take().body == "ok");
}

TEST_CASE("http request reader: each limit has its status, whatever the pieces") {
  const HttpRequestReader::Limits limits{.header_max = 200, .body_max = 5};
  const std::string head(kHead);
  for (const std::size_t piece : {1U, 7U, 4000U}) {
    CAPTURE(piece);
    const auto refusal = [&](const std::string& text) {
      return refusal_of(text, piece, limits);
    };
    CHECK(refusal(head + "X: " + std::string(300, 'x') + "\r\n\r\n") == 431);
    CHECK(refusal(head + std::string(kChunked)) == 413);
    CHECK(refusal(head + "Content-Length: 6\r\n\r\nsix by") == 413);
    CHECK(refusal(head + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: " + std::string(300, 'x')) ==
          431);
    CHECK(refusal(head + "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(300, 'x')) == 431);
    CHECK(refusal("GET /% HTTP/1.1\r\n\r\n") == 400);
    CHECK(refusal(head + "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\nok") == 400);
    CHECK(refusal("PRI * HTTP/2.0\r\n\r\n") == 400);
    CHECK(refusal(head + "Content-Length: 5\r\n\r\nfive!") == 0);
  }
}

TEST_CASE("http request reader: a head that comes field by field has the same limit") {
  HttpRequestReader reader({.header_max = 1000});
  REQUIRE(reader.feed(as_bytes("GET / HTTP/1.1\r\nA")));
  const std::string field = ": " + std::string(92, 'x') + "\r\nA";  // the last byte begins the next
  std::size_t taken = 0;
  while (reader.refusal() == 0 && taken < 100) {
    ++taken;
    const auto fed = reader.feed(as_bytes(field));
    CHECK(fed.has_value() == (reader.refusal() == 0));
  }
  CHECK(reader.refusal() == 431);
  CHECK(taken == 11);
}
