// SPDX-License-Identifier: Apache-2.0
// How expected failures travel: Result<T> holds a T or an Error. An Error never allocates, so a
// peer's bad bytes cost nothing; the edges wrap it for people as a Failure.
#pragma once

#include <string>
#include <string_view>

#include <boost/system/result.hpp>

namespace weft {

enum class Errc {
  truncated,    // the input ended too early
  trailing,     // bytes are left over after a complete value
  bad_value,    // a field holds what it must not
  too_large,    // a stated limit is exceeded
  unsupported,  // valid, but not something we speak
  refused,      // understood and declined
  not_found,
  conflict,  // contradicts what is already there
  system,    // a system call failed; sys_errno says how
};

std::string_view to_string(Errc code);

// `what` must have static storage (a literal): errors are passed around by value, never freed.
struct Error {
  Errc code = Errc::bad_value;
  int sys_errno = 0;
  std::string_view what;

  friend bool operator==(const Error&, const Error&) = default;
};

std::string to_string(const Error& error);

[[noreturn]] void throw_exception_from_error(const Error& error,
                                             const boost::source_location& where);

template <class T = void>
class [[nodiscard]] Result : public boost::system::result<T, Error> {
 public:
  using boost::system::result<T, Error>::result;
};

// What an operator is told: what failed, where, and what to do about it.
struct Failure {
  Error error;
  std::string subject;  // peer, address, port, file
  std::string hint;     // likely cause and next step

  std::string text() const;
};

}  // namespace weft
