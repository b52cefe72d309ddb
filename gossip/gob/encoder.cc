// SPDX-License-Identifier: Apache-2.0
#include "gossip/gob/encoder.h"

#include "base/ensure.h"
#include "gossip/gob/internal/varint.h"

namespace weft::gob {
namespace {

// The first id a fresh Go process gives to a type of its program.
constexpr std::int64_t kFirstId = 65;

bool composite(const Type& type) {
  return type.kind == Kind::slice || type.kind == Kind::map || type.kind == Kind::structure;
}

std::int64_t builtin_id(Kind kind) {
  switch (kind) {
    case Kind::boolean:
      return 1;
    case Kind::sint:
      return 2;
    case Kind::uint:
      return 3;
    case Kind::bytes:
      return 5;
    case Kind::string:
      return 6;
    case Kind::slice:
    case Kind::map:
    case Kind::structure:
      break;
  }
  return 0;
}

// The types a type is made of, in the order Go visits them.
std::vector<const Type*> parts(const Type& type) {
  std::vector<const Type*> out;
  if (type.key != nullptr) out.push_back(type.key);
  if (type.element != nullptr) out.push_back(type.element);
  for (const Field& f : type.fields)
    out.push_back(f.type);
  return out;
}

// CommonType {Name, Id} and fieldType {Name, Id} have the same shape.
void put_name_and_id(Bytes& out, std::string_view name, std::int64_t id) {
  if (!name.empty()) {
    put_uint(out, 1);
    put_text(out, as_bytes(name));
  }
  put_uint(out, name.empty() ? 2 : 1);
  put_sint(out, id);
  put_uint(out, 0);
}

void put_id_field(Bytes& out, std::int64_t id) {
  put_uint(out, 1);
  put_sint(out, id);
}

}  // namespace

Encoder& Encoder::begin(const Type& type) {
  ensure(root_ == nullptr, "gob: begin inside a value");
  if (composite(type)) {
    allot_ids(type);
    send_definitions(type);
  }
  put_sint(body_, id_of(type));
  root_ = &type;
  root_due_ = true;
  if (type.kind == Kind::structure) return open();
  put_uint(body_, 0);
  return *this;
}

Encoder& Encoder::field(std::size_t index) {
  ensure(!frames_.empty(), "gob: field outside a struct");
  Frame& f = frames_.back();
  ensure(f.type->kind == Kind::structure && !f.selected, "gob: a field is not expected here");
  ensure(index >= f.next_index && index < f.type->fields.size(), "gob: field out of order");
  f.field = index;
  f.next_index = index + 1;
  f.selected = true;
  return *this;
}

Encoder& Encoder::boolean(bool v) {
  if (take_scalar(Kind::boolean, !v)) put_uint(body_, v ? 1 : 0);
  finish_if_complete();
  return *this;
}

Encoder& Encoder::sint(std::int64_t v) {
  if (take_scalar(Kind::sint, v == 0)) put_sint(body_, v);
  finish_if_complete();
  return *this;
}

Encoder& Encoder::uint(std::uint64_t v) {
  if (take_scalar(Kind::uint, v == 0)) put_uint(body_, v);
  finish_if_complete();
  return *this;
}

Encoder& Encoder::string(std::string_view v) {
  if (take_scalar(Kind::string, v.empty())) put_text(body_, as_bytes(v));
  finish_if_complete();
  return *this;
}

Encoder& Encoder::bytes(ByteView v) {
  if (take_scalar(Kind::bytes, v.empty())) put_text(body_, v);
  finish_if_complete();
  return *this;
}

Encoder& Encoder::open(std::size_t count) {
  const Type& type = due();
  ensure(composite(type), "gob: open on a scalar");
  bool is_struct = type.kind == Kind::structure;
  bool written = take_place(type.kind == Kind::slice && count == 0);
  if (written && !is_struct) put_uint(body_, count);
  frames_.push_back({.type = &type, .count = type.kind == Kind::map ? 2 * count : count});
  return *this;
}

Encoder& Encoder::close() {
  ensure(!frames_.empty(), "gob: close without open");
  const Frame& f = frames_.back();
  ensure(f.count == 0 && !f.selected, "gob: close before the last value");
  if (f.type->kind == Kind::structure) put_uint(body_, 0);
  frames_.pop_back();
  finish_if_complete();
  return *this;
}

const Type& Encoder::due() const {
  ensure(root_ != nullptr, "gob: a value without begin");
  if (frames_.empty()) return *root_;
  const Frame& f = frames_.back();
  if (f.type->kind == Kind::structure) {
    ensure(f.selected, "gob: a value without its field");
    return *f.type->fields[f.field].type;
  }
  ensure(f.count > 0, "gob: more elements than announced");
  return f.type->kind == Kind::map && f.count % 2 == 0 ? *f.type->key : *f.type->element;
}

bool Encoder::take_place(bool zero) {
  if (frames_.empty()) return true;
  Frame& f = frames_.back();
  if (f.type->kind != Kind::structure) {
    --f.count;
    return true;
  }
  f.selected = false;
  if (zero) return false;
  put_uint(body_, f.next_index - f.last_sent);
  f.last_sent = f.next_index;
  return true;
}

bool Encoder::take_scalar(Kind kind, bool zero) {
  ensure(due().kind == kind, "gob: a value of another kind is due");
  return take_place(zero);
}

void Encoder::finish_if_complete() {
  if (!frames_.empty()) return;
  root_ = nullptr;
  send_body();
}

void Encoder::send_body() {
  put_uint(out_, body_.size());
  append(out_, body_);
  body_.clear();
}

Encoder::Known* Encoder::find(const Type& type) {
  for (Known& k : known_) {
    if (k.type == &type) return &k;
  }
  return nullptr;
}

std::int64_t Encoder::id_of(const Type& type) {
  if (!composite(type)) return builtin_id(type.kind);
  const Known* known = find(type);
  ensure(known != nullptr, "gob: a type without an id");
  return known->id;
}

// Go numbers a struct before its fields, and a slice or map after what it consists of.
void Encoder::allot_ids(const Type& root) {
  struct Visit {
    const Type* type = nullptr;
    std::vector<const Type*> parts{};
    std::size_t next = 0;
  };
  auto allot = [this](const Type* type) {
    auto id = kFirstId + static_cast<std::int64_t>(known_.size());
    known_.push_back({.type = type, .id = id, .sent = false});
  };
  std::vector<Visit> stack;
  auto enter = [&](const Type* type) {
    if (!composite(*type) || find(*type) != nullptr) return;
    if (type->kind == Kind::structure) allot(type);
    stack.push_back({.type = type, .parts = parts(*type)});
  };
  enter(&root);
  while (!stack.empty()) {
    Visit& visit = stack.back();
    if (visit.next < visit.parts.size()) {
      enter(visit.parts[visit.next++]);
      continue;
    }
    if (visit.type->kind != Kind::structure) allot(visit.type);
    stack.pop_back();
  }
}

// Depth first, each definition before those of its parts.
void Encoder::send_definitions(const Type& root) {
  std::vector<const Type*> stack{&root};
  while (!stack.empty()) {
    const Type* type = stack.back();
    stack.pop_back();
    Known* known = composite(*type) ? find(*type) : nullptr;
    if (known == nullptr || known->sent) continue;
    known->sent = true;
    write_definition(*type);
    auto next = parts(*type);
    stack.insert(stack.end(), next.rbegin(), next.rend());
  }
}

// A wireType: a struct of which one field, chosen by the kind, is present.
void Encoder::write_definition(const Type& type) {
  std::int64_t id = id_of(type);
  put_sint(body_, -id);
  std::uint64_t which = type.kind == Kind::slice ? 2 : type.kind == Kind::structure ? 3 : 4;
  put_uint(body_, which);
  put_uint(body_, 1);
  put_name_and_id(body_, type.name, id);
  if (type.key != nullptr) put_id_field(body_, id_of(*type.key));
  if (type.element != nullptr) put_id_field(body_, id_of(*type.element));
  if (!type.fields.empty()) {
    put_uint(body_, 1);
    put_uint(body_, type.fields.size());
    for (const Field& f : type.fields)
      put_name_and_id(body_, f.name, id_of(*f.type));
  }
  put_uint(body_, 0);
  put_uint(body_, 0);
  send_body();
}

}  // namespace weft::gob
