// SPDX-License-Identifier: Apache-2.0
// The first start on a host that Weave served, and every later one.
#include "router/daemon/moving_in.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "tests/golden/default_folder.h"

using namespace weft;
using namespace weft::daemon;

namespace {

namespace fs = std::filesystem;

const PeerName kWeaveName = PeerName::from_u48(0x7a0000000001ULL);

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// A host's /var/lib/weave, with what a real Weave left in it.
struct Host {
  explicit Host(const char* weave_file = "weave-netdata.db") {
    char name[] = "/tmp/wf-move-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    folder = name;
    weave = folder + "/" + weave_file;
    fs::copy_file(fs::path(golden::default_folder()) / "weave-netdata-host1.db", weave);
    before = read_file(weave);
  }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  ~Host() { fs::remove_all(folder); }

  std::string prefix() const { return folder + "/weave"; }

  std::unique_ptr<Store> store() const {
    auto opened = Store::open(prefix() + "weft.db");
    if (auto* failure = std::get_if<Failure>(&opened)) FAIL(failure->text());
    return std::move(std::get<std::unique_ptr<Store>>(opened));
  }

  // As weaver starts: the name that is found, else another.
  StoredState start(std::optional<PeerName> given = std::nullopt) {
    auto opened = store();
    auto moved = move_in({.db_prefix = prefix(), .given = given}, *opened);
    if (auto* failure = std::get_if<Failure>(&moved)) FAIL(failure->text());
    const MovedIn& in = std::get<MovedIn>(moved);
    notices = in.notices;
    PeerName name = given ? *given : opened->load()->name.value_or(in.name.value_or(kOther));
    REQUIRE(opened->adopt_name(name).has_value());
    REQUIRE(end_moving_in(prefix()).has_value());
    CHECK(read_file(weave) == before);  // never written
    return opened->load().value();
  }

  // A container that came while weaver served the host.
  void store_container() const {
    ipam::Owned owned{.is_container = true, .addresses = {*Cidr::parse("10.32.0.9/12")}};
    REQUIRE(store()->commit({ipam::effect::StoreOwned{"c9", owned}}).has_value());
  }

  // Weave served the host once more, and its file is the newest here.
  void weave_writes(const char* golden_file) {
    fs::copy_file(fs::path(golden::default_folder()) / golden_file, weave,
                  fs::copy_options::overwrite_existing);
    fs::last_write_time(weave, fs::file_time_type::clock::now() + std::chrono::hours(1));
    before = read_file(weave);
  }

  // What the note says to do if Weave's file is to be read once more.
  void forget_state() const {
    for (const char* file : {"weft.db", "weft.db-wal", "weft.db-shm", "weft.moved"})
      fs::remove(prefix() + file);
  }

  static inline const PeerName kOther = PeerName::from_u48(0x0a00000000ffULL);
  std::string folder;
  std::string weave;
  std::string before;
  std::vector<LogLine> notices;
};

}  // namespace

TEST_CASE("moving in: name, ring, addresses and targets are Weave's, whatever its file is called") {
  for (const char* file : {"weave-netdata.db", "weavedata.db"}) {
    CAPTURE(file);
    Host host(file);
    StoredState state = host.start();
    CHECK(state.name == kWeaveName);
    CHECK(state.allocator.ring.has_value());
    CHECK(state.allocator.owned.size() == 2);
    CHECK(state.allocator.owned.contains("weave:expose"));
    CHECK(state.targets.size() == 3);
    REQUIRE(host.notices.size() == 1);
    CHECK(host.notices[0].text.find("7a:00:00:00:00:01") != std::string::npos);
  }
}

TEST_CASE("moving in: the second start takes our own state, not the older file") {
  Host host;
  host.start();
  {
    auto store = host.store();
    REQUIRE(store->commit({ipam::effect::StoreOwned{"weave:expose", {}}}).has_value());
  }
  StoredState state = host.start();
  CHECK(state.name == kWeaveName);
  CHECK_FALSE(state.allocator.owned.contains("weave:expose"));
  CHECK(host.notices.empty());
}

TEST_CASE("moving in: after a reset, and when our state is lost, the older file stays dead") {
  Host host;
  host.start();
  for (const char* suffix : {"", "-wal", "-shm"})
    fs::remove(host.prefix() + "weft.db" + suffix);
  StoredState state = host.start();
  CHECK(state.name == Host::kOther);
  CHECK(state.allocator.owned.empty());
  CHECK_FALSE(state.allocator.ring.has_value());
}

TEST_CASE("moving in: a host that weaver served before Weave's file came is not changed by it") {
  Host host;
  fs::rename(host.weave, host.weave + ".away");
  host.weave += ".away";
  CHECK(host.start().name == Host::kOther);
  fs::copy_file(host.weave, host.folder + "/weave-netdata.db");
  CHECK(host.start().name == Host::kOther);
}

TEST_CASE("moving in: back to Weave and forward again: its newer file is not read, ours counts") {
  Host host;
  host.start();
  host.store_container();
  host.weave_writes("weave-netdata-host2.db");
  StoredState state = host.start();
  CHECK(state.name == kWeaveName);
  CHECK(state.allocator.owned.contains("c9"));
  CHECK(state.allocator.owned.size() == 3);
  CHECK(host.notices.empty());
}

TEST_CASE("moving in: a file that was set aside for the way back is none") {
  Host host;
  host.start();
  fs::rename(host.weave, host.weave + ".old");
  host.weave += ".old";
  CHECK(host.start().name == kWeaveName);
  CHECK(host.notices.empty());
  host.forget_state();
  CHECK(host.start().name == Host::kOther);
  CHECK(host.notices.empty());
}

TEST_CASE("moving in: state and note removed by hand: Weave's file of now is taken, and said so") {
  Host host;
  host.start();
  host.store_container();
  host.weave_writes("weave-netdata-host2.db");
  host.forget_state();
  StoredState state = host.start();
  CHECK(state.name == PeerName::from_u48(0x7a0000000002ULL));
  CHECK_FALSE(state.allocator.owned.contains("c9"));
  REQUIRE(host.notices.size() == 1);
  CHECK(host.notices[0].text.find("7a:00:00:00:00:02") != std::string::npos);
}

TEST_CASE("moving in: cut off between what was taken and the name, it is taken again") {
  Host host;
  {
    auto store = host.store();
    auto moved = move_in({.db_prefix = host.prefix(), .given = {}}, *store);
    REQUIRE(std::holds_alternative<MovedIn>(moved));
  }
  StoredState state = host.start();
  CHECK(state.name == kWeaveName);
  CHECK(state.allocator.owned.size() == 2);
}

TEST_CASE("moving in: another --name, or a file that cannot be read: left alone, and said so") {
  Host host;
  CHECK(host.start(Host::kOther).allocator.owned.empty());
  REQUIRE(host.notices.size() == 1);
  CHECK(host.notices[0].text.find("but --name says") != std::string::npos);

  Host broken;
  std::ofstream(broken.weave, std::ios::binary | std::ios::trunc) << broken.before.substr(0, 9000);
  broken.before = read_file(broken.weave);
  CHECK(broken.start().name == Host::kOther);
  REQUIRE(broken.notices.size() == 1);
  CHECK(broken.notices[0].text.find("is not taken over") != std::string::npos);
}

TEST_CASE("moving in: while Weave runs it is refused, and says what to do") {
  Host host;
  int fd = ::open(host.weave.c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(fd >= 0);
  REQUIRE(::flock(fd, LOCK_EX | LOCK_NB) == 0);
  auto store = host.store();
  auto moved = move_in({.db_prefix = host.prefix(), .given = {}}, *store);
  REQUIRE(std::holds_alternative<Failure>(moved));
  CHECK(std::get<Failure>(moved).text().find("Weave is running") != std::string::npos);
  CHECK_FALSE(store->load()->allocator.ring.has_value());
  ::close(fd);
}
