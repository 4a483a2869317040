// Certificates, keys and protocol settings as OpenSSL wants them, and its errors in our words.
#include "server/tls_context.h"

#include <openssl/err.h>
#include <openssl/pemerr.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <array>
#include <ctime>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/log.h"
#include "server/tls_stream.h"

namespace polymq::server {
namespace {

tl::unexpected<Error> wrong(std::string_view key, const std::string& file,
                            const std::string& what) {
  return fail(std::string(key) + ": " + file + ": " + what);
}

std::string to_text(const ASN1_TIME& time) {
  std::tm parts{};
  std::array<char, 32> text{};
  if (ASN1_TIME_to_tm(&time, &parts) != 1) return "an unknown time";
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts);
  return text.data();
}

/// Nobody is there to be asked.
int no_passphrase(char*, int, int, void*) { return -1; }

Result<void> use_certificate(SSL_CTX* context, const std::string& file) {
  constexpr std::string_view kKey = "tls.certificate";
  if (SSL_CTX_use_certificate_chain_file(context, file.c_str()) != 1) {
    return wrong(kKey, file, take_openssl_reason());
  }
  const X509* const own = SSL_CTX_get0_certificate(context);
  const ASN1_TIME* const end = X509_get0_notAfter(own);
  const ASN1_TIME* const begin = X509_get0_notBefore(own);
  if (X509_cmp_current_time(end) < 0) return wrong(kKey, file, "expired at " + to_text(*end));
  if (X509_cmp_current_time(begin) > 0) {
    return wrong(kKey, file, "is not valid before " + to_text(*begin));
  }
  return {};
}

// Groups may read it: that is how those who renew certificates hand them on.
void warn_of_mode(const std::string& file) {
  struct stat status{};
  if (::stat(file.c_str(), &status) != 0 || (status.st_mode & S_IRWXO) == 0) return;
  log::Line(log::Area::kServer, log::Level::kWarning,
            "everybody on this machine can use the private key")
      .with("file", file)
      .with("remedy", "chmod o= " + file);
}

// Behind the certificate, which it must belong to.
Result<void> use_key(SSL_CTX* context, const Config::Tls& settings) {
  SSL_CTX_set_default_passwd_cb(context, no_passphrase);
  if (SSL_CTX_use_PrivateKey_file(context, settings.key.c_str(), SSL_FILETYPE_PEM) == 1) {
    warn_of_mode(settings.key);
    return {};
  }
  const unsigned long error = ERR_peek_last_error();
  std::string what = take_openssl_reason();
  if (ERR_GET_LIB(error) == ERR_LIB_X509) {
    what = "is not the key of the certificate in " + settings.certificate;
  }
  return wrong("tls.key", settings.key, what);
}

Result<void> verify_clients(SSL_CTX* context, const Config::Tls& settings) {
  if (settings.client_certificates == "none") return {};
  const char* const file = settings.ca.c_str();
  STACK_OF(X509_NAME)* names = nullptr;
  if (SSL_CTX_load_verify_file(context, file) == 1) names = SSL_load_client_CA_file(file);
  if (names == nullptr) return wrong("tls.ca", settings.ca, take_openssl_reason());
  SSL_CTX_set_client_CA_list(context, names);  // told to clients, for them to choose by
  const bool required = settings.client_certificates == "required";
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                     nullptr);
  return {};
}

// Those of TLS 1.3 begin with TLS_; OpenSSL keeps them apart.
Result<void> use_ciphers(SSL_CTX* context, const Config::Tls& settings) {
  if (settings.ciphers.empty()) return {};
  std::string newer;
  std::string older;
  for (const std::string& name : settings.ciphers) {
    const bool is_new = name.starts_with("TLS_");
    const auto use = is_new ? SSL_CTX_set_ciphersuites : SSL_CTX_set_cipher_list;
    // In a list it passes over those of TLS 1.2 that it does not know.
    if (use(context, name.c_str()) != 1) {
      ERR_clear_error();
      return fail("tls.ciphers: there is no '" + name + "'");
    }
    std::string& list = is_new ? newer : older;
    list += (list.empty() ? "" : ":") + name;
  }
  if (newer.empty() && settings.lowest_version == "1.3") {
    return fail("tls.ciphers: there is none for TLS 1.3, which is the lowest version");
  }
  if (newer.empty()) {
    SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
  } else {
    SSL_CTX_set_ciphersuites(context, newer.c_str());
  }
  if (older.empty()) {
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  } else {
    SSL_CTX_set_cipher_list(context, older.c_str());
  }
  SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
  return {};
}

void use_defaults(SSL_CTX* context) {
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_dh_auto(context, 1);
  // An idle connection keeps no buffers.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  // Clients keep their sessions themselves, as tickets: nothing here grows, nothing is locked.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  constexpr std::array<unsigned char, 6> kName{'p', 'o', 'l', 'y', 'm', 'q'};
  SSL_CTX_set_session_id_context(context, kName.data(), kName.size());
  SSL_CTX_set_alpn_select_cb(context, TlsStream::select_application, nullptr);
}

}  // namespace

void TlsContext::Free::operator()(SSL_CTX* context) const { SSL_CTX_free(context); }

Result<std::shared_ptr<const TlsContext>> TlsContext::load(const Config::Tls& settings) {
  if (!settings.enabled()) return nullptr;
  ERR_clear_error();
  Context context(SSL_CTX_new(TLS_server_method()));
  if (!context) return fail("tls: " + take_openssl_reason());
  use_defaults(context.get());
  const bool newest_only = settings.lowest_version == "1.3";
  SSL_CTX_set_min_proto_version(context.get(), newest_only ? TLS1_3_VERSION : TLS1_2_VERSION);
  Result<void> good = use_certificate(context.get(), settings.certificate);
  if (good) good = use_key(context.get(), settings);
  if (good) good = verify_clients(context.get(), settings);
  if (good) good = use_ciphers(context.get(), settings);
  if (!good) return tl::make_unexpected(good.error());
  return std::shared_ptr<const TlsContext>(new TlsContext(std::move(context)));
}

std::string TlsContext::subject() const {
  return common_name(*SSL_CTX_get0_certificate(context_.get()));
}

std::string TlsContext::expiry() const {
  return to_text(*X509_get0_notAfter(SSL_CTX_get0_certificate(context_.get())));
}

std::string common_name(const X509& certificate) {
  const X509_NAME* const subject = X509_get_subject_name(&certificate);
  const int place = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (place < 0) return {};
  unsigned char* text = nullptr;
  const int size =
      ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, place)));
  if (size < 0) return {};
  std::string name(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size));
  OPENSSL_free(text);
  return name;
}

std::string take_openssl_reason() {
  const unsigned long first = ERR_get_error();
  ERR_clear_error();
  if (first == 0) return "unknown reason";
  if (ERR_SYSTEM_ERROR(first)) {
    return "cannot read: " + std::generic_category().message(ERR_GET_REASON(first));
  }
  const int reason = ERR_GET_REASON(first);
  const bool of_pem = ERR_GET_LIB(first) == ERR_LIB_PEM;
  if (of_pem && reason == PEM_R_NO_START_LINE) return "has nothing of that kind in PEM format";
  if ((of_pem && reason == PEM_R_BAD_PASSWORD_READ) || reason == ERR_R_INTERRUPTED_OR_CANCELLED) {
    return "is encrypted; one without a passphrase is needed";
  }
  const char* const known = ERR_reason_error_string(first);
  return known == nullptr ? "error " + std::to_string(first) : known;
}

}  // namespace polymq::server
