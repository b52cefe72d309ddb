// SPDX-License-Identifier: Apache-2.0
// Two ends of a sealed stream and a network that the fuzzer chooses: it delivers, drops, repeats,
// bends, cuts and reflects. Whatever opens is exactly the next message that was sealed.
#include <algorithm>
#include <deque>

#include "base/ensure.h"
#include "base/rng.h"
#include "crypto/stream_box.h"
#include "tests/fuzz/input.h"

using namespace weft;
using namespace weft::crypto;

namespace {

struct Side {
  StreamBox box;
  std::vector<Bytes> sealed{};   // all it has ever sent
  std::deque<Bytes> unopened{};  // plaintexts that the other side has not seen yet
};

void deliver(Side& from, Side& to, ByteView message) {
  auto plain = to.box.open(message);
  if (!plain) return;
  ensure(!from.unopened.empty(), "a message opens that was not sealed");
  ensure(*plain == from.unopened.front(), "another message opens than the next one");
  from.unopened.pop_front();
}

SessionKey key_of(std::uint8_t seed) {
  SeededRng rng(seed);
  Secret<32> bytes;
  rng.fill(bytes.fill());
  return SessionKey(std::move(bytes));
}

void step(fuzz::Choices& choose, Side& a, Side& b) {
  std::uint8_t what = choose.byte();
  if (what < 96 || a.sealed.empty()) {
    Bytes plain = to_bytes(choose.take(what % 32));
    a.sealed.push_back(a.box.seal(plain));
    a.unopened.push_back(plain);
    if (what % 4 != 0) deliver(a, b, a.sealed.back());
    return;
  }
  const Bytes& old = a.sealed[choose.byte() % a.sealed.size()];
  if (what < 160) return deliver(a, b, old);
  if (what < 192) return deliver(b, a, old);  // reflected
  Bytes bent = old;
  if (what < 224) {
    bent.resize(choose.byte() % (bent.size() + 1));
  } else {
    bent[choose.byte() % bent.size()] ^= static_cast<Byte>(1U << (what % 8));
  }
  deliver(a, b, bent);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Choices choose(fuzz::view(data, size));
  SessionKey key = key_of(choose.byte());
  Side dialler{.box = StreamBox(key, true)};
  Side acceptor{.box = StreamBox(key, false)};
  for (int i = 0; i < 64 && !choose.empty(); ++i) {
    if (choose.byte() % 2 == 0) {
      step(choose, dialler, acceptor);
    } else {
      step(choose, acceptor, dialler);
    }
  }
  // Bytes of no side's making.
  dialler.unopened.clear();
  acceptor.unopened.clear();
  deliver(dialler, acceptor, choose.rest());
  return 0;
}
