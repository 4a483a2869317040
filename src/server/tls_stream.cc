// OpenSSL between two buffers of ours, so that it never waits and never calls the system.
#include "server/tls_stream.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

namespace polymq::server {
namespace {

/// With what encryption adds, 64 KiB.
constexpr std::size_t kEncryptedAtOnce = 63 * 1024;
constexpr std::size_t kAdded = 1024;
/// Far more than one piece and a handshake: a client that makes us answer, and never reads.
constexpr std::size_t kMostUnsent = 128 * 1024;

TlsStream::Wire& wire_of(BIO* bio) { return *static_cast<TlsStream::Wire*>(BIO_get_data(bio)); }

int read_wire(BIO* bio, char* to, int size) {
  std::string_view& received = wire_of(bio).received;
  BIO_clear_retry_flags(bio);
  if (received.empty()) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const std::size_t taken = std::min(received.size(), static_cast<std::size_t>(size));
  std::memcpy(to, received.data(), taken);
  received.remove_prefix(taken);
  return static_cast<int>(taken);
}

int write_wire(BIO* bio, const char* from, int size) {
  Buffer& unsent = wire_of(bio).unsent;
  BIO_clear_retry_flags(bio);
  if (unsent.size() > kMostUnsent) return -1;
  unsent.append({from, static_cast<std::size_t>(size)});
  return size;
}

long control_wire(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

BIO* make_bio(TlsStream::Wire& wire) {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire");
    BIO_meth_set_read(made, read_wire);
    BIO_meth_set_write(made, write_wire);
    BIO_meth_set_ctrl(made, control_wire);
    return made;
  }();
  BIO* const bio = BIO_new(method);
  if (bio == nullptr) throw std::bad_alloc();
  BIO_set_data(bio, &wire);
  BIO_set_init(bio, 1);
  return bio;
}

/// The first octet of a TLS handshake.
constexpr char kHandshake = 0x16;

std::string_view kind_of_stranger(std::string_view input) {
  if (input.starts_with("AMQP")) return "AMQP without TLS";
  for (const std::string_view method : {"GET ", "POST ", "HEAD ", "OPTIONS "}) {
    if (input.starts_with(method)) return "HTTP without TLS";
  }
  return "not TLS";
}

}  // namespace

void TlsStream::Free::operator()(SSL* ssl) const { SSL_free(ssl); }

TlsStream::TlsStream(const TlsContext& context, int fd, std::string_view application)
    : fd_(fd), application_(application), ssl_(SSL_new(context.native())) {
  if (!ssl_) throw std::bad_alloc();
  BIO* const bio = make_bio(wire_);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_app_data(ssl_.get(), this);
  SSL_set_accept_state(ssl_.get());
}

// --- receiving ----------------------------------------------------------------------------------
ssize_t TlsStream::fetch(char* to, std::size_t space) {
  if (early_.empty()) return ::recv(fd_, to, space, 0);
  const std::size_t size = std::min(early_.size(), space);
  std::memcpy(to, early_.view().data(), size);
  early_.consume(size);
  if (early_.empty()) early_.release();
  return static_cast<ssize_t>(size);
}

// It is decrypted into the room that it was received into. What is decrypted is shorter than what
// it came from, but for a record whose beginning OpenSSL has: by that it starts further back.
ssize_t TlsStream::receive(char* to, std::size_t space) {
  assert(space > kLargestRecord);
  if (std::exchange(ended_, false)) return 0;
  char* const raw = to + kLargestRecord;
  const ssize_t got = fetch(raw, space - kLargestRecord);
  if (got <= 0) return got;
  wire_.received = {raw, static_cast<std::size_t>(got)};
  if (SSL_in_before(ssl_.get()) && *raw != kHandshake) {
    return fail(std::string(kind_of_stranger(wire_.received)));
  }
  char* end = to;
  int error = SSL_ERROR_NONE;
  while (error == SSL_ERROR_NONE) {
    ERR_clear_error();
    std::size_t size = 0;
    const auto room = static_cast<std::size_t>(wire_.received.data() - end);
    const int done = SSL_read_ex(ssl_.get(), end, room, &size);
    end += size;
    error = done == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl_.get(), done);
  }
  wire_.received = {};
  ended_ = error == SSL_ERROR_ZERO_RETURN;
  if (!ended_ && error != SSL_ERROR_WANT_READ) return fail(reason());
  flush();  // of the handshake; what became of it is seen when more is sent
  if (end != to) return end - to;
  if (std::exchange(ended_, false)) return 0;
  errno = EAGAIN;
  return -1;
}

std::string TlsStream::reason() {
  const long verdict = SSL_get_verify_result(ssl_.get());
  std::string text = take_openssl_reason();
  if (verdict != X509_V_OK) {
    text += std::string(": ") + X509_verify_cert_error_string(verdict);
  }
  return text;
}

// The client is told, if OpenSSL has something to tell.
ssize_t TlsStream::fail(std::string reason) {
  failure_ = std::move(reason);
  closed_ = true;
  flush();
  errno = EPROTO;
  return -1;
}

// --- sending ------------------------------------------------------------------------------------
ssize_t TlsStream::send(std::string_view bytes) {
  if (under_way_ == 0) {
    const std::size_t piece = std::min(bytes.size(), kEncryptedAtOnce);
    wire_.unsent.reserve(piece + kAdded);
    ERR_clear_error();
    if (SSL_write_ex(ssl_.get(), bytes.data(), piece, &under_way_) != 1) return fail(reason());
  }
  if (!flush()) return -1;
  return static_cast<ssize_t>(std::exchange(under_way_, 0));
}

bool TlsStream::flush() {
  Buffer& unsent = wire_.unsent;
  while (!unsent.empty()) {
    const std::string_view bytes = unsent.view();
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return false;
    unsent.consume(static_cast<std::size_t>(sent));
  }
  unsent.release();
  return true;
}

void TlsStream::close() {
  if (!is_open() || std::exchange(closed_, true)) return;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
  flush();
}

// --- what was agreed on -------------------------------------------------------------------------
bool TlsStream::is_open() const { return SSL_is_init_finished(ssl_.get()) == 1; }

std::string_view TlsStream::version() const { return SSL_get_version(ssl_.get()); }

std::string_view TlsStream::cipher() const { return SSL_get_cipher_name(ssl_.get()); }

std::string TlsStream::client_name() const {
  const X509* const certificate = SSL_get0_peer_certificate(ssl_.get());
  return certificate == nullptr ? "" : common_name(*certificate);
}

// A client that speaks only other protocols had better hear of it now.
int TlsStream::select_application(SSL* ssl, const unsigned char** chosen, unsigned char* size,
                                  const unsigned char* offered, unsigned offered_size, void*) {
  const auto* const self = static_cast<const TlsStream*>(SSL_get_app_data(ssl));
  if (self->application_.empty()) return SSL_TLSEXT_ERR_NOACK;
  const std::string_view names(reinterpret_cast<const char*>(offered), offered_size);
  for (std::size_t at = 0; at < names.size();) {
    const auto length = static_cast<unsigned char>(names[at]);
    if (names.substr(at + 1, length) == self->application_) {
      *chosen = offered + at + 1;
      *size = length;
      return SSL_TLSEXT_ERR_OK;
    }
    at += 1 + std::size_t{length};
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

}  // namespace polymq::server
