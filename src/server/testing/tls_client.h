// A client of TLS in tests, whose octets the test moves when and as it likes.
#pragma once

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <string_view>

#include "server/testing/certificates.h"

namespace polymq::server::testing {

/// Until the socket takes no more. Returns how much it took.
inline std::size_t fill(int fd) {
  const std::array<char, 4096> junk{};
  std::size_t filled = 0;
  for (std::size_t size : {junk.size(), std::size_t{1}}) {
    ssize_t sent = 0;
    while ((sent = ::send(fd, junk.data(), size, MSG_NOSIGNAL | MSG_DONTWAIT)) > 0) {
      filled += static_cast<std::size_t>(sent);
    }
  }
  return filled;
}

/// Takes out of the other end what fill() put in.
inline void drain(int fd, std::size_t filled) {
  std::array<char, 4096> junk{};
  while (filled != 0) {
    const ssize_t got = ::recv(fd, junk.data(), std::min(junk.size(), filled), 0);
    ASSERT_GT(got, 0);
    filled -= static_cast<std::size_t>(got);
  }
}

/// On a non-blocking socket, which is not its own.
class TlsClient {
 public:
  struct Options {
    X509* authority = nullptr;  // the only one it trusts
    const Identity* own = nullptr;
    int highest_version = TLS1_3_VERSION;
    std::string application = {};  // offered by ALPN, if any
    SSL_SESSION* session = nullptr;
  };

  TlsClient(int fd, const Options& options)
      : fd_(fd), context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
    SSL_CTX_set_max_proto_version(context_.get(), options.highest_version);
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context_.get()), options.authority);
    if (options.own != nullptr) {
      SSL_CTX_use_certificate(context_.get(), options.own->certificate.get());
      SSL_CTX_use_PrivateKey(context_.get(), options.own->key.get());
    }
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl_.get());
    if (!options.application.empty()) {
      const std::string offer = static_cast<char>(options.application.size()) + options.application;
      SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(offer.data()),
                          static_cast<unsigned>(offer.size()));
    }
    if (options.session != nullptr) SSL_set_session(ssl_.get(), options.session);
  }

  /// A step of the handshake. True: it is done, as far as the client is concerned.
  bool shake_hands() {
    pull();
    return shake_hands_sending();
  }
  /// The same, without a look at what has come.
  bool shake_hands_sending() {
    ERR_clear_error();
    const bool done = SSL_do_handshake(ssl_.get()) == 1;
    push();
    return done;
  }
  void write(std::string_view bytes, std::size_t most_pushed = std::string::npos) {
    std::size_t written = 0;
    ASSERT_EQ(SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &written), 1);
    push(most_pushed);
  }
  /// All that has come. has_ended() and is_broken() tell how it goes on.
  std::string read() {
    pull();
    std::string text;
    std::array<char, 16384> part{};
    std::size_t size = 0;
    ERR_clear_error();
    int done = 0;
    while ((done = SSL_read_ex(ssl_.get(), part.data(), part.size(), &size)) == 1) {
      text.append(part.data(), size);
    }
    broken_ = broken_ || SSL_get_error(ssl_.get(), done) == SSL_ERROR_SSL;
    push();
    return text;
  }
  void close() {
    SSL_shutdown(ssl_.get());
    push();
  }
  void request_new_keys() {
    ASSERT_EQ(SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_REQUESTED), 1);
    ASSERT_EQ(SSL_do_handshake(ssl_.get()), 1);
    push();
  }
  /// What is encrypted goes into the socket, so much of it as it takes, but no more than that.
  void push(std::size_t most = std::string::npos) {
    char* octets = nullptr;
    BIO* const out = SSL_get_wbio(ssl_.get());
    const auto there = static_cast<std::size_t>(BIO_get_mem_data(out, &octets));
    const std::size_t size = std::min(there, most);
    const ssize_t sent = size == 0 ? 0 : ::send(fd_, octets, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    std::string taken(sent > 0 ? static_cast<std::size_t>(sent) : 0, '\0');
    BIO_read(out, taken.data(), static_cast<int>(taken.size()));
  }
  bool has_unsent() const { return BIO_pending(SSL_get_wbio(ssl_.get())) != 0; }
  /// The server has said that nothing follows.
  bool has_ended() const { return (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0; }
  /// The socket has ended, with or without such a word.
  bool is_cut() const { return cut_; }
  bool is_broken() const { return broken_; }
  SSL* ssl() const { return ssl_.get(); }

 private:
  void pull() {
    std::array<char, 65536> part{};
    ssize_t got = 0;
    while ((got = ::recv(fd_, part.data(), part.size(), MSG_DONTWAIT)) > 0) {
      BIO_write(SSL_get_rbio(ssl_.get()), part.data(), static_cast<int>(got));
    }
    cut_ = got == 0 || errno != EAGAIN;
  }

  const int fd_;
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context_;
  std::unique_ptr<SSL, void (*)(SSL*)> ssl_{nullptr, SSL_free};
  bool broken_ = false;
  bool cut_ = false;
};

}  // namespace polymq::server::testing
