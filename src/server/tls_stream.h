// TLS on one connection's socket: what arrives is decrypted, what is sent is encrypted.
#pragma once

#include <openssl/types.h>
#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "server/tls_context.h"

namespace polymq::server {

/// To be used as recv() and send() are; the handshake is done on the way. Thread: its
/// connection's. Holds no octets while it is idle.
class TlsStream {
 public:
  /// No record is longer, with all that is around it.
  static constexpr std::size_t kLargestRecord = 17 * 1024;

  /// `fd`: the caller's non-blocking socket. `application`: the protocol that clients must offer if
  /// they offer any (ALPN, RFC 7301), or empty; must outlive this.
  TlsStream(const TlsContext& context, int fd, std::string_view application);

  /// Octets of the client that somebody else received, before the first receive().
  void begin_with(std::string_view received) { early_.append(received); }
  /// Reads the socket once, and puts all that is complete to `to`, which has room for `space`
  /// octets, more than kLargestRecord. Returns how many, or 0: the client sends nothing more.
  /// Or -1; errno is EAGAIN: nothing is complete, EPROTO: failure() tells, or that of recv().
  ssize_t receive(char* to, std::size_t space);
  /// Returns how many of `bytes` are on the socket now, at least one; a part of them may be all
  /// that is tried at once. Or -1; errno is EAGAIN: to be called again with the same octets, and
  /// possibly more behind them, when the socket is writable; EPROTO, or that of send().
  ssize_t send(std::string_view bytes);
  /// Are there octets of the handshake's left that the socket did not take? While nothing else is
  /// to be sent, flush() is due when it is writable.
  bool is_blocked() const { return !wire_.unsent.empty(); }
  /// False: still blocked.
  bool flush();
  /// Tells the client that nothing follows, if it can be told now. Nothing is to be sent any more.
  void close();

  /// The handshake is done.
  bool is_open() const;
  /// The client has said that it sends nothing more; receive() has yet to.
  bool has_ended() const { return ended_; }
  const std::string& failure() const { return failure_; }
  /// "TLSv1.3", the cipher suite, and the common name in the client's verified certificate, or
  /// empty. Of an open one.
  std::string_view version() const;
  std::string_view cipher() const;
  std::string client_name() const;

  /// OpenSSL's callback for ALPN.
  static int select_application(SSL* ssl, const unsigned char** chosen, unsigned char* size,
                                const unsigned char* offered, unsigned offered_size, void*);

  /// What OpenSSL has instead of a socket.
  struct Wire {
    std::string_view received;  // of which it has taken nothing yet
    Buffer unsent;
  };

 private:
  struct Free {
    void operator()(SSL* ssl) const;
  };
  ssize_t fetch(char* to, std::size_t space);
  ssize_t fail(std::string reason);
  std::string reason();

  const int fd_;
  const std::string_view application_;
  Wire wire_;
  std::unique_ptr<SSL, Free> ssl_;
  Buffer early_;
  std::size_t under_way_ = 0;  // octets to be sent that are in wire_.unsent
  bool ended_ = false;
  bool closed_ = false;  // nothing more may be sent
  std::string failure_;
};

}  // namespace polymq::server
