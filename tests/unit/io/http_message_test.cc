// SPDX-License-Identifier: Apache-2.0
#include "router/io/http_message.h"

#include <doctest/doctest.h>

#include "io_test.h"

using namespace weft;
using namespace weft::io;

namespace {

struct Read {
  Result<> fed;
  std::string body;
  bool complete = false;
  bool reusable = false;
  unsigned status = 0;
};

// Fed in pieces of this size.
Read read(std::string_view text, std::size_t piece, const HttpResponseReader::Limits& limits = {},
          bool to_head = false) {
  HttpResponseReader reader(limits, to_head);
  Read out;
  while (!text.empty() && out.fed) {
    const std::size_t size = std::min(piece, text.size());
    out.fed = reader.feed(as_bytes(text.substr(0, size)));
    text.remove_prefix(size);
    out.body += reader.take_body();
  }
  out.complete = reader.complete();
  out.reusable = reader.reusable();
  if (reader.head() != nullptr) out.status = reader.head()->status;
  return out;
}

constexpr std::string_view kChunked =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nRetry-After: 7\r\n\r\n"
    "5\r\nhello\r\n8;x=y\r\n, world!\r\n0\r\n\r\n";

}  // namespace

TEST_CASE("http response: pieces: of any size give the same") {
  for (std::size_t piece = 1; piece <= kChunked.size(); ++piece) {
    CAPTURE(piece);
    const Read got = read(kChunked, piece);
    CHECK(got.fed);
    CHECK(got.status == 200);
    CHECK(got.body == "hello, world!");
    CHECK(got.complete);
    CHECK(got.reusable);
  }
}

TEST_CASE("http response: an announced length, none, and HEAD end as they must") {
  CHECK(read("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 3).body == "ok");
  CHECK_FALSE(read("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", 3).complete);
  CHECK(read("HTTP/1.1 204 No Content\r\n\r\n", 9).complete);
  CHECK(read("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", 50, {}, true).complete);
  HttpResponseReader until_closed({}, false);
  CHECK(until_closed.feed(as_bytes("HTTP/1.0 200 OK\r\n\r\nall of it")));
  CHECK_FALSE(until_closed.complete());
  CHECK(until_closed.feed_end());
  CHECK(until_closed.take_body() == "all of it");
  CHECK_FALSE(until_closed.reusable());
}

TEST_CASE("http response: an end in the middle is truncated, also before the first byte") {
  HttpResponseReader nothing({}, false);
  CHECK(nothing.feed_end().error().code == Errc::truncated);
  HttpResponseReader half({}, false);
  CHECK(half.feed(as_bytes(kChunked.substr(0, kChunked.size() - 9))));
  CHECK(half.feed_end().error().code == Errc::truncated);
}

TEST_CASE("http response: interim responses are skipped, what follows one spoils the connection") {
  const std::string interim = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
  CHECK(read(interim + std::string(kChunked), 4).status == 200);
  CHECK_FALSE(read(std::string(kChunked) + "HTTP/1.1 200 OK\r\n", 4000).reusable);
  CHECK_FALSE(
      read("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 9).reusable);
}

TEST_CASE("http response: limits and nonsense are errors") {
  const std::string long_header =
      "HTTP/1.1 200 OK\r\nX: " + std::string(5000, 'x') + "\r\nContent-Length: 0\r\n\r\n";
  CHECK(read(long_header, 100, {.header_max = 4000}).fed.error().code == Errc::too_large);
  CHECK(read(kChunked, 10, {.body_max = 12}).fed.error().code == Errc::too_large);
  CHECK(read(kChunked, 10, {.body_max = 13}).complete);
  CHECK(read("SSH-2.0-OpenSSH\r\n", 100).fed.error().code == Errc::bad_value);
  CHECK(read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 100).fed.error().code ==
        Errc::bad_value);
}

TEST_CASE("http request: a value cannot begin a header of its own") {
  HttpCall call;
  call.method = "PUT";
  call.target = "/x";
  call.headers["Authorization"] = "Bearer a\r\nX-Evil: 1";
  call.body = "{}";
  const std::string text = write_request(call, "[fd00::1]:443", true);
  CHECK(text.starts_with("PUT /x HTTP/1.1\r\nHost: [fd00::1]:443\r\n"));
  CHECK(text.find("\nX-Evil") == std::string::npos);
  CHECK(text.ends_with("Content-Length: 2\r\n\r\n{}"));
}

TEST_CASE("http response: written as it is read, without a body where there must be none") {
  const HttpResponse response{
      .status = 404, .content_type = "a/b", .body = "no", .headers = {{"X", "1\r\nY: 2"}}};
  CHECK(write_response(response, false, false) ==
        "HTTP/1.1 404 Not Found\r\nContent-Type: a/b\r\nX: 1  Y: 2\r\nConnection: close\r\n"
        "Content-Length: 2\r\n\r\nno");
  CHECK(write_response(response, true, true).ends_with("Content-Length: 2\r\n\r\n"));
  CHECK(write_response({.status = 204, .body = {}, .headers = {}}, true, false) ==
        "HTTP/1.1 204 No Content\r\n\r\n");
}
