// One HTTP/1.1 connection of a client without its socket: bytes in, bytes out (RFC 9110, RFC 9112).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/stream.h"
#include "base/time.h"
#include "http/cors.h"
#include "http/date.h"
#include "http/head_scanner.h"
#include "http/limits.h"
#include "http/request_reader.h"
#include "http/service.h"

namespace polymq::http {

/// Counts connections over all shards. Any thread.
class Admission {
 public:
  virtual ~Admission() = default;
  /// False: there are too many already. Admitted ones must leave().
  virtual bool enter() = 0;
  virtual void leave() = 0;
};

/// What the connections of one listener on one shard share. Must outlive them, and their service
/// must outlive its exchanges.
struct Site {
  Service& service;
  const Limits& limits;
  const Cors& cors;
  Admission& admission;
  DateText date{};
  std::size_t arriving = 0;  // octets of bodies that are not complete
};

/// How an Exchange finds its connection while that is there.
struct Link {
  class Connection* connection = nullptr;
  std::uint64_t number = 0;      // of the request that waits for its answer
  std::function<void()> gone{};  // what that one asked for
  Peer peer{};
};

/// Requests are handled one at a time, in order; what is pipelined behind one stays with the
/// transport. While one is answered the socket is still watched, so that a service hears at once of
/// a client that has gone. Idle connections hold no buffers. Shard: the one its socket lives on.
class Connection final : public StreamConnection {
 public:
  /// `now`: the shard's time, of the current turn whenever the connection is called.
  Connection(Site& site, const Now& now, Transport& transport, Peer peer);
  ~Connection() override;

  // --- StreamConnection ---
  std::size_t receive(std::string_view input) override;
  bool peer_ended() override;
  bool wants_input() const override;
  bool ends_with_peer() const override {
    return state_ == State::kAnswering && held_ != 0 && link_->gone;
  }
  /// Nobody's reading waits for others here: a service delays its answers instead.
  bool publishes() const override { return false; }
  Buffer& output() override { return output_; }
  void written(std::size_t size) override;
  void tick(MonotonicMs now) override;
  void lost() override;
  /// The request that is being answered is still answered.
  void force_close(std::string_view reason) override;

  // --- for its exchange ---
  void answer(Response response);
  void when_gone(std::function<void()> gone);
  bool peer_closed() const { return peer_ended_ || transport_.peer_closed(); }
  void dropped();

 private:
  enum class State : std::uint8_t {
    kIdle,       // between requests
    kHead,       // part of a head is there
    kBody,       // the body is arriving
    kAnswering,  // the service has the request
    kClosing,    // what still comes is thrown away
  };

  std::size_t step(std::string_view input);
  std::size_t read_head(std::string_view input);
  void begin_head();
  void begin_request(std::string_view head, bool more_is_here);
  std::size_t read_body(std::string_view input);
  void dispatch();
  void refuse(const Refusal& refusal);
  void respond(Response& response);
  void write(const Response& response);
  void count_arriving();
  void abandon();
  void forget_request();
  void begin_output();
  void close();
  void drain();
  void finish();

  Site& site_;
  const Now& now_;
  Transport& transport_;
  State state_ = State::kIdle;
  bool admitted_;
  bool receiving_ = false;    // within receive()
  bool peer_ended_ = false;   // nothing more will come
  bool lingers_ = false;      // closing, and the peer may be sending still
  bool close_after_ = false;  // the connection ends with the answer under way
  bool keeps_alive_ = false;  // the request's, so far as the client is concerned
  bool http_1_0_ = false;
  bool head_only_ = false;    // HEAD
  std::size_t held_ = 0;      // octets that the transport keeps for us
  std::size_t arriving_ = 0;  // our part of site_.arriving
  HeadScanner scanner_;
  std::optional<RequestReader> reader_;  // while a request arrives
  std::string origin_;                   // the request's, if a web page's script sent it
  std::shared_ptr<Link> link_;
  Buffer output_;
  MonotonicMs since_;            // of what state_ waits for
  MonotonicMs write_since_ = 0;  // the client took something, or there was nothing to take
};

}  // namespace polymq::http
