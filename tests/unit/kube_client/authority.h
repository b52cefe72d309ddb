// SPDX-License-Identifier: Apache-2.0
// A certificate authority of the test's own, and a TLS server that it vouches for. Sans-IO.
#pragma once

#include <memory>
#include <string>

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/bytes.h"

namespace weft::kube {

struct LeafOptions {
  std::string alternative_names = "DNS:api.test,IP:10.96.0.1,IP:fd00::1";
  long valid_from = -3600;  // seconds from now
  long valid_until = 3600;
};

class Authority {
 public:
  Authority();
  std::string pem() const;  // its certificate
  struct Leaf {
    std::shared_ptr<X509> certificate;
    std::shared_ptr<EVP_PKEY> key;
  };
  Leaf issue(const LeafOptions& options) const;

 private:
  Leaf self_;
};

// Answers each record with the same bytes.
class TlsServer {
 public:
  explicit TlsServer(const Authority::Leaf& leaf);
  // Takes what the client sent, appends what is to be sent back.
  void receive(ByteView in, Bytes& wire);
  const std::string& heard() const { return heard_; }

 private:
  std::shared_ptr<SSL_CTX> context_;
  std::shared_ptr<SSL> session_;
  BIO* in_;
  BIO* out_;
  std::string heard_;
};

}  // namespace weft::kube
