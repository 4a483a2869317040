// The server's certificate, and what it asks of clients that speak TLS.
#pragma once

#include <openssl/types.h>

#include <memory>
#include <string>

#include "base/result.h"
#include "server/config/config.h"

namespace polymq::server {

/// Any thread: what all connections of all shards that begin at that moment share. They keep what
/// they need of it.
class TlsContext {
 public:
  /// Reads the files of the configuration; null without a certificate. Error: the key, the file and
  /// what is wrong with it. A private key that everybody on the machine can use is logged.
  static Result<std::shared_ptr<const TlsContext>> load(const Config::Tls& settings);

  /// For SSL_new(), which changes nothing that others see.
  SSL_CTX* native() const { return context_.get(); }
  /// Of the server's certificate.
  std::string subject() const;
  std::string expiry() const;

 private:
  struct Free {
    void operator()(SSL_CTX* context) const;
  };
  using Context = std::unique_ptr<SSL_CTX, Free>;

  explicit TlsContext(Context context) : context_(std::move(context)) {}

  Context context_;
};

/// The common name in a certificate; empty if it has none.
std::string common_name(const X509& certificate);

/// What OpenSSL says was wrong first on this thread. Forgets it.
std::string take_openssl_reason();

}  // namespace polymq::server
