// SPDX-License-Identifier: Apache-2.0
// What a CNI runtime is told when something goes wrong: a code of the specification, a sentence
// that people will grep for in the kubelet's journal, and the cure.
#pragma once

#include <string>
#include <utility>
#include <variant>

#include "base/ensure.h"

namespace weft::cni {

// Codes up to 99 belong to the CNI specification ("Error", well-known codes), from 100 to us. A
// delegate's own code is passed on as it is, so a value without a name is legal.
enum class FaultCode : unsigned {
  incompatible_version = 1,
  unknown_container = 3,  // the runtime need not clean up
  bad_environment = 4,
  io_failure = 5,
  undecodable = 6,
  bad_config = 7,
  try_again = 11,
  not_available = 50,  // STATUS: no ADD can be served
  limited = 51,        // STATUS: and existing containers may be cut off, too
  plumbing = 100,      // the kernel refused a change to links, addresses or routes
  address = 101,       // the daemon refused an address
  delegate = 102,      // the IPAM plugin is missing or broke the protocol
  mismatch = 103,      // CHECK: the container is not connected as it should be
  conflict = 104,      // something that is not ours has the name we need
};

struct Fault {
  FaultCode code = FaultCode::plumbing;
  std::string msg;
  std::string details;  // cause and cure; may be empty

  friend bool operator==(const Fault&, const Fault&) = default;
};

struct Nothing {};

// A value or a Fault. Unlike Result it carries text that was made for the occasion.
template <class T = Nothing>
class [[nodiscard]] Outcome {
 public:
  Outcome() = default;
  // Implicit, so that a function returns either.
  // NOLINTNEXTLINE(google-explicit-constructor)
  Outcome(T value) : content_(std::in_place_index<0>, std::move(value)) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  Outcome(Fault fault) : content_(std::in_place_index<1>, std::move(fault)) {}

  explicit operator bool() const { return content_.index() == 0; }
  T& operator*() { return value(); }
  const T& operator*() const { return const_cast<Outcome*>(this)->value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &const_cast<Outcome*>(this)->value(); }
  const Fault& fault() const {
    ensure(content_.index() == 1, "fault() of an Outcome that succeeded");
    return std::get<1>(content_);
  }

 private:
  T& value() {
    ensure(content_.index() == 0, "value of an Outcome that failed");
    return std::get<0>(content_);
  }
  std::variant<T, Fault> content_;
};

}  // namespace weft::cni
