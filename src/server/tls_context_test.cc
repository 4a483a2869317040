// Certificates and keys that a server can use, and what is said of those that it cannot.
#include "server/tls_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>
#include <string>

#include "base/log.h"
#include "server/testing/certificates.h"
#include "storage/testing/temporary_folder.h"

namespace polymq::server {
namespace {

using ::testing::AllOf;
using testing::Authority;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::Identity;
using ::testing::Not;
using ::testing::StartsWith;

class TlsContextTest : public ::testing::Test {
 protected:
  TlsContextTest() {
    settings_.certificate = certificate("server", server_);
    settings_.key = testing::write_key(path("server.key"), server_);
    ::chmod(settings_.key.c_str(), 0640);
    settings_.client_certificates = "none";
    settings_.lowest_version = "1.2";
  }
  std::string path(const std::string& name) const { return folder_.path() / name; }
  std::string certificate(const std::string& name, const Identity& identity) const {
    return testing::write_certificate(path(name + ".pem"), identity.certificate.get());
  }
  std::string text_file(const std::string& name, const std::string& text) const {
    std::ofstream(path(name)) << text;
    return path(name);
  }
  std::string error() const {
    const auto loaded = TlsContext::load(settings_);
    return loaded ? "" : loaded.error().text;
  }

  const storage::testing::TemporaryFolder folder_;
  const Authority authority_{"authority"};
  const Identity server_ = authority_.issue("server");
  Config::Tls settings_;
};

TEST_F(TlsContextTest, WithoutACertificateThereIsNone) {
  EXPECT_EQ(TlsContext::load({}).value(), nullptr);
}

TEST_F(TlsContextTest, TellsWhoseCertificateItIsAndUntilWhen) {
  const auto loaded = TlsContext::load(settings_);
  ASSERT_TRUE(loaded) << loaded.error().text;
  EXPECT_EQ((*loaded)->subject(), "server");
  EXPECT_THAT((*loaded)->expiry(), AllOf(StartsWith("20"), EndsWith(" UTC")));
}

TEST_F(TlsContextTest, FilesThatCannotBeReadAreNamedWithTheReason) {
  settings_.certificate = path("missing.pem");
  EXPECT_EQ(error(),
            "tls.certificate: " + path("missing.pem") + ": cannot read: No such file or directory");
  settings_.certificate = certificate("server", server_);
  settings_.key = path("missing.key");
  EXPECT_EQ(error(),
            "tls.key: " + path("missing.key") + ": cannot read: No such file or directory");
  settings_.key = testing::write_key(path("server.key"), server_);
  settings_.client_certificates = "required";
  settings_.ca = path("missing.ca");
  EXPECT_EQ(error(), "tls.ca: " + path("missing.ca") + ": cannot read: No such file or directory");
}

TEST_F(TlsContextTest, FilesWithSomethingElseInThemAreRefused) {
  const std::string good = settings_.certificate;
  settings_.certificate = text_file("text", "good morning\n");
  EXPECT_EQ(error(),
            "tls.certificate: " + path("text") + ": has nothing of that kind in PEM format");
  settings_.certificate = settings_.key;
  EXPECT_EQ(error(),
            "tls.certificate: " + settings_.key + ": has nothing of that kind in PEM format");
  settings_.certificate = good;
  settings_.key = good;
  EXPECT_THAT(error(), StartsWith("tls.key: " + good + ": "));
  settings_.key = text_file("broken", "-----BEGIN PRIVATE KEY-----\nhello\n-----END");
  EXPECT_THAT(error(), StartsWith("tls.key: " + path("broken") + ": "));
}

TEST_F(TlsContextTest, AKeyMustBelongToTheCertificate) {
  settings_.key = testing::write_key(path("other.key"), authority_.issue("other"));
  EXPECT_EQ(error(), "tls.key: " + path("other.key") + ": is not the key of the certificate in " +
                         settings_.certificate);
}

TEST_F(TlsContextTest, AKeyMustNotNeedAPassphrase) {
  settings_.key = testing::write_key(path("locked.key"), server_, "open sesame");
  EXPECT_EQ(error(), "tls.key: " + path("locked.key") +
                         ": is encrypted; one without a passphrase is needed");
}

TEST_F(TlsContextTest, ACertificateMustBeValidNow) {
  const Identity old = authority_.issue("old", -2 * Authority::kDay, -Authority::kDay);
  settings_.certificate = certificate("old", old);
  EXPECT_THAT(error(), AllOf(StartsWith("tls.certificate: " + path("old.pem") + ": expired at 20"),
                             EndsWith(" UTC")));
  settings_.certificate =
      certificate("new", authority_.issue("new", Authority::kDay, 2 * Authority::kDay));
  EXPECT_THAT(error(), HasSubstr(": is not valid before 20"));
}

TEST_F(TlsContextTest, CiphersMustBeKnown) {
  settings_.ciphers = {"ECDHE-RSA-AES256-GCM-SHA384", "TLS_AES_128_GCM_SHA256"};
  EXPECT_EQ(error(), "");
  settings_.ciphers = {"ECDHE-RSA-AES256-GCM-SHA384", "ROT13"};
  EXPECT_EQ(error(), "tls.ciphers: there is no 'ROT13'");
  settings_.ciphers = {"TLS_ROT13"};
  EXPECT_EQ(error(), "tls.ciphers: there is no 'TLS_ROT13'");
  settings_.ciphers = {"ECDHE-RSA-AES256-GCM-SHA384"};
  settings_.lowest_version = "1.3";
  EXPECT_EQ(error(), "tls.ciphers: there is none for TLS 1.3, which is the lowest version");
}

TEST_F(TlsContextTest, AKeyThatEverybodyCanReadIsUsedAndWarnedOf) {
  ASSERT_TRUE(log::configure({.file = path("log")}));
  EXPECT_EQ(error(), "");
  const std::string open = testing::write_key(path("open.key"), server_);
  ::chmod(open.c_str(), 0644);
  settings_.key = open;
  EXPECT_EQ(error(), "");
  log::shutdown();
  std::ifstream in(path("log"));
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  EXPECT_THAT(text, AllOf(HasSubstr("everybody on this machine can use the private key"),
                          HasSubstr(open), Not(HasSubstr("server.key"))));
}

}  // namespace
}  // namespace polymq::server
