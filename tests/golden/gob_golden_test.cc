// SPDX-License-Identifier: Apache-2.0
// Gob values as Go writes them: read to the stated values, written back to the same bytes where
// type ids and the order of maps leave no choice, and read again to the same values.
#include <map>
#include <regex>

#include "gossip/gob/decoder.h"
#include "gossip/gob/encoder.h"
#include "tests/golden/golden.h"

using namespace weft;
using namespace weft::gob;

namespace {

constexpr Field kInnerFields[] = {{"X", &kUint}, {"S", &kString}};
constexpr Type kInner = struct_of("inner", kInnerFields);
constexpr Type kInners = slice_of("[]main.inner", kInner);
constexpr Type kNames = map_of("map[uint64]string", kUint, kString);
// Without the array field G of the original: arrays are skipped.
constexpr Field kOuterFields[] = {{"A", &kInt},   {"B", &kBytes}, {"C", &kInners},
                                  {"D", &kNames}, {"E", &kInner}, {"F", &kBool}};
constexpr Type kOuter = struct_of("outer", kOuterFields);
constexpr Type kTexts = map_of("", kString, kString);

struct Inner {
  std::uint64_t x = 0;
  std::string s;
};

struct Outer {
  std::int64_t a = 0;
  Bytes b;
  std::vector<Inner> c;
  std::optional<std::map<std::uint64_t, std::string>> d;
  std::optional<Inner> e;
  bool f = false;
};

Inner read_inner_fields(Decoder& d) {
  Inner inner;
  while (auto field = d.next_field()) {
    if (*field == 0) {
      inner.x = d.u64();
    } else {
      inner.s = d.string();
    }
  }
  return inner;
}

Inner read_inner(Decoder& d) {
  d.enter();
  return read_inner_fields(d);
}

Outer read_outer(ByteView in) {
  Decoder d(in);
  Outer out;
  for (d.expect(kOuter); auto field = d.next_field();) {
    switch (*field) {
      case 0:
        out.a = d.sint();
        break;
      case 1:
        out.b = to_bytes(d.bytes());
        break;
      case 2:
        for (d.enter(); d.next_element();)
          out.c.push_back(read_inner(d));
        break;
      case 3:
        out.d.emplace();
        for (d.enter(); d.next_element();) {
          auto key = d.u64();
          (*out.d)[key] = d.string();
        }
        break;
      case 4:
        out.e = read_inner(d);
        break;
      default:
        out.f = d.boolean();
    }
  }
  REQUIRE(d.finish().has_value());
  return out;
}

void write_inner(Encoder& e, const Inner& v) {
  e.open().field(0).uint(v.x).field(1).string(v.s).close();
}

Bytes write_outer(const Outer& v) {
  Bytes out;
  Encoder e(out);
  e.begin(kOuter).field(0).sint(v.a).field(1).bytes(v.b).field(2).open(v.c.size());
  for (const Inner& i : v.c)
    write_inner(e, i);
  e.close();
  if (v.d) {
    e.field(3).open(v.d->size());
    for (const auto& [key, name] : *v.d)
      e.uint(key).string(name);
    e.close();
  }
  if (v.e) write_inner(e.field(4), *v.e);
  e.field(5).boolean(v.f).close();
  return out;
}

// "outer{A:-5,C:[{1,a},{}]}": zero fields left out, as the vectors state values.
std::string text(const Inner& v) {
  return v.x == 0 && v.s.empty() ? "{}" : "{" + std::to_string(v.x) + "," + v.s + "}";
}

std::string text(const Outer& v) {
  std::vector<std::string> fields;
  if (v.a != 0) fields.push_back("A:" + std::to_string(v.a));
  if (!v.b.empty()) fields.push_back("B:" + std::string(as_text(v.b)));
  std::string list;
  for (const Inner& i : v.c)
    list += (list.empty() ? "" : ",") + text(i);
  if (!list.empty()) fields.push_back("C:[" + list + "]");
  list.clear();
  if (v.d) {
    for (const auto& [k, s] : *v.d)
      list += (list.empty() ? "" : ",") + std::to_string(k) + ":" + s;
    fields.push_back("D:{" + list + "}");
  }
  if (v.e) fields.push_back("E:&" + text(*v.e));
  if (v.f) fields.push_back("F:true");
  std::string joined;
  for (const std::string& f : fields)
    joined += (joined.empty() ? "" : ",") + f;
  return "outer{" + joined + "}";
}

void check_outer(const Bytes& in, const std::string& value) {
  Outer v = read_outer(in);
  CHECK(text(v) == std::regex_replace(value, std::regex(",G:\\[[^\\]]*\\]"), ""));
  CHECK(text(read_outer(write_outer(v))) == text(v));
}

void check_texts(const Bytes& in, const nlohmann::json& value) {
  auto read = [](ByteView from) {
    std::map<std::string, std::string> out;
    Decoder d(from);
    d.expect(kTexts);
    for (d.enter(); d.next_element();) {
      std::string key(d.string());
      out[key] = d.string();
    }
    REQUIRE(d.finish().has_value());
    return out;
  };
  auto map = read(in);
  CHECK(nlohmann::json(map) == (map.empty() ? nlohmann::json::object() : value));
  Bytes out;
  Encoder e(out);
  e.begin(kTexts).open(map.size());
  for (const auto& [key, v] : map)
    e.string(key).string(v);
  e.close();
  CHECK(read(out) == map);
  if (map.size() < 2 && to_hex(in).starts_with("0eff81")) CHECK(to_hex(out) == to_hex(in));
}

// A value of a built-in type: read as text, and written back.
void check_scalar(const Bytes& in, const Type& type, const nlohmann::json& value) {
  Decoder d(in);
  REQUIRE(d.expect(type));
  Bytes out;
  Encoder e(out);
  e.begin(type);
  switch (type.kind) {
    case Kind::uint: {
      auto v = d.u64();
      CHECK(std::to_string(v) == value.get<std::string>());
      e.uint(v);
      break;
    }
    case Kind::sint: {
      auto v = d.sint();
      CHECK(std::to_string(v) == value.get<std::string>());
      e.sint(v);
      break;
    }
    case Kind::string: {
      std::string v(d.string());
      CHECK(v == value.get<std::string>());
      e.string(v);
      break;
    }
    case Kind::bytes: {
      Bytes v = to_bytes(d.bytes());
      CHECK(to_hex(v) == value.get<std::string>());
      e.bytes(v);
      break;
    }
    case Kind::boolean: {
      bool v = d.boolean();
      CHECK(v == value.get<bool>());
      e.boolean(v);
      break;
    }
    case Kind::slice:
    case Kind::map:
    case Kind::structure:
      FAIL("not a built-in type");
  }
  CHECK(d.finish().has_value());
  CHECK(to_hex(out) == to_hex(in));
}

void check_single(const nlohmann::json& c) {
  golden::require_known(c, {"Hex", "Value", "What"});
  CAPTURE(c.dump());
  Bytes in = golden::hex(c["Hex"]);
  auto what = c["What"].get<std::string>();
  const std::map<std::string, const Type*> scalars{{"uint64", &kUint},
                                                   {"int64", &kInt},
                                                   {"string", &kString},
                                                   {"bytes", &kBytes},
                                                   {"bool", &kBool}};
  if (auto scalar = scalars.find(what); scalar != scalars.end()) {
    check_scalar(in, *scalar->second, c["Value"]);
  } else if (what.starts_with("map[string]string")) {
    check_texts(in, c["Value"]);
  } else if (what.starts_with("struct")) {
    check_outer(in, c["Value"].get<std::string>());
  } else {
    FAIL("no test for " << what);
  }
}

}  // namespace

TEST_CASE("golden: gob: single values are read and written as Go does") {
  auto vectors = golden::load("gob_primitives.json");
  if (!vectors) return;
  golden::require_known(*vectors, {"note", "single_values", "stream_string_uint_bytes",
                                   "stream_two_structs_same_type"});
  for (const auto& c : (*vectors)["single_values"])
    check_single(c);
}

TEST_CASE("golden: gob: a stream of several values is read and written whole") {
  auto vectors = golden::load("gob_primitives.json");
  if (!vectors || !vectors->contains("stream_string_uint_bytes")) return;
  Bytes in = golden::hex((*vectors)["stream_string_uint_bytes"]);
  Decoder d(in);
  Bytes out;
  Encoder e(out);
  d.expect(kString);
  e.begin(kString).string(d.string());
  d.expect(kUint);
  e.begin(kUint).uint(d.u64());
  d.expect(kBytes);
  e.begin(kBytes).bytes(d.bytes());
  CHECK(d.finish().has_value());
  CHECK(to_hex(out) == to_hex(in));
}

TEST_CASE("golden: gob: two structs of one type share its definition") {
  auto vectors = golden::load("gob_primitives.json");
  if (!vectors || !vectors->contains("stream_two_structs_same_type")) return;
  auto read = [](ByteView in) {
    std::vector<std::string> out;
    Decoder d(in);
    while (d.begin(kInner)) {
      Inner inner = read_inner_fields(d);
      out.push_back(text(inner));
    }
    REQUIRE(d.finish().has_value());
    return out;
  };
  Bytes in = golden::hex((*vectors)["stream_two_structs_same_type"]);
  auto values = read(in);
  CHECK(values.size() == 2);
  Bytes out;
  Encoder e(out);
  Decoder d(in);
  while (d.begin(kInner)) {
    Inner inner = read_inner_fields(d);
    e.begin(kInner).field(0).uint(inner.x).field(1).string(inner.s).close();
  }
  CHECK(read(out) == values);
  CHECK(out.size() == in.size());
}
