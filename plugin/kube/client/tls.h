// SPDX-License-Identifier: Apache-2.0
// TLS as a client that believes one authority and one name. Sans-IO over OpenSSL: bytes in, bytes
// out.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "router/io/stream_filter.h"

namespace weft::kube {

// A file of certificates is no longer than this; a bundle of all public authorities is a fifth.
inline constexpr std::size_t kCaFileMax = 1024 * 1024;

struct TlsOptions {
  std::string ca_pem;  // certificates of the authorities
  std::string host;    // what the server's certificate must be for: a name or a literal address
};

// bad_value: there is no usable certificate in `ca_pem`, or `host` is no name.
Result<std::unique_ptr<io::StreamFilter>> make_tls_client(const TlsOptions& options);

}  // namespace weft::kube
