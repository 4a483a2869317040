// A connection without its socket, and what it asks of whoever owns the socket: between the server
// and every protocol that is spoken over a stream of bytes.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/log_limiter.h"
#include "base/time.h"

namespace polymq {

/// Who is on the other end of the socket.
struct Peer {
  std::string name;  // "host:port -> host:port", for logs and management
  bool loopback = false;
  /// Over TLS: its version and cipher suite, as "TLSv1.3 TLS_AES_256_GCM_SHA384". Else empty.
  std::string tls = {};
  /// The common name in the certificate that it has proved to be its own, if any was asked for.
  std::string certificate = {};

  bool is_tls() const { return !tls.empty(); }
  /// Without the port, which is another for every connection.
  std::string_view address() const {
    const std::string_view theirs = std::string_view(name).substr(0, name.find(" -> "));
    return theirs.substr(0, theirs.rfind(':'));
  }
};

/// What a connection asks of the one who owns its socket. Never calls back into the connection from
/// within these.
class Transport {
 public:
  virtual ~Transport() = default;
  /// There is (or will be, after prepare_output()) something to write; at the end of this turn.
  virtual void output_ready() = 0;
  /// receive() may be called again with what was left.
  virtual void resume() = 0;
  /// Write what is there, then close the socket, `after` this time at the latest if the peer does
  /// not do it first.
  virtual void shut(std::chrono::milliseconds after) = 0;
  /// The same, and tell the peer behind the last byte that nothing more comes: who is still sending
  /// can read the answer, which a socket closed with input unread may destroy.
  virtual void shut_output(std::chrono::milliseconds after) = 0;
  /// Has the peer closed its side by now? Asks the system, and so knows it before what is unread
  /// is read.
  virtual bool peer_closed() const = 0;
  /// The shard's, so that no peer fills the log.
  virtual LogLimiter& log_limiter() = 0;
  /// After lost(): nothing refers to the connection any more; it may be destroyed.
  virtual void finished() = 0;
};

/// One connection's protocol: bytes in, bytes out. Driven by its transport, on one thread; called
/// for reads, turns and ticks, never for a message.
class StreamConnection {
 public:
  virtual ~StreamConnection() = default;

  /// Handles what is complete in `input` and says how much that was. The transport keeps the rest
  /// and calls again, the rest first, when there is more or after resume().
  virtual std::size_t receive(std::string_view input) = 0;
  /// The input is used up for now: what was collected may be handed on.
  virtual void end_of_input() {}
  /// The peer will send nothing more, but may still read. False: then the socket is to be closed
  /// now. True: there is something left to answer, and shut() follows.
  virtual bool peer_ended() { return false; }
  /// Does it make sense to read more from the socket?
  virtual bool wants_input() const = 0;
  /// While it does not: is the socket to be closed when the peer closes its side?
  virtual bool ends_with_peer() const = 0;
  /// Does its input make work for other shards, so that it waits while they are behind?
  virtual bool publishes() const = 0;

  /// Appends what is folded per turn.
  virtual void prepare_output() {}
  virtual Buffer& output() = 0;
  /// The first `size` octets of output() are on the socket.
  virtual void written(std::size_t size) = 0;

  /// A few times a second: timeouts.
  virtual void tick(MonotonicMs now) = 0;
  /// The socket is gone. Transport::finished() follows, perhaps later.
  virtual void lost() = 0;
  /// The operator wants it to end: what is under way is brought to its end, then it shuts.
  virtual void force_close(std::string_view reason) = 0;
};

}  // namespace polymq
