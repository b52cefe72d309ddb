// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/options.h"

#include <fstream>

#include <doctest/doctest.h>
#include <unistd.h>

using namespace weft;
using namespace weft::daemon;

namespace {

const Environment kBare{.host_name = "host1", .weave_password = std::nullopt};

Options accepted(const std::vector<std::string>& arguments, const Environment& env = kBare) {
  auto parsed = parse_options(arguments, env);
  if (auto* exit = std::get_if<EarlyExit>(&parsed)) FAIL(exit->text);
  return std::get<Options>(parsed);
}

std::string refused(const std::vector<std::string>& arguments) {
  auto parsed = parse_options(arguments, kBare);
  if (std::holds_alternative<Options>(parsed)) return "accepted";
  CHECK(std::get<EarlyExit>(parsed).code == 2);
  return std::get<EarlyExit>(parsed).text;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("options: defaults: an empty line gives Weave's defaults") {
  Options o = accepted({});
  CHECK(o.port == 6783);
  CHECK(o.conn_limit == 200);
  CHECK(o.nickname == "host1");
  CHECK(o.db_prefix == "/weavedb/weave");
  CHECK(o.bridge == "weave");
  CHECK_FALSE(o.ipam);
  CHECK_FALSE(o.password);
}

TEST_CASE("options: forms: a value may follow its flag or an equals sign, peers stand anywhere") {
  Options o = accepted({"10.0.0.1", "--port", "7000", "--ipalloc-range=10.32.0.0/12",
                        "--ipalloc-init", "seed=::1,::2", "--name", "::2", "10.0.0.2:1234"});
  CHECK(o.port == 7000);
  CHECK(o.peers == std::vector<std::string>{"10.0.0.1", "10.0.0.2:1234"});
  CHECK(o.name->value() == 2);
  CHECK(o.ipam->range.text() == "10.32.0.0/12");
  CHECK(std::get<ipam::InitSeed>(o.ipam->init).peers.size() == 2);
  CHECK(contains(o.summary, "ipalloc-range=10.32.0.0/12"));
}

TEST_CASE("options: mistakes: an unknown flag is refused with what was meant") {
  CHECK(contains(refused({"--ipaloc-range=10.32.0.0/12"}), "did you mean --ipalloc-range?"));
  CHECK(contains(refused({"--zzzzzzzzzzzz"}), "unknown flag --zzzzzzzzzzzz"));
  for (const char* far : {"-x", "--nonick", "--foo"}) {
    CAPTURE(far);
    CHECK_FALSE(contains(refused({far}), "did you mean"));
  }
}

TEST_CASE("options: repetition: of a flag given twice the last counts") {
  CHECK(accepted({"--port=1000", "--port", "1001"}).port == 1001);
  const Options o = accepted({"--nickname=a", "--nickname=b", "host2", "host3:7000"});
  CHECK(o.nickname == "b");
  CHECK(contains(o.summary, "nickname=b "));
  CHECK(o.peers == std::vector<std::string>{"host2", "host3:7000"});
}

TEST_CASE("options: peers: one that cannot be an address is refused by name") {
  CHECK(contains(refused({"10.0.0.1:99999"}), "peer '10.0.0.1:99999'"));
  CHECK(contains(refused({"host2", "fe80::1"}), "peer 'fe80::1'"));
}

TEST_CASE("options: mistakes: senseless values are refused and say why") {
  CHECK(contains(refused({"--port=0"}), "--port"));
  CHECK(contains(refused({"--port=x"}), "port"));
  CHECK(contains(refused({"--mtu=100"}), "--mtu"));
  CHECK(contains(refused({"--name=01:00:00:00:00:01"}), "group bit"));
  CHECK(contains(refused({"--name=host"}), "not a peer name"));
  CHECK(contains(refused({"--ipalloc-range=10.32.0.1/12"}), "bits after network prefix"));
  CHECK(contains(refused({"--ipalloc-init=observer"}), "--ipalloc-range"));
  CHECK(contains(refused({"--ipalloc-range=10.32.0.0/12", "--ipalloc-default-subnet=10.64.0.0/16"}),
                 "does not overlap"));
  for (const char* end : {"0.0.0.0/0", "255.255.255.0/24"}) {
    CHECK(contains(refused({"--ipalloc-range=10.32.0.0/12", "--ipalloc-default-subnet", end}),
                   "reaches the end"));
    CHECK(contains(refused({"--ipalloc-range", end}), "reaches the end"));
  }
  CHECK(contains(refused({"--ipalloc-range=10.32.0.0/12", "--ipalloc-init=seeed"}), "seeed"));
  CHECK(contains(refused({"--trusted-subnets=10.0.0.0/8,x"}), "'x' is not a CIDR"));
  CHECK(contains(refused({"--resume", "10.0.0.1"}), "--resume"));
  CHECK(contains(refused({"--log-level=loud"}), "loud"));
  CHECK(contains(refused({"--http-addr=nonsense"}), "--http-addr"));
  CHECK(contains(refused({"--conn-limit=-1"}), "--conn-limit"));
}

TEST_CASE("options: legacy: a meaningless flag of Weave's is accepted with one warning") {
  Options o = accepted(
      {"--datapath=datapath", "--docker-api", "", "--no-fastdp", "--http-addr=/s", "10.0.0.1"});
  CHECK(o.peers == std::vector<std::string>{"10.0.0.1"});
  REQUIRE(o.warnings.size() == 3);
  CHECK(contains(o.warnings[0], "--datapath"));
  CHECK(contains(o.warnings[2], "--no-fastdp"));
}

TEST_CASE("options: password: file, environment and flag, and never in the summary") {
  std::string path = "/tmp/wf-options-test-password";
  std::ofstream(path) << "from file\nrest\n";
  CHECK(as_text(accepted({"--password-file", path}).password->reveal()) == "from file");
  std::remove(path.c_str());
  CHECK(contains(refused({"--password-file", path}), "cannot be read"));
  Options env = accepted({}, {.host_name = "h", .weave_password = "from env"});
  CHECK(as_text(env.password->reveal()) == "from env");
  Options flag = accepted({"--password", "s3cr3t"});
  CHECK_FALSE(contains(flag.summary, "s3cr3t"));
  CHECK(contains(flag.summary, "password=***"));
}

namespace {

// A file of options with this content, for the time of the test.
class ConfigFile {
 public:
  explicit ConfigFile(const std::string& content)
      : path_("/tmp/weft-options-test-" + std::to_string(::getpid())) {
    std::ofstream(path_) << content;
  }
  ConfigFile(const ConfigFile&) = delete;
  ConfigFile& operator=(const ConfigFile&) = delete;
  ~ConfigFile() { ::unlink(path_.c_str()); }
  std::string argument() const { return "--config=" + path_; }

 private:
  std::string path_;
};

}  // namespace

TEST_CASE("options: config: a file gives options and peers, and the command line overrides it") {
  ConfigFile file(
      "# where it runs\nport = 7000\nno-discovery = true\nipalloc-range = 10.40.0.0/16\n"
      "peers = [\"10.0.0.1\", \"10.0.0.2\"]\n");
  Options from_file = accepted({file.argument()});
  CHECK(from_file.port == 7000);
  CHECK_FALSE(from_file.discovery);
  CHECK(from_file.ipam->range.text() == "10.40.0.0/16");
  CHECK(from_file.peers == std::vector<std::string>{"10.0.0.1", "10.0.0.2"});
  CHECK(contains(from_file.summary, "port=7000"));
  CHECK(accepted({file.argument(), "--port=7001"}).port == 7001);
}

TEST_CASE(
    "options: config: a missing file and a line that means nothing are errors that name them") {
  CHECK(contains(refused({"--config=/nowhere/weaver.conf"}), "/nowhere/weaver.conf"));
  ConfigFile file("ipaloc-range = 10.40.0.0/16\n");
  CHECK(contains(refused({file.argument()}), "ipaloc-range"));
}

TEST_CASE("options: packets: capture, workers, overlays, ciphers and key life are what was said") {
  const Options bare = accepted({});
  CHECK(bare.capture == CaptureKind::automatic);
  CHECK(bare.workers == 0);
  CHECK(bare.overlays == std::vector<std::string>{"swift", "sleeve"});
  CHECK(bare.rekey_interval == std::chrono::seconds(120));
  CHECK(bare.ciphers.empty());
  const Options given = accepted({"--capture=pcap", "--workers=3", "--overlays=sleeve, swift",
                                  "--rekey-interval=5", "--ciphers=chacha20-poly1305"});
  CHECK(given.capture == CaptureKind::pcap);
  CHECK(given.workers == 3);
  CHECK(given.overlays == std::vector<std::string>{"sleeve", "swift"});
  CHECK(given.rekey_interval == std::chrono::seconds(5));
  CHECK(given.ciphers == std::vector{crypto::Cipher::chacha20_poly1305});
  CHECK(accepted({"--overlays=sleeve"}).overlays == std::vector<std::string>{"sleeve"});
}

TEST_CASE("options: packets: what cannot be meant is refused with the flag's name") {
  CHECK(contains(refused({"--capture=raw"}), "--capture"));
  CHECK(contains(refused({"--workers=-1"}), "--workers"));
  CHECK(contains(refused({"--workers=65"}), "--workers"));
  CHECK(contains(refused({"--overlays=swift"}), "sleeve"));
  CHECK(contains(refused({"--overlays=sleeve,sleeve"}), "twice"));
  CHECK(contains(refused({"--overlays=fastest"}), "fastest"));
  CHECK(contains(refused({"--rekey-interval=0"}), "--rekey-interval"));
  CHECK(contains(refused({"--rekey-interval=3601"}), "--rekey-interval"));
  CHECK(contains(refused({"--ciphers=rot13"}), "rot13"));
}
