// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/client/tls.h"

#include <doctest/doctest.h>

#include "authority.h"
#include "tests/unit/result_text.h"

using namespace weft;
using namespace weft::kube;

namespace {

// Lets both ends talk until neither has anything to say, in pieces of this size.
Result<> converse(io::StreamFilter& client, TlsServer& server, Bytes to_server, Bytes& plain,
                  std::size_t piece = 1000) {
  while (!to_server.empty()) {
    Bytes to_client;
    server.receive(to_server, to_client);
    to_server.clear();
    for (ByteView rest = to_client; !rest.empty();) {
      const std::size_t size = std::min(piece, rest.size());
      auto received = client.receive(rest.first(size), plain, to_server);
      if (!received) return received;
      rest = rest.subspan(size);
    }
  }
  return {};
}

struct Attempt {
  Result<> done;
  bool ready = false;
  std::string detail;
};

Attempt attempt(const TlsOptions& options, const Authority::Leaf& leaf) {
  TlsServer server(leaf);
  auto client = make_tls_client(options).value();
  Bytes wire;
  Bytes plain;
  REQUIRE(client->begin(wire));
  Attempt out;
  out.done = converse(*client, server, std::move(wire), plain);
  out.ready = client->ready();
  out.detail = client->detail();
  return out;
}

}  // namespace

TEST_CASE("tls: a server of our authority with our name is believed, and both ends understand") {
  const Authority authority;
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{100'000}}) {
    TlsServer server(authority.issue({}));
    auto client = make_tls_client({.ca_pem = authority.pem(), .host = "api.test"}).value();
    Bytes wire;
    Bytes plain;
    CHECK_FALSE(client->ready());
    REQUIRE(client->begin(wire));
    REQUIRE(converse(*client, server, std::move(wire), plain, piece));
    REQUIRE(client->ready());
    const std::string speech(50'000, 'x');
    Bytes request;
    REQUIRE(client->send(as_bytes(speech), request));
    CHECK(as_text(request).find("xxxx") == std::string_view::npos);
    REQUIRE(converse(*client, server, std::move(request), plain, piece));
    CHECK(server.heard() == speech);
    CHECK(as_text(plain) == speech);
  }
}

TEST_CASE("tls: addresses are names too") {
  const Authority authority;
  const auto leaf = authority.issue({});
  CHECK(attempt({authority.pem(), "10.96.0.1"}, leaf).ready);
  CHECK(attempt({authority.pem(), "fd00::1"}, leaf).ready);
  CHECK_FALSE(attempt({authority.pem(), "10.96.0.2"}, leaf).ready);
}

TEST_CASE("tls: another name, another authority, an expired certificate: refused, and told why") {
  const Authority authority;
  const Authority other;
  const Attempt name = attempt({authority.pem(), "evil.test"}, authority.issue({}));
  CHECK(name.done.error().code == Errc::refused);
  CHECK(name.detail.find("ostname") != std::string::npos);
  const Attempt stranger = attempt({other.pem(), "api.test"}, authority.issue({}));
  CHECK(stranger.done.error().code == Errc::refused);
  CHECK_FALSE(stranger.ready);
  const Attempt old = attempt({authority.pem(), "api.test"},
                              authority.issue({.valid_from = -7200, .valid_until = -60}));
  CHECK(old.done.error().code == Errc::refused);
  CHECK(old.detail == "certificate has expired");
  const Attempt early =
      attempt({authority.pem(), "api.test"}, authority.issue({.valid_from = 600}));
  CHECK(early.done.error().code == Errc::refused);
}

TEST_CASE("tls: of several authorities each is believed, as while one replaces another") {
  const Authority authority;
  const Authority next;
  const std::string both = next.pem() + authority.pem();
  CHECK(attempt({both, "api.test"}, authority.issue({})).ready);
  CHECK(attempt({both, "api.test"}, next.issue({})).ready);
}

TEST_CASE("tls: without a certificate of an authority there is no client") {
  CHECK(make_tls_client({.ca_pem = "no PEM", .host = "api.test"}).error().code == Errc::bad_value);
}

TEST_CASE("tls: noise instead of a handshake is an error") {
  const Authority authority;
  auto client = make_tls_client({.ca_pem = authority.pem(), .host = "api.test"}).value();
  Bytes wire;
  Bytes plain;
  REQUIRE(client->begin(wire));
  CHECK_FALSE(client->receive(as_bytes("HTTP/1.1 400 Bad Request\r\n\r\n"), plain, wire));
  CHECK(plain.empty());
}
