// SPDX-License-Identifier: Apache-2.0
// The texts inside HTTP: request targets, forms, percent coding and listener addresses. What
// parses is written again and parses to the same.
#include "base/ensure.h"
#include "router/io/http_address.h"
#include "router/io/http_text.h"
#include "tests/fuzz/input.h"

using namespace weft;
using namespace weft::io;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text(fuzz::view(data, size));
  if (const auto form = parse_form(text)) {
    ensure(form->size() <= kParametersMax, "a form is bounded");
    ensure(parse_form(form_text(*form)) == form, "a form survives writing");
  }
  for (const bool plus_is_blank : {false, true}) {
    const auto decoded = percent_decode(text, plus_is_blank);
    if (!decoded) continue;
    ensure(decoded->size() <= text.size(), "decoding never grows");
    ensure(percent_decode(percent_encode(*decoded), plus_is_blank) == decoded,
           "encoding is undone by decoding");
  }
  HttpRequest request;
  if (parse_target(text, request)) {
    ensure(request.segments.size() <= text.size(), "a path is bounded");
    for (const std::string& segment : request.segments)
      ensure(!segment.empty(), "no empty segment");
  }
  if (const auto address = HttpAddress::parse(text)) {
    ensure(HttpAddress::parse(address->text()) == address, "an address survives writing");
  }
  return 0;
}
