// SPDX-License-Identifier: Apache-2.0
// Keys of a tunnel between two ends: agreeing, renewing without losing a datagram, and whatever
// must not be agreed on.
#include <doctest/doctest.h>

#include "tests/unit/swift/control/two_ends.h"

using namespace weft;
using namespace weft::swift;
using namespace weft::test;

namespace {

using crypto::AeadChoice;
using crypto::AeadProvider;
using crypto::Cipher;

constexpr AeadChoice kAes{Cipher::aes_256_gcm, AeadProvider::sodium};
constexpr AeadChoice kChaCha{Cipher::chacha20_poly1305, AeadProvider::sodium};

void check_nothing_foreign(const TwoEnds& ends) {
  CHECK(ends.dialler.foreign == 0);
  CHECK(ends.acceptor.foreign == 0);
}

}  // namespace

TEST_CASE("swift tunnel: start: keys are agreed and the path is up within half a second") {
  for (const bool sealed : {true, false}) {
    CAPTURE(sealed);
    TwoEnds ends(1, {.sealed = sealed});
    REQUIRE(ends.run_until([&] { return ends.both_up(); }, 500ms));
    ends.run_for(5s);
    for (const auto* end : {&ends.dialler, &ends.acceptor}) {
      const TunnelStatus status = end->tunnel->status();
      CHECK(status.encrypted == sealed);
      CHECK(status.aead.has_value() == sealed);
      CHECK(status.epoch.has_value() == sealed);
      CHECK(status.path_mtu == 1500);
      CHECK(status.trouble.empty());
      CHECK(end->applied->encrypted == sealed);
      CHECK(end->applied->epochs.size() == (sealed ? 1 : 0));
      CHECK(end->data_sent > 400);
    }
    CHECK(ends.dialler.applied->peer_index == ends.acceptor.applied->index);
    CHECK(ends.dialler.applied->index == ends.acceptor.applied->peer_index);
    check_nothing_foreign(ends);
  }
}

TEST_CASE("swift tunnel: cipher: both ends use what both do fast") {
  struct Case {
    std::vector<AeadChoice> dialler, acceptor;
    Cipher expected;
  };
  for (const Case& c : {Case{{kAes, kChaCha}, {kAes, kChaCha}, Cipher::aes_256_gcm},
                        Case{{kAes, kChaCha}, {kChaCha}, Cipher::chacha20_poly1305},
                        Case{{kChaCha}, {kAes, kChaCha}, Cipher::chacha20_poly1305},
                        Case{{kChaCha, kAes}, {kAes, kChaCha}, Cipher::chacha20_poly1305},
                        Case{{kAes, kChaCha}, {kChaCha, kAes}, Cipher::aes_256_gcm}}) {
    TwoEnds ends(2, {.dialler_aeads = c.dialler, .acceptor_aeads = c.acceptor});
    ends.run_for(1s);
    REQUIRE(ends.both_up());
    CHECK((ends.dialler.tunnel->status().aead->cipher == c.expected));
    CHECK((ends.acceptor.tunnel->status().aead->cipher == c.expected));
  }
}

TEST_CASE("swift tunnel: renewal: no datagram is lost over many changes of keys, and none repeat") {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    CAPTURE(seed);
    TwoEnds ends(seed, {.rekey_interval = 5s, .data_interval = 5ms});
    // Workers that are slow to take keys over, datagrams that are late, a repeating network.
    ends.faults.apply_delay = Duration(1ms) * (1 << (2 * seed));
    ends.faults.jitter = 300ms;
    ends.faults.duplicates = 0.1;
    ends.run_for(300s);
    REQUIRE(ends.both_up());
    check_nothing_foreign(ends);
    CHECK(ends.dialler.epochs_used.size() >= 20);
    CHECK(ends.acceptor.epochs_used.size() + 1 >= ends.dialler.epochs_used.size());
    CHECK(ends.dialler.data_sent - ends.acceptor.data_opened <= 100);  // still flying
    CHECK(ends.acceptor.data_sent - ends.dialler.data_opened <= 100);
    CHECK(ends.dialler.applied->epochs.size() <= KeyExchange::kEpochsMax);
  }
}

TEST_CASE("swift tunnel: renewal: lossy paths and control messages that get lost or repeated") {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    CAPTURE(seed);
    TwoEnds ends(seed, {.rekey_interval = 20s});
    ends.faults.loss = 0.05;
    ends.faults.jitter = 50ms;
    ends.faults.control_loss = 0.3;
    ends.faults.control_duplicates = 0.3;
    ends.faults.control_jitter = 2s;
    ends.run_for(600s);
    check_nothing_foreign(ends);
    CHECK(ends.run_until([&] { return ends.both_up(); }, 60s));
    CHECK(ends.dialler.epochs_used.size() >= 10);
  }
}

TEST_CASE("swift tunnel: renewal: the old keys open datagrams for ten seconds, then are gone") {
  TwoEnds ends(3, {.rekey_interval = 60s});
  ends.run_for(10s);
  REQUIRE(ends.acceptor.applied->send_epoch == 1);
  std::weak_ptr<const EpochKeys> old = ends.acceptor.applied->epochs.front();
  REQUIRE(ends.run_until([&] { return ends.acceptor.applied->send_epoch == 2; }, 60s));
  CHECK(ends.acceptor.applied->epochs.size() == 2);
  ends.run_for(9s);
  CHECK(ends.dialler.applied->epochs.size() == 2);
  CHECK(ends.acceptor.applied->epochs.size() == 2);
  CHECK_FALSE(old.expired());
  ends.run_for(2s);
  CHECK(ends.dialler.applied->epochs.size() == 1);
  CHECK(ends.acceptor.applied->epochs.size() == 1);
  CHECK(old.expired());
}

TEST_CASE("swift tunnel: renewal: either end's counter brings new keys at once") {
  for (const bool by_dialler : {true, false}) {
    CAPTURE(by_dialler);
    TwoEnds ends(4);
    ends.run_for(10s);
    TwoEnds::End& full = by_dialler ? ends.dialler : ends.acceptor;
    full.tunnel->on_counter_high(ends.now, 1, full.out);
    ends.carry_out(full);
    ends.run_for(1s);
    CHECK(ends.dialler.applied->send_epoch == 2);
    CHECK(ends.acceptor.applied->send_epoch == 2);
    // The other worker says so a little later, of keys that are old by now.
    full.tunnel->on_counter_high(ends.now, 1, full.out);
    ends.carry_out(full);
    ends.run_for(1s);
    CHECK(ends.dialler.applied->send_epoch == 2);
    check_nothing_foreign(ends);
  }
}

TEST_CASE("swift tunnel: expiry: keys that cannot be renewed are not used on and on") {
  TwoEnds ends(5, {.rekey_interval = 20s});
  ends.run_for(5s);
  ends.faults.control_loss = 1;
  ends.run_for(85s);
  CHECK(ends.both_down());
  CHECK(ends.dialler.tunnel->status().trouble.find("keys") != std::string::npos);
  CHECK_FALSE(ends.dialler.applied->send_epoch.has_value());
  CHECK(ends.dialler.applied->epochs.empty());
  ends.faults.control_loss = 0;
  CHECK(ends.run_until([&] { return ends.both_up(); }, 40s));
  check_nothing_foreign(ends);
}

TEST_CASE("swift tunnel: sealing: ends that disagree carry nothing, neither plain nor sealed") {
  for (const bool dialler_sealed : {true, false}) {
    TwoEnds ends(6, {.sealed = dialler_sealed, .acceptor_sealed = !dialler_sealed});
    ends.run_for(20s);
    CHECK(ends.both_down());
    CHECK(ends.dialler.refused.has_value());
    CHECK(ends.acceptor.refused.has_value());
    CHECK(ends.dialler.data_sent + ends.acceptor.data_sent == 0);
    CHECK_FALSE(ends.dialler.tunnel->spec().has_value());
  }
}

TEST_CASE("swift tunnel: sealing: an accept that drops it is not believed") {
  TwoEnds ends(7);
  ends.faults.control_loss = 1;  // the real answer never comes
  ends.run_for(5ms);
  ends.inject_control(ends.dialler,
                      write_tunnel_message(Accept{.sealed = false, .epoch = 1, .index = 77}));
  ends.run_for(5s);
  CHECK_FALSE(ends.dialler.tunnel->up());
  CHECK_FALSE(ends.dialler.tunnel->spec().has_value());
}

TEST_CASE("swift tunnel: refusal: no cipher in common, another version, an unusable key") {
  TwoEnds ends(8, {.dialler_aeads = {kAes}, .acceptor_aeads = {kChaCha}});
  ends.run_for(5s);
  CHECK(ends.dialler.refused->find("no cipher") != std::string::npos);
  CHECK(ends.acceptor.refused.has_value());

  TwoEnds later(9);
  later.faults.control_loss = 1;
  Bytes body = write_tunnel_message(Offer{.epoch = 1, .index = 5}).body;
  body[0] = Byte{9};
  later.inject_control(later.acceptor, {.tag = 1, .body = body});
  CHECK(later.acceptor.refused.has_value());
  const auto refuse = parse_tunnel_message(5, later.acceptor.controls.back().body);
  REQUIRE(refuse.has_value());
  CHECK((std::get<Refuse>(*refuse).reason == Refusal::version));

  TwoEnds low_order(10);
  low_order.faults.control_loss = 1;
  low_order.inject_control(
      low_order.acceptor,
      write_tunnel_message(Offer{.epoch = 1, .index = 5, .ciphers = {Cipher::chacha20_poly1305}}));
  CHECK(low_order.acceptor.refused.has_value());
  CHECK_FALSE(low_order.acceptor.tunnel->up());
}

TEST_CASE("swift tunnel: replay: every control message once more, in any order, changes nothing") {
  TwoEnds ends(11, {.rekey_interval = 15s});
  SeededRng rng(5);
  for (int round = 0; round < 300; ++round) {
    ends.run_for(1s);
    for (auto* end : {&ends.dialler, &ends.acceptor}) {
      const auto& said = ends.other(*end).controls;
      if (!said.empty()) ends.inject_control(*end, said[rng.below(said.size())]);
    }
    REQUIRE((round < 2 || ends.both_up()));
  }
  check_nothing_foreign(ends);
  CHECK(ends.dialler.epochs_used == ends.acceptor.epochs_opened);
  CHECK(ends.dialler.epochs_used.size() >= 15);
}

TEST_CASE(
    "swift tunnel: forgery: invented messages on an open TCP connection leave frames sealed") {
  TwoEnds ends(12, {.rekey_interval = 15s});
  SeededRng rng(6);
  for (int round = 0; round < 3000; ++round) {
    ends.run_for(50ms);
    Bytes body(rng.below(80));
    rng.fill(body);
    ends.inject_control(rng.below(2) == 0 ? ends.dialler : ends.acceptor,
                        {.tag = static_cast<std::uint8_t>(rng.below(7)), .body = body});
    for (const auto* end : {&ends.dialler, &ends.acceptor}) {
      if (end->applied) REQUIRE(end->applied->encrypted);
    }
  }
}

TEST_CASE("swift tunnel: flood: offers without end cost one key agreement each half second") {
  TwoEnds ends(13);
  ends.run_for(5s);
  const std::uint64_t before = ends.acceptor.version;
  crypto::PublicKey key{};
  key[0] = Byte{9};
  for (std::uint32_t epoch = 2; epoch < 2000; ++epoch) {
    ends.run_for(1ms);
    ends.inject_control(ends.acceptor,
                        write_tunnel_message(Offer{.epoch = epoch,
                                                   .index = ends.dialler.tunnel->index(),
                                                   .ciphers = {Cipher::chacha20_poly1305},
                                                   .public_key = key}));
    REQUIRE(ends.acceptor.tunnel->spec()->epochs.size() <= KeyExchange::kEpochsMax);
  }
  CHECK(ends.acceptor.version - before <= 20);
  CHECK(ends.acceptor.tunnel->status().epoch == 1);
}

TEST_CASE("swift tunnel: restart: new machines on a new link share no key and no index with old") {
  std::set<std::string> keys;
  std::set<std::uint32_t> indices;
  for (std::uint64_t seed = 20; seed < 40; ++seed) {
    TwoEnds ends(seed, {.rekey_interval = 5s});
    ends.run_for(30s);
    for (const auto* end : {&ends.dialler, &ends.acceptor}) {
      REQUIRE(end->applied.has_value());
      CHECK(indices.insert(end->applied->index).second);
      for (const auto& epoch : end->applied->epochs) {
        const bool sending = end == &ends.dialler;
        const auto& key = sending ? epoch->send_key : epoch->receive_key;
        if (sending) CHECK(keys.insert(to_hex(key.reveal())).second);
      }
    }
    check_nothing_foreign(ends);
  }
}
