// Certificates and keys for tests, made anew each time.
#pragma once

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace polymq::server::testing {

/// A certificate with its key.
struct Identity {
  std::shared_ptr<X509> certificate;
  std::shared_ptr<EVP_PKEY> key;
};

/// Signs certificates for others.
class Authority {
 public:
  static constexpr long kDay = 24 * 3600;

  explicit Authority(const std::string& name)
      : own_(make(name, -kDay, kDay, [](Identity& own) {
          add(*own.certificate, NID_basic_constraints, "critical,CA:TRUE");
          X509_set_issuer_name(own.certificate.get(), X509_get_subject_name(own.certificate.get()));
          EXPECT_NE(X509_sign(own.certificate.get(), own.key.get(), EVP_sha256()), 0);
        })) {}

  /// Valid between these seconds from now.
  Identity issue(const std::string& name, long begin = -kDay, long end = kDay) const {
    return make(name, begin, end, [&](Identity& made) {
      add(*made.certificate, NID_subject_alt_name, "DNS:localhost");
      X509_set_issuer_name(made.certificate.get(), X509_get_subject_name(own_.certificate.get()));
      EXPECT_NE(X509_sign(made.certificate.get(), own_.key.get(), EVP_sha256()), 0);
    });
  }
  X509* certificate() const { return own_.certificate.get(); }

 private:
  static void add(X509& certificate, int nid, const char* value) {
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
    ASSERT_EQ(X509_add_ext(&certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
  }
  static Identity make(const std::string& name, long begin, long end,
                       const std::function<void(Identity&)>& sign) {
    static long serial = 0;
    Identity made{{X509_new(), X509_free}, {EVP_EC_gen("P-256"), EVP_PKEY_free}};
    X509* const certificate = made.certificate.get();
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), begin);
    X509_gmtime_adj(X509_getm_notAfter(certificate), end);
    X509_set_pubkey(certificate, made.key.get());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    sign(made);
    return made;
  }

  Identity own_;
};

inline void write_pem(const std::string& path, const std::function<int(std::FILE*)>& write) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "we"),
                                                             &std::fclose);
  ASSERT_NE(file, nullptr) << path;
  ASSERT_EQ(write(file.get()), 1) << path;
}

inline std::string write_certificate(const std::string& path, X509* certificate) {
  write_pem(path, [&](std::FILE* file) { return PEM_write_X509(file, certificate); });
  return path;
}

/// Encrypted, if there is a passphrase.
inline std::string write_key(const std::string& path, const Identity& identity,
                             std::string passphrase = {}) {
  write_pem(path, [&](std::FILE* file) {
    return PEM_write_PrivateKey(file, identity.key.get(),
                                passphrase.empty() ? nullptr : EVP_aes_128_cbc(),
                                reinterpret_cast<unsigned char*>(passphrase.data()),
                                static_cast<int>(passphrase.size()), nullptr, nullptr);
  });
  EXPECT_EQ(::chmod(path.c_str(), S_IRUSR | S_IWUSR), 0);
  return path;
}

}  // namespace polymq::server::testing
